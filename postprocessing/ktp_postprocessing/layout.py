"""Lines -> rows of label and value, by labels and relative rows.

Nothing here depends on where on the picture a field is printed, only on the order of the labels and on the distances
between rows, in units of the row pitch. The card's rows, counted from the name's in pitches, are in `_ROW_OFFSETS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from operator import attrgetter
from statistics import median

from ktp_postprocessing.assignment import PRINT_ORDER, ROW_OFFSETS, Row, assign_rows
from ktp_postprocessing.labels import BLOOD_TYPE_FIELD, LabelHit, LabelMatcher
from ktp_postprocessing.lines import Span, join_spans
from ktp_postprocessing.noise import Noise
from ktp_postprocessing.numerals import MIN_DATE_DIGITS

# Horizontal places from the labels' left side, in row pitches (a pitch is 0.047 of the card's height).
_VALUE_COLUMN_PITCHES = 7.8
_LAST_LABEL_LEFT_PITCHES = 3.5  # RT/RW, Kel/Desa and Kecamatan are indented by about one
_PHOTO_COLUMN_PITCHES = 22.0
_ISSUE_LEFT_PITCHES = 19.0  # a line under the photo may begin here, if its middle is under the photo
_ISSUE_MIDDLE_PITCHES = 25.0
_LONG_ISSUE_LEFT_PITCHES = 15.0  # below the photo's middle, a long issue place reaches far to the left of it
_PHOTO_BOTTOM_PITCHES = 6.0  # from the name's row down; the photo ends 9 below it
_NIK_LEFT_PITCHES = 7.2

_PITCH_PER_LINE_HEIGHT = 1.45
_PITCH_LIMITS_PER_LINE_HEIGHT = (0.8, 3.0)
_HEADER_GAP_PITCHES = 1.4  # from the NIK row up; the second header line is 2.9 above it
_SAME_ROW_PITCHES = 0.5
_WORD_GAP_HEIGHTS = 1.2
_MIN_NIK_DIGITS = 13
_DATE_GAP_HEIGHTS = (0.5, 2.0)  # from the issue place's middle down to the issue date's; 1.4 on a usual card
_CENTRED_HEIGHTS = 1.5  # between the middles of the two
_ISSUE_TOP_PITCHES = 4.0  # from the name's row down, under the photo's middle
_LOWER_CASE_SHARE = 0.6  # a value is printed in upper case; a line with more lower case is a watermark
_WATERMARK_HEIGHT = 1.9  # in median line heights; the NIK's digits are 1.6 high
_FROM_TOP, _FROM_LEFT = attrgetter("extent.y"), attrgetter("extent.left")
_DIGIT_LIKE = frozenset("0123456789OoDQIlL|iZSsBbGgqT?")


@dataclass(frozen=True, slots=True)
class CardLayout:
    """What stands where.

    Attributes:
        header: rows above the NIK, from top to bottom.
        values: label field -> its value's rows, from top to bottom, without leading colons.
        issue: lines under the photo, from top to bottom.
        labels: fields whose label was seen.
        noise: how the labels were read.
    """

    header: tuple[Span, ...] = ()
    values: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    issue: tuple[Span, ...] = ()
    labels: frozenset[str] = frozenset()
    noise: Noise = field(default_factory=Noise)


@dataclass(frozen=True, slots=True)
class _Label:
    span: Span
    hit: LabelHit

    @property
    def text(self) -> str:
        """The label as read."""
        return self.span.text[self.hit.start : self.hit.end]


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Left side of the labels, row pitch, and y of the NIK's and the name's row."""

    label_left: float
    pitch: float
    nik_y: float

    @property
    def name_y(self) -> float:
        return self.nik_y - ROW_OFFSETS["nik"] * self.pitch

    def is_beside_photo(self, span: Span) -> bool:
        """Whether a span stands in the photo's column."""
        left = (span.extent.left - self.label_left) / self.pitch
        middle = left + (span.extent.right - span.extent.left) / 2 / self.pitch
        if left >= _PHOTO_COLUMN_PITCHES or (left >= _ISSUE_LEFT_PITCHES and middle >= _ISSUE_MIDDLE_PITCHES):
            return True
        is_below = span.extent.y > self.name_y + _PHOTO_BOTTOM_PITCHES * self.pitch
        return is_below and left >= _LONG_ISSUE_LEFT_PITCHES and middle >= _PHOTO_COLUMN_PITCHES


@dataclass(slots=True)
class _OpenRow:
    """A row while it is being filled."""

    y: float
    parts: list[Span]
    label: _Label | None = None


def parse_layout(spans: Sequence[Span], matcher: LabelMatcher) -> CardLayout:
    """Sort a card's lines into header, fields and issue block.

    Args:
        spans: in any order, from `lines.make_spans`.
        matcher: for the label table.
    """
    if not spans:
        return CardLayout()
    highest = _WATERMARK_HEIGHT * median(span.extent.height for span in spans)
    spans = [span for span in spans if span.extent.height <= highest or _is_nik_like(span.text)]
    labels, others = _split_labels(spans, matcher)
    labels = _drop_unordered(_drop_outside_column(labels, others))
    kept = {id(label.span) for label in labels}
    others = [span for span in spans if id(span) not in kept]
    geometry = _find_geometry(labels, others)
    header, body, photo_side = _split_regions(others, geometry)
    body = [span for span in body if not _is_watermark(span.text) or matcher.find_blood_type(span.text)]
    rows = _make_rows(labels, body, geometry)
    values = assign_rows([_close_row(row, geometry, matcher) for row in rows], geometry.pitch, geometry.nik_y)
    issue = [span for span in photo_side if span.extent.y > geometry.name_y + _ISSUE_TOP_PITCHES * geometry.pitch]
    return CardLayout(
        header=_join_rows(header, geometry.pitch),
        values=values,
        issue=tuple(sorted(issue, key=_FROM_TOP)),
        labels=frozenset(label.hit.field for label in labels),
        noise=reduce(lambda noise, label: noise.add(label.hit.printed, label.text), labels, Noise()),
    )


def _split_labels(spans: Sequence[Span], matcher: LabelMatcher) -> tuple[list[_Label], list[Span]]:
    labels: list[_Label] = []
    others: list[Span] = []
    for span in spans:
        hit = matcher.find_at_start(span.text)
        if hit is None or hit.field == BLOOD_TYPE_FIELD:
            others.append(span)
        else:
            labels.append(_Label(span, hit))
    return labels, others


def _drop_outside_column(labels: list[_Label], others: Sequence[Span]) -> list[_Label]:
    """Drop words that read like a label but stand among the values."""
    if not labels:
        return labels
    left = median(label.span.extent.left for label in labels)
    height = median(span.extent.height for span in [*others, *(label.span for label in labels)])
    limit = _LAST_LABEL_LEFT_PITCHES * _PITCH_PER_LINE_HEIGHT * height
    return [label for label in labels if abs(label.span.extent.left - left) <= limit]


def _drop_unordered(labels: list[_Label]) -> list[_Label]:
    """Keep the best chain of labels in print order (a field once, the sum of similarities maximal)."""
    labels = sorted(labels, key=lambda label: label.span.extent.y)
    chains: list[tuple[float, list[_Label]]] = []
    for label in labels:
        place = PRINT_ORDER[label.hit.field]
        before = [chain for chain in chains if PRINT_ORDER[chain[1][-1].hit.field] < place]
        score, chain = max(before, key=lambda item: item[0], default=(0.0, []))
        chains.append((score + label.hit.similarity, [*chain, label]))
    return max(chains, key=lambda item: item[0], default=(0.0, []))[1]


def _find_geometry(labels: Sequence[_Label], others: Sequence[Span]) -> _Geometry:
    """Pitch and origin from the labels; without any from the NIK's digits or the top line."""
    height = median(span.extent.height for span in [*others, *(label.span for label in labels)])
    steps = [
        (lower.span.extent.y - upper.span.extent.y) / (ROW_OFFSETS[lower.hit.field] - ROW_OFFSETS[upper.hit.field])
        for upper, lower in pairwise(labels)
    ]
    low, high = (limit * height for limit in _PITCH_LIMITS_PER_LINE_HEIGHT)
    steps = [step for step in steps if low < step < high]
    pitch = _refine_pitch(labels, median(steps)) if steps else _PITCH_PER_LINE_HEIGHT * height
    digits = next((span for span in others if _is_nik_like(span.text)), None)
    if labels:
        left = median(label.span.extent.left for label in labels)
        first = labels[0]
        nik_y = first.span.extent.y - (ROW_OFFSETS[first.hit.field] - ROW_OFFSETS["nik"]) * pitch
        return _Geometry(left, pitch, nik_y if digits is None else digits.extent.y)
    if digits is not None:
        return _Geometry(digits.extent.left - _NIK_LEFT_PITCHES * pitch, pitch, digits.extent.y)
    left = median(span.extent.left for span in others) - _VALUE_COLUMN_PITCHES * pitch
    return _Geometry(left, pitch, min(span.extent.y for span in others) + 2 * _HEADER_GAP_PITCHES * pitch)


def _refine_pitch(labels: Sequence[_Label], pitch: float) -> float:
    """The pitch over all rows between the first and the last label, wrapped rows counted."""
    count = 0.0
    for upper, lower in pairwise(labels):
        offset = ROW_OFFSETS[lower.hit.field] - ROW_OFFSETS[upper.hit.field]
        count += offset + max(round((lower.span.extent.y - upper.span.extent.y) / pitch - offset), 0)
    return (labels[-1].span.extent.y - labels[0].span.extent.y) / count


def _is_nik_like(text: str) -> bool:
    compact = text.replace(" ", "").lstrip(":;.,=-")
    count = sum(character in _DIGIT_LIKE for character in compact)
    real = sum(character.isdigit() for character in compact)
    return count >= _MIN_NIK_DIGITS and real >= count // 2 and len(compact) - count <= 2


def _split_regions(spans: Sequence[Span], geometry: _Geometry) -> tuple[list[Span], list[Span], list[Span]]:
    """Header, body and photo side."""
    header_bottom = geometry.nik_y - _HEADER_GAP_PITCHES * geometry.pitch
    header = [span for span in spans if span.extent.y < header_bottom]
    below = [span for span in spans if span.extent.y >= header_bottom]
    body: list[Span] = []
    photo_side: list[Span] = []
    beside_photo: list[Span] = []
    for span in below:
        (beside_photo if geometry.is_beside_photo(span) else body).append(span)
    for span in beside_photo:
        continues = any(_continues(span, other) for other in body) and not _heads_date(span, beside_photo)
        (body if continues else photo_side).append(span)
    return header, body, photo_side


def _continues(span: Span, other: Span) -> bool:
    """Whether `span` is the next word of the same printed row."""
    height = max(span.extent.height, other.extent.height)
    gap = span.extent.left - other.extent.right
    return abs(span.extent.y - other.extent.y) < height / 2 and -height < gap < _WORD_GAP_HEIGHTS * height


def _heads_date(span: Span, others: Sequence[Span]) -> bool:
    """Whether a span is the issue place: the issue date stands centred below it."""
    height = span.extent.height
    return any(
        _DATE_GAP_HEIGHTS[0] * height < other.extent.y - span.extent.y < _DATE_GAP_HEIGHTS[1] * height
        and abs(other.extent.x - span.extent.x) < _CENTRED_HEIGHTS * height
        and sum(character.isdigit() for character in other.text) >= MIN_DATE_DIGITS
        for other in others
    )


def _is_watermark(text: str) -> bool:
    if text.isupper():
        return False
    letters = [character for character in text if character.isalpha()]
    return len(letters) > 4 and sum(letter.islower() for letter in letters) > _LOWER_CASE_SHARE * len(letters)


def _make_rows(labels: Sequence[_Label], body: Sequence[Span], geometry: _Geometry) -> list[_OpenRow]:
    """Every label opens a row; other lines join the nearest row or open their own."""
    rows = [_OpenRow(label.span.extent.y, [], label) for label in labels]
    reach = _SAME_ROW_PITCHES * geometry.pitch
    for span in sorted(body, key=_FROM_TOP):
        y = span.extent.y
        row = min(rows, key=lambda row: abs(row.y - y), default=None)
        if row is None or abs(row.y - y) > reach:
            row = _OpenRow(y, [])
            rows.append(row)
        row.parts.append(span)
    return sorted(rows, key=lambda row: row.y)


def _close_row(row: _OpenRow, geometry: _Geometry, matcher: LabelMatcher) -> Row:
    """Cut the label off, split the blood type off, drop an unreadable label, join the rest in x order."""
    parts = sorted(row.parts, key=_FROM_LEFT)
    label_field = None
    if row.label is None:
        label_right = geometry.label_left + _VALUE_COLUMN_PITCHES * geometry.pitch
        parts = [span for span in parts if not _is_label_rest(span, label_right)]
    else:
        label_field = row.label.hit.field
        if not row.label.hit.is_whole_line:
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
        label=label_field,
        value=_join_values(value),
        blood_type=_join_values(blood_type),
        starts_with_colon=starts_with_colon,
    )


def _is_label_rest(span: Span, label_right: float) -> bool:
    return span.extent.right < label_right and not span.text.startswith((":", ";", "="))


def _join_values(parts: Sequence[Span]) -> Span | None:
    """The parts without their colons, joined; None if nothing is left."""
    kept = [part for part in (span.without_separators() for span in parts) if part.text]
    return join_spans(kept) if kept else None


def _join_rows(spans: Sequence[Span], pitch: float) -> tuple[Span, ...]:
    rows: list[list[Span]] = []
    for span in sorted(spans, key=_FROM_TOP):
        if rows and span.extent.y - rows[-1][0].extent.y < _SAME_ROW_PITCHES * pitch:
            rows[-1].append(span)
        else:
            rows.append([span])
    return tuple(join_spans(sorted(row, key=_FROM_LEFT)) for row in rows)
