"""Results as tables for people."""

from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ktp_server.card_json import normalised_to_json
from ktp_server.errors import RecognitionError
from ktp_server.outcomes import FileOutcome
from ktp_server.results import (
    FIELD_NAMES,
    AssessmentResult,
    CardResult,
    Correction,
    FieldResult,
    FindingResult,
    NormalisedValues,
    Quad,
    RecognitionResult,
    RequirementResult,
)

__all__ = [
    "DOUBTFUL_CONFIDENCE",
    "SURE_CONFIDENCE",
    "render_checks",
    "render_failure",
    "render_fields",
    "render_findings",
    "render_outcome",
]

SURE_CONFIDENCE = 0.9
"""From here on a value is shown in green: what a person need not look at again."""

DOUBTFUL_CONFIDENCE = 0.6
"""Below this a value is shown in red."""

NIK_LENGTH = 16
VILLAGE_CODE_LENGTH = 13
"""Numbers to compare and copy stay in one piece, also in a terminal of 80 columns."""

NORMALISED_NAMES: Mapping[str, str] = {
    "provinsi": "province_code",
    "kabupaten_kota": "regency_code",
    "kecamatan": "district_code",
    "kelurahan_desa": "village_code",
    "tanggal_lahir": "birth_date",
    "jenis_kelamin": "sex",
    "golongan_darah": "blood_type",
    "rt": "rt",
    "rw": "rw",
    "agama": "religion",
    "status_perkawinan": "marital_status",
    "pekerjaan": "occupation",
    "berlaku_hingga": "expiry_date",
    "tanggal_terbit": "issue_date",
}
"""Field -> the normalised value that is shown beside it."""


def render_outcome(outcome: FileOutcome) -> Group:
    """Render one file's outcome: a table of fields, or the failure."""
    title = Text(str(outcome.path), style="bold")
    if outcome.result is not None:
        card = outcome.result.card
        return Group(title, render_fields(card.fields, card.normalised), *_notes(outcome.result))
    error = outcome.error
    return Group(title, render_failure(error) if error is not None else Text("no result"))


def render_failure(error: RecognitionError) -> Text:
    """One line: reason and message."""
    return Text.assemble((error.reason.value, "bold red"), ": ", error.message)


def render_fields(fields: Mapping[str, FieldResult], normalised: NormalisedValues) -> Table:
    """A table with a row for each field that a card may have."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("field", style="cyan", no_wrap=True)
    table.add_column("value", overflow="fold", min_width=NIK_LENGTH)
    table.add_column("normalised", overflow="fold", min_width=VILLAGE_CODE_LENGTH)
    table.add_column("confidence", justify="right", no_wrap=True)
    table.add_column("as read", style="dim", overflow="fold")
    forms = normalised_to_json(normalised)
    for name in FIELD_NAMES:
        field = fields.get(name)
        if field is None:
            table.add_row(name, Text("-", style="dim"), "", "", "")
            continue
        corrected = field.correction is not Correction.NONE
        value = Text("unreadable", style="red") if field.value is None else Text(field.value)
        form = forms.get(NORMALISED_NAMES.get(name, ""))
        as_read = Text(f"{field.raw_value} ({field.correction})" if corrected else "")
        table.add_row(name, value, Text("" if form is None else str(form)), _confidence(field.confidence), as_read)
    return table


def render_checks(result: AssessmentResult) -> Group:
    """A table with a row for each check, the card's outline, and every place that glare has wiped out."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("check", style="cyan", no_wrap=True)
    table.add_column("measured", justify="right")
    table.add_column("bound", justify="right")
    table.add_column("")
    table.add_column("advice", overflow="fold")
    for item in result.requirements:
        table.add_row(item.name, _number(item.measured, "-"), _number(item.threshold), _verdict(passed=item.passed), "")
    for name, score in result.quality.items():
        verdict = _verdict(passed=score.passed)
        table.add_row(name, f"{score.score:.2f}", f"{score.threshold:.2f}", verdict, score.reason)
    outline = Text(f"card: {_corners(result.card.quad)}, {_turns(result.card)}", style="dim")
    glare = [Text(f"glare: {_corners(quad)}", style="yellow") for quad in result.glare_quads]
    return Group(table, outline, *glare)


def _turns(card: CardResult) -> str:
    tilt = "" if card.pose is None else f", tilt {card.pose.tilt_degrees:.0f}°"
    return f"rotation {card.rotation_degrees:.1f}°{tilt}"


def _corners(quad: Quad) -> str:
    return " ".join(f"({x:.0f}, {y:.0f})" for x, y in quad)


def _verdict(*, passed: bool) -> Text:
    return Text("passed", style="green") if passed else Text("failed", style="red")


def render_findings(findings: Sequence[FindingResult]) -> list[Text]:
    """One line a finding."""
    return [Text(f"{finding.severity}: {finding.code}: {finding.message}", style="yellow") for finding in findings]


def _confidence(confidence: float) -> Text:
    style = "green" if confidence >= SURE_CONFIDENCE else "yellow" if confidence >= DOUBTFUL_CONFIDENCE else "red"
    return Text(f"{confidence:.3f}", style=style)


def _notes(result: RecognitionResult) -> list[Text]:
    notes = render_findings(result.card.findings)
    notes += [
        Text(f"{name}: {score.reason}", style="yellow") for name, score in result.quality.items() if not score.passed
    ]
    if result.covered_fields:
        notes.append(Text(f"glare covers: {', '.join(result.covered_fields)}", style="yellow"))
    notes += [_warning(item) for item in result.requirements if not item.passed]
    notes.append(
        Text(
            f"{_turns(result.card)}, "
            + ", ".join(f"{stage} {duration_ms:.1f} ms" for stage, duration_ms in result.timings_ms.items()),
            style="dim",
        )
    )
    return notes


def _warning(item: RequirementResult) -> Text:
    measured, asked = _number(item.measured, "nothing"), _number(item.threshold)
    return Text(f"requirement {item.name}: {measured} measured, {asked} asked", style="yellow")


def _number(value: float | None, otherwise: str = "") -> str:
    """Write bytes, pixels or megapixels, to two decimals where there are any, never with an exponent."""
    return otherwise if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")
