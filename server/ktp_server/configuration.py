"""Where the settings' values come from: strongest first the command line, the environment, a YAML file, the defaults.

They are read once, at the start. An invalid value stops it with the name of the setting and the place of the value, and
without the value itself, which might be a secret that someone put into the wrong line.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from ktp_server.settings import Settings

__all__ = [
    "CONFIG_FILE_VARIABLE",
    "DEFAULT_ORIGIN",
    "Configuration",
    "FlagValue",
    "SettingsError",
    "environment_name",
    "flag_name",
    "load_configuration",
]

ENVIRONMENT_PREFIX = "KTP_OCR_"
CONFIG_FILE_VARIABLE = "KTP_OCR_CONFIG"
DEFAULT_ORIGIN = "default"

SERVICE_VARIABLE = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
"""What Kubernetes puts into the environment for each service, one called ktp-ocr for instance.
Source: its documentation, "Accessing the Service", environment variables."""

FlagValue = str | bool | None
"""What the command line gives for a setting; None where it gives nothing."""


class SettingsError(Exception):
    """A setting is invalid; the message names it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The effective settings.

    Attributes:
        settings: the values.
        origins: setting -> where its value comes from: `flag --name`, `flag --set`, `environment NAME`,
            `file PATH` or `default`.
        unread_variables: the environment's variables with our prefix that name no setting, misspelt perhaps.
    """

    settings: Settings
    origins: Mapping[str, str]
    unread_variables: tuple[str, ...] = ()

    def warnings(self) -> list[str]:
        """Tell of what was given and has no effect."""
        return [
            f"environment variable {name} names no setting and has no effect"
            + _suggest(name.removeprefix(ENVIRONMENT_PREFIX).lower(), environment_name)
            for name in self.unread_variables
        ]


def environment_name(setting: str) -> str:
    """Give the environment variable of a setting."""
    return ENVIRONMENT_PREFIX + setting.upper()


def flag_name(setting: str) -> str:
    """Give the command line's flag of a setting."""
    return "--" + setting.replace("_", "-")


def load_configuration(
    config_file: Path | None = None,
    flags: Mapping[str, FlagValue] | None = None,
    assignments: Mapping[str, str] | None = None,
) -> Configuration:
    """Read the settings from all sources.

    Args:
        config_file: YAML file; by default the one named by KTP_OCR_CONFIG, if any.
        flags: values of the command line's flags by setting name; None leaves a setting to the other sources.
        assignments: values of its `--set`, likewise; they win.

    Raises:
        SettingsError: a value is invalid, a name is unknown, or the file cannot be read; the message names the setting.
    """
    named_file = os.environ.get(CONFIG_FILE_VARIABLE)
    path = config_file if config_file is not None else Path(named_file) if named_file else None
    values: dict[str, object] = {}
    origins = dict.fromkeys(Settings.model_fields, DEFAULT_ORIGIN)
    for name, value in ({} if path is None else _read_file(path)).items():
        values[name], origins[name] = value, f"file {path}"
    for name in Settings.model_fields:
        # An empty variable is one that a template of a deployment left empty.
        if text := os.environ.get(environment_name(name)):
            values[name], origins[name] = text, f"environment {environment_name(name)}"
    for name, given in (flags or {}).items():
        if given is not None:
            values[name], origins[name] = given, f"flag {flag_name(name)}"
    for name, text in (assignments or {}).items():
        values[name], origins[name] = text, "flag --set"
    try:
        return Configuration(Settings.model_validate(values), origins, tuple(_find_unread_variables()))
    except ValidationError as error:
        raise SettingsError(_explain(error, origins)) from None


def _find_unread_variables() -> Iterator[str]:
    read = {CONFIG_FILE_VARIABLE, *map(environment_name, Settings.model_fields)}
    for name in sorted(os.environ):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in read and SERVICE_VARIABLE.fullmatch(name) is None:
            yield name


def _read_file(path: Path) -> dict[str, object]:
    try:
        document: object = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"configuration file {path} does not exist") from None
    except OSError as error:
        raise SettingsError(f"configuration file {path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        place = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        raise SettingsError(f"configuration file {path}{place}: this is not YAML") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"configuration file {path}: expected lines of the form `setting: value`")
    return {str(name): value for name, value in document.items()}


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{name} ({origins[name]}): no such setting{_suggest(name)}")
        else:
            place = f"{name} ({origins[str(problem['loc'][0])]}): " if name else ""
            lines.append(place + problem["msg"].removeprefix("Value error, "))
    return "invalid setting: " + "; ".join(lines)


def _suggest(name: str, write: Callable[[str], str] = str) -> str:
    similar = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; is {write(similar[0])} meant?" if similar else ""
