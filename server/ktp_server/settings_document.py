"""docs/configuration.md, made of the settings class."""

import inspect
from collections.abc import Iterator

from ktp_server.settings import SECTIONS, Settings

__all__ = ["default_text", "section_of", "write_document"]

INTRODUCTION = """\
# Configuration

<!-- Made of server/ktp_server/settings.py by `make docs`; change the descriptions there. -->

A value comes from, strongest first: the command line, the environment, a YAML file (`--config` or `KTP_OCR_CONFIG`),
the default. Settings are read once, at the start; an invalid value stops it with the name of the setting and the place
of the value.

    ktp-ocr serve --max-in-flight-count 128
    KTP_OCR_MAX_IN_FLIGHT_COUNT=128 ktp-ocr serve
    echo 'max_in_flight_count: 128' > ktp-ocr.yaml && ktp-ocr serve --config ktp-ocr.yaml

Each setting has a flag of `serve` (`--` and its name with hyphens), an environment variable (`KTP_OCR_` and its name in
capitals; an empty one counts as not set) and a key in the file. The other commands that have settings take them as
`--set name=value`. Lists are words with commas between them, in YAML also lists. A variable that begins with `KTP_OCR_`
and names no setting is warned of, but for those that Kubernetes makes of services' names. `ktp-ocr config` prints what
holds and where each value comes from:

    ktp-ocr config                       # a table
    ktp-ocr config --format yaml         # a file for --config; also json

No setting holds a secret: keys and certificates are named by the path of their files.
"""


def section_of(setting: str) -> str:
    """Give the title under which a setting is listed."""
    title = ""
    for name in Settings.model_fields:
        title = SECTIONS.get(name, title)
        if name == setting:
            break
    return title


def default_text(setting: str) -> str:
    """Tell a setting's default; one that depends on the machine is told by the docstring of what computes it."""
    field = Settings.model_fields[setting]
    if field.default_factory is not None:
        return (inspect.getdoc(field.default_factory) or "").rstrip(".").lower()
    if field.default is None or field.default == ():
        return "none"
    if isinstance(field.default, tuple):
        return f"`{','.join(field.default)}`"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def write_document() -> str:
    """Write the whole of docs/configuration.md."""
    return INTRODUCTION + "".join(f"{line}\n" for line in _write_tables())


def _write_tables() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name in SECTIONS:
            yield f"\n## {SECTIONS[name]}\n\n| setting | default | what it does |\n| --- | --- | --- |"
        yield f"| `{name}` | {default_text(name)} | {field.description} |"
