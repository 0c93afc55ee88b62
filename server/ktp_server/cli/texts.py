"""Commands that read text instead of pictures: fields, nik."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from ktp_server.cli.options import (
    ConfigOption,
    JsonOption,
    SetOption,
    TemplatesOption,
    fail,
    make_settings,
    to_text,
)
from ktp_server.errors import ErrorReason

if TYPE_CHECKING:
    from ktp_postprocessing.knowledge import CardKnowledge

__all__ = ["fields", "nik"]

STANDARD_INPUT = "-"


def fields(
    file: Annotated[str, typer.Argument(metavar="FILE.json", help="Lines of text; `-` for standard input.")],
    as_json: JsonOption = False,
    templates: TemplatesOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Make a card's fields of lines of text that any OCR has read.

    FILE.json holds `{"lines": [{"text": "NIK", "quad": [[x, y], [x, y], [x, y], [x, y]], "confidence": 0.98}, ...]}`
    or the bare list: corners clockwise from the text's top left, in a picture in which the card is upright; the
    confidence may be left out. Exit status: 0 with fields, 1 if there are none, 2 if the file is not of this form.

    Example: `my-ocr card.jpg | ktp-ocr fields --json -`
    """
    from ktp_postprocessing.card import read_card
    from ktp_server.card_json import fields_to_json, findings_to_json, normalised_to_json
    from ktp_server.handover import field_results, finding_result
    from ktp_server.presentation import render_fields, render_findings
    from ktp_server.text_lines import LinesError, parse_lines

    try:
        document = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
        lines = parse_lines(document)
    except OSError as error:
        _refuse(f"{file}: {error.strerror}", as_json=as_json)
    except LinesError as error:
        _refuse(f"{file}: {error}", as_json=as_json)
    card = read_card(lines, _open_knowledge(templates, config, assignments))
    found = field_results(card.fields)
    findings = [finding_result(finding) for finding in card.findings]
    if as_json:
        _print_json(
            {
                "fields": fields_to_json(found),
                "normalised": normalised_to_json(card.normalised),
                "findings": findings_to_json(findings),
            }
        )
    else:
        Console().print(render_fields(found, card.normalised), *render_findings(findings), sep="\n")
    raise typer.Exit(0 if found else 1)


def nik(
    digits: Annotated[str, typer.Argument(metavar="NIK", help="16 digits; spaces, points and hyphens are ignored.")],
    as_json: JsonOption = False,
    templates: TemplatesOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Explain a NIK: where and when its holder was registered and born, and what is wrong with it.

    Former codes, as of Papua before 2022, are told under their present names. Exit status: 0, or 2 if it is no NIK.

    Example: `ktp-ocr nik 3171015708950001`
    """
    from ktp_postprocessing.nik import parse_nik
    from ktp_postprocessing.nik_report import explain_nik
    from ktp_server.card_json import findings_to_json
    from ktp_server.handover import finding_result
    from ktp_server.presentation import render_findings

    parsed = parse_nik(digits)
    if parsed is None:
        _refuse("a NIK has 16 digits", as_json=as_json)
    report = explain_nik(parsed, _open_knowledge(templates, config, assignments), datetime.now(UTC).date())
    findings = [finding_result(finding) for finding in report.findings]
    areas = {"province": report.province, "regency": report.regency, "district": report.district}
    birth_dates = [day.isoformat() for day in report.birth_dates]
    if as_json:
        _print_json(
            {
                "nik": report.digits,
                **{level: area and {"code": area.code, "name": area.name} for level, area in areas.items()},
                "is_former_code": report.is_former_code,
                "birth_dates": birth_dates,
                "sex": report.sex.name,
                "serial": report.serial,
                "findings": findings_to_json(findings),
            }
        )
        return
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for level, area in areas.items():
        table.add_row(level, "unknown" if area is None else f"{area.name} ({area.code})")
    table.add_row("birth date", " or ".join(birth_dates) or "none")
    table.add_row("sex", report.sex.value)
    table.add_row("serial", report.serial)
    Console().print(table, *render_findings(findings), sep="\n")


def _open_knowledge(templates: Path | None, config: Path | None, assignments: list[str] | None) -> "CardKnowledge":
    from ktp_postprocessing.knowledge import CardKnowledge
    from ktp_postprocessing.tables import TemplateError

    settings = make_settings(config, assignments, {"templates": to_text(templates)})
    try:
        return CardKnowledge.open(settings.templates)
    except TemplateError as error:
        fail(str(error))


def _refuse(message: str, *, as_json: bool) -> NoReturn:
    """Tell what is wrong with the input, to programs as a status of the error table."""
    if as_json:
        _print_json({"status": ErrorReason.REQUEST_INVALID.value, "message": message})
        raise typer.Exit(2)
    fail(message)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
