"""What the commands share: options, settings, and how a reason not to go on is told."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console

from ktp_server.configuration import CONFIG_FILE_VARIABLE, Configuration, FlagValue, SettingsError, load_configuration
from ktp_server.settings import Settings

__all__ = [
    "ConfigOption",
    "JsonOption",
    "ModelsOption",
    "SetOption",
    "TemplatesOption",
    "begin_log",
    "fail",
    "make_configuration",
    "make_settings",
    "run_or_exit",
    "to_text",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with settings.", envvar=CONFIG_FILE_VARIABLE, show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="One setting; may be repeated.", show_default=False),
]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Model repository; by default the bundled one.", show_default=False)
]
TemplatesOption = Annotated[
    Path | None,
    typer.Option(
        "--templates",
        help="Folder of CSV tables laid over the bundled ones; see docs/templates.md. \\[env: KTP_OCR_TEMPLATES]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def make_settings(config: Path | None, assignments: list[str] | None, options: Mapping[str, FlagValue]) -> Settings:
    """Read the settings, or tell which one is wrong and exit; the parameters are those of `make_configuration`."""
    return make_configuration(config, assignments, options).settings


def make_configuration(
    config: Path | None, assignments: list[str] | None, options: Mapping[str, FlagValue]
) -> Configuration:
    """Read the settings and where they come from, or tell which one is wrong and exit.

    Args:
        config: YAML file.
        assignments: `NAME=VALUE` each.
        options: setting -> value of its own option; None where the option was not given.
    """
    assigned: dict[str, str] = {}
    for assignment in assignments or []:
        name, separator, value = assignment.partition("=")
        if not separator:
            fail("--set: expected NAME=VALUE")
        assigned[name.strip()] = value
    try:
        return load_configuration(config, options, assigned)
    except SettingsError as error:
        fail(str(error))


def begin_log(configuration: Configuration) -> None:
    """Log as the settings say from now on; first of all what was given to them in vain."""
    from ktp_server.observability.logs import configure_logging

    configure_logging(configuration.settings.log_level, configuration.settings.log_format)
    for warning in configuration.warnings():
        logger.warning(warning)


def run_or_exit(work: Coroutine[None, None, T]) -> T:
    """Run until done; a known reason not to start is told in one line instead of a stack."""
    from ktp_server.start_errors import START_ERRORS

    try:
        return asyncio.run(work)
    except START_ERRORS as error:
        fail(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(message: str) -> NoReturn:
    """Tell why and exit with status 2."""
    Console(stderr=True, style="red", soft_wrap=True).print(f"ktp-ocr: {message}", markup=False, highlight=False)
    raise typer.Exit(2)


def to_text(path: Path | None) -> str | None:
    """An option's path as a setting's text."""
    return None if path is None else str(path)
