"""The command that shows the effective settings."""

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from ktp_server.cli.flags import take_settings
from ktp_server.configuration import Configuration
from ktp_server.settings_document import section_of, write_document

__all__ = ["config"]


class ConfigFormat(StrEnum):
    """How the settings are printed."""

    TABLE = "table"
    YAML = "yaml"
    JSON = "json"


@take_settings
def config(
    configuration: Configuration,
    form: Annotated[ConfigFormat, typer.Option("--format", help="How to print them.")] = ConfigFormat.TABLE,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/configuration.md instead.")] = False,
) -> None:
    """Print the effective settings and where each value comes from: a flag, the environment, the file or the default.

    It takes the flags of `serve`; the output of `--format yaml` can be given back as `--config`.

    Example: `KTP_OCR_LOG_LEVEL=DEBUG ktp-ocr config --config ktp-ocr.yaml`
    """
    for warning in configuration.warnings():
        sys.stderr.write(f"ktp-ocr: {warning}\n")
    if markdown:
        sys.stdout.write(write_document())
    elif form is ConfigFormat.TABLE:
        Console().print(_make_table(configuration))
    else:
        sys.stdout.write(_write_yaml(configuration) if form is ConfigFormat.YAML else _write_json(configuration))


def _make_table(configuration: Configuration) -> Table:
    table = Table("setting", "value", "origin", show_edge=False, pad_edge=False)
    section = ""
    for name, value in configuration.settings.model_dump(mode="json").items():
        if section_of(name) != section:
            table.add_section()
            section = section_of(name)
        table.add_row(name, _write_value(value), configuration.origins[name])
    return table


def _write_yaml(configuration: Configuration) -> str:
    values = configuration.settings.model_dump(mode="json")
    return "".join(
        f"{name}: {_write_value(value)}  # {configuration.origins[name]}\n" for name, value in values.items()
    )


def _write_json(configuration: Configuration) -> str:
    values = configuration.settings.model_dump(mode="json")
    document = {name: {"value": value, "origin": configuration.origins[name]} for name, value in values.items()}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write_value(value: object) -> str:
    """Write a value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=sys.maxsize).removesuffix("\n").removesuffix("\n...")
