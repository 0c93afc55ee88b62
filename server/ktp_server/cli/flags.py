"""One flag for each setting, made of the settings class, for the commands that take them all."""

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Union, get_args, get_origin

import typer

from ktp_server.cli.options import ConfigOption, SetOption, make_configuration
from ktp_server.configuration import FlagValue, flag_name
from ktp_server.settings import Settings
from ktp_server.settings_document import default_text, section_of

__all__ = ["take_settings"]

SHORT_FLAGS = {"listen_address": "--listen", "model_repository": "--models"}
"""Second names of what is given most often."""


def take_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--config`, `--set` and a flag for every setting.

    Args:
        command: its first parameter is called `configuration` and gets what they say; the others stay as they are.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "configuration"]

    def run(config: Path | None, assignments: list[str] | None, **values: FlagValue) -> None:
        flags = {name: values.pop(name) for name in Settings.model_fields}
        command(make_configuration(config, assignments, flags), **values)

    run.__doc__, run.__name__ = command.__doc__, command.__name__
    shared = [_parameter("config", ConfigOption), _parameter("assignments", SetOption)]
    # Typer reads the signature alone.
    run.__signature__ = inspect.Signature([*own, *shared, *map(_flag, Settings.model_fields)])  # type: ignore[attr-defined]
    return run


def _flag(setting: str) -> inspect.Parameter:
    is_switch = Settings.model_fields[setting].annotation is bool
    names = f"{flag_name(setting)}/--no-{flag_name(setting)[2:]}" if is_switch else flag_name(setting)
    option = typer.Option(
        names,
        *([SHORT_FLAGS[setting]] if setting in SHORT_FLAGS else []),
        help=f"{Settings.model_fields[setting].description} Default: {default_text(setting)}.",
        metavar=None if is_switch else _value_kind(setting),
        rich_help_panel=section_of(setting),
        show_default=False,
    )
    return _parameter(setting, Annotated[(bool if is_switch else str) | None, option])


def _parameter(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _value_kind(setting: str) -> str:
    annotation = Settings.model_fields[setting].annotation
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    kinds = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    plain = {get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds}
    return "PATH" if Path in plain else "NUMBER" if plain & {int, float} else "TEXT"
