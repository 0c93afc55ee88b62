"""Where the card's print stands: the grid of its rows, and its regions (header, body, beside the photo).

The grid is found from the labels, without any from the NIK's digits or the top line. Distances are in row pitches (a
pitch is 0.047 of the card's height), horizontal ones from the labels' left side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ktp_postprocessing.assignment import ROW_OFFSETS
from ktp_postprocessing.labels import LabelHit
from ktp_postprocessing.lines import Span
from ktp_postprocessing.numerals import MIN_DATE_DIGITS

VALUE_COLUMN_PITCHES = 7.8
_PHOTO_COLUMN_PITCHES = 22.0
_ISSUE_LEFT_PITCHES = 19.0  # a line under the photo may begin here, if its middle is under the photo
_ISSUE_MIDDLE_PITCHES = 25.0
_LONG_ISSUE_LEFT_PITCHES = 15.0  # below the photo's middle, a long issue place reaches far to the left of it
_PHOTO_BOTTOM_PITCHES = 6.0  # from the name's row down; the photo ends 9 below it
_NIK_LEFT_PITCHES = 7.2

PITCH_PER_LINE_HEIGHT = 1.45
_PITCH_LIMITS_PER_LINE_HEIGHT = (0.8, 3.0)
_HEADER_GAP_PITCHES = 1.4  # from the NIK row up; the second header line is 2.9 above it
_ISSUE_TOP_PITCHES = 4.0  # from the name's row down, under the photo's middle
_WORD_GAP_HEIGHTS = 1.2
_DATE_GAP_HEIGHTS = (0.5, 2.0)  # from the issue place's middle down to the issue date's; 1.4 on a usual card
_CENTRED_HEIGHTS = 1.5  # between the middles of the two
_MIN_NIK_DIGITS = 13
_DIGIT_LIKE = frozenset("0123456789OoDQIlL|iZSsBbGgqT?")


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A label in a line."""

    span: Span
    hit: LabelHit

    @property
    def text(self) -> str:
        """The label as read."""
        return self.span.text[self.hit.start : self.hit.end]


@dataclass(frozen=True, slots=True)
class Grid:
    """Left side of the labels, row pitch, and y of the NIK's and the name's row."""

    label_left: float
    pitch: float
    nik_y: float

    @property
    def name_y(self) -> float:
        """Where the name's row is or would be."""
        return self.nik_y - ROW_OFFSETS["nik"] * self.pitch

    def is_beside_photo(self, span: Span) -> bool:
        """Whether a span stands in the photo's column."""
        left = (span.extent.left - self.label_left) / self.pitch
        middle = left + (span.extent.right - span.extent.left) / 2 / self.pitch
        if left >= _PHOTO_COLUMN_PITCHES or (left >= _ISSUE_LEFT_PITCHES and middle >= _ISSUE_MIDDLE_PITCHES):
            return True
        is_below = span.extent.y > self.name_y + _PHOTO_BOTTOM_PITCHES * self.pitch
        return is_below and left >= _LONG_ISSUE_LEFT_PITCHES and middle >= _PHOTO_COLUMN_PITCHES


@dataclass(frozen=True, slots=True)
class Regions:
    """Lines above the NIK, those of labels and values, and those under the photo."""

    header: list[Span]
    body: list[Span]
    issue: list[Span]


def find_grid(labels: Sequence[PlacedLabel], others: Sequence[Span]) -> Grid:
    """Pitch and origin from the labels; without any from the NIK's digits or the top line."""
    height = median(span.extent.height for span in [*others, *(label.span for label in labels)])
    steps = [
        (lower.span.extent.y - upper.span.extent.y) / (ROW_OFFSETS[lower.hit.field] - ROW_OFFSETS[upper.hit.field])
        for upper, lower in pairwise(labels)
    ]
    low, high = (limit * height for limit in _PITCH_LIMITS_PER_LINE_HEIGHT)
    steps = [step for step in steps if low < step < high]
    pitch = _refine_pitch(labels, median(steps)) if steps else PITCH_PER_LINE_HEIGHT * height
    digits = next((span for span in others if is_nik_like(span.text)), None)
    if labels:
        left = median(label.span.extent.left for label in labels)
        first = labels[0]
        nik_y = first.span.extent.y - (ROW_OFFSETS[first.hit.field] - ROW_OFFSETS["nik"]) * pitch
        return Grid(left, pitch, nik_y if digits is None else digits.extent.y)
    if digits is not None:
        return Grid(digits.extent.left - _NIK_LEFT_PITCHES * pitch, pitch, digits.extent.y)
    left = median(span.extent.left for span in others) - VALUE_COLUMN_PITCHES * pitch
    return Grid(left, pitch, min(span.extent.y for span in others) + 2 * _HEADER_GAP_PITCHES * pitch)


def _refine_pitch(labels: Sequence[PlacedLabel], pitch: float) -> float:
    """The pitch over all rows between the first and the last label, wrapped rows counted."""
    count = 0.0
    for upper, lower in pairwise(labels):
        offset = ROW_OFFSETS[lower.hit.field] - ROW_OFFSETS[upper.hit.field]
        count += offset + max(round((lower.span.extent.y - upper.span.extent.y) / pitch - offset), 0)
    return (labels[-1].span.extent.y - labels[0].span.extent.y) / count


def is_nik_like(text: str) -> bool:
    """Whether a text is made of as many digits, or what looks like them, as a NIK."""
    compact = text.replace(" ", "").lstrip(":;.,=-")
    count = sum(character in _DIGIT_LIKE for character in compact)
    real = sum(character.isdigit() for character in compact)
    return count >= _MIN_NIK_DIGITS and real >= count // 2 and len(compact) - count <= 2


def split_regions(spans: Sequence[Span], grid: Grid) -> Regions:
    """Sort lines, labels excepted, by regions; what is beside the photo is left out."""
    header_bottom = grid.nik_y - _HEADER_GAP_PITCHES * grid.pitch
    header = [span for span in spans if span.extent.y < header_bottom]
    below = [span for span in spans if span.extent.y >= header_bottom]
    body: list[Span] = []
    photo_side: list[Span] = []
    beside_photo: list[Span] = []
    for span in below:
        (beside_photo if grid.is_beside_photo(span) else body).append(span)
    for span in beside_photo:
        continues = any(_continues(span, other) for other in body) and not _heads_date(span, beside_photo)
        (body if continues else photo_side).append(span)
    issue = [span for span in photo_side if span.extent.y > grid.name_y + _ISSUE_TOP_PITCHES * grid.pitch]
    return Regions(header, body, issue)


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
