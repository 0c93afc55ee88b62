"""Lines of the card's body -> rows: what stands beside each label, and beside none."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from ktp_postprocessing.assignment import Row
from ktp_postprocessing.fragments import drop_specks
from ktp_postprocessing.grid import VALUE_COLUMN_PITCHES, Grid, PlacedLabel
from ktp_postprocessing.labels import LabelMatcher
from ktp_postprocessing.lines import Span, join_spans

_COLUMN_TOLERANCE = 1.0  # in pitches: a value begins no farther left of its column

SAME_ROW_PITCHES = 0.5
"""Lines whose middles are nearer than this stand in one row."""

BLOOD_TYPE_ROW = "jenis_kelamin"
"""The row's label; a blood type is a letter or a dash far from the sex."""

FROM_TOP, FROM_LEFT = attrgetter("extent.y"), attrgetter("extent.left")


@dataclass(slots=True)
class OpenRow:
    """A row while it is being filled: the label that opened it, if one did, and the other lines in it."""

    y: float
    parts: list[Span]
    label: PlacedLabel | None = None

    @property
    def label_field(self) -> str | None:
        """Field of the label, if there is one."""
        return None if self.label is None else self.label.hit.field


def make_rows(labels: Sequence[PlacedLabel], body: Sequence[Span], grid: Grid) -> list[OpenRow]:
    """Every label opens a row; other lines join the nearest row or open their own."""
    rows = [OpenRow(label.span.extent.y, [], label) for label in labels]
    reach = SAME_ROW_PITCHES * grid.pitch
    for span in sorted(body, key=FROM_TOP):
        y = span.extent.y
        row = min(rows, key=lambda row: abs(row.y - y), default=None)
        if row is None or abs(row.y - y) > reach:
            row = OpenRow(y, [])
            rows.append(row)
        row.parts.append(span)
    return sorted(rows, key=lambda row: row.y)


def close_row(row: OpenRow, grid: Grid, matcher: LabelMatcher) -> Row:
    """Cut the label off, split the blood type off, drop an unreadable label, join the rest in x order."""
    parts = sorted(row.parts, key=FROM_LEFT)
    if row.label_field != BLOOD_TYPE_ROW:
        parts = drop_specks(parts)
    if row.label is None:
        parts = [_cut_label_rest(span, grid) for span in parts if not _is_label_rest(span, grid)]
    elif not row.label.hit.is_whole_line:
        parts.insert(0, row.label.span.cut(row.label.hit.end, len(row.label.span.text)))
    value: list[Span] = []
    blood_type: list[Span] = []
    has_blood_label = False
    for part in parts:
        hit = matcher.find_blood_type(part.text)
        if hit is not None:
            value.append(part.cut(0, hit.start))
            blood_type.append(part.cut(hit.end, len(part.text)))
            has_blood_label = True
        else:
            (blood_type if has_blood_label else value).append(part)
    starts_with_colon = any(span.text.startswith(":") for span in value[:1])
    return Row(
        y=row.y,
        label=row.label_field,
        value=_join_values(value),
        blood_type=_join_values(blood_type),
        starts_with_colon=starts_with_colon,
    )


def _is_label_rest(span: Span, grid: Grid) -> bool:
    """Whether a line ends before the value column; with a colon, which begins values, it must also begin far before."""
    right = (span.extent.right - grid.label_left) / grid.pitch
    left = (span.extent.left - grid.label_left) / grid.pitch
    starts_value = span.text.startswith((":", ";", "=")) and left > VALUE_COLUMN_PITCHES / 2
    return right < VALUE_COLUMN_PITCHES and not starts_value


def _cut_label_rest(span: Span, grid: Grid) -> Span:
    """The value in a line that begins amid its label, of which a part is wiped out: what stands behind the colon."""
    left = (span.extent.left - grid.label_left) / grid.pitch
    colon = span.text.find(":")
    return span.cut(colon, len(span.text)) if colon > 0 and left < VALUE_COLUMN_PITCHES - _COLUMN_TOLERANCE else span


def _join_values(parts: Sequence[Span]) -> Span | None:
    """The parts without their colons, joined; None if nothing is left."""
    kept = [part for part in (span.without_separators() for span in parts) if part.text]
    return join_spans(kept) if kept else None
