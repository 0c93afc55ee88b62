"""Places where a value should stand although no line was found there: beside a label with nothing right of it.

Detection misses what is hardly more than a speck (a blood type of `-`). Whoever has the picture can read these places,
give what stands there as further lines, and ask again; a blank one gives no line, and its field stays absent. Names and
addresses are not asked for: nobody could tell whether all of one stands in such a place.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.assignment import FIELDS
from ktp_postprocessing.grid import Grid
from ktp_postprocessing.labels import BLOOD_TYPE_FIELD, LabelMatcher
from ktp_postprocessing.lines import Span
from ktp_postprocessing.rows import FROM_LEFT, OpenRow

_BOUND_FIELDS = frozenset(FIELDS) - {"nama", "tempat_tanggal_lahir", "alamat"}  # of a grammar or a list
_BLOOD_TYPE_HEIGHTS = 3.2  # from its label's right side; `: AB` takes two and a half
_VALUE_RIGHT_PITCHES = 20.0  # from the labels' left side; further right is the photo
_MARGIN_HEIGHTS = 0.3  # left of the value column, lest its colons be cut
_HEIGHT_SHARE = 1.1  # of the usual height of a value: a label's middle is not quite its row's


class _Strip(NamedTuple):
    """A label, and from where to where its value should stand, in the card's own directions."""

    label: Span
    left: float
    right: float


def find_unread(
    rows: Sequence[OpenRow], values: Mapping[str, Sequence[Span]], grid: Grid, matcher: LabelMatcher
) -> tuple[NDArray[np.float64], ...]:
    """Where values should stand that were not found.

    Args:
        rows: of the card's body.
        values: label field -> what was found.
        grid: the card's.
        matcher: for the blood type's label.

    Returns:
        Quads (4, 2), clockwise from the top left, in the lines' frame; none without any value beside its label.
    """
    told = [min(row.parts, key=FROM_LEFT) for row in rows if row.parts and row.label_field in values]
    if not told:
        return ()
    height = _HEIGHT_SHARE * median(span.extent.height for span in told)
    strips = [strip for row in rows for strip in _find_label_strip(row, values, told, grid)]
    if BLOOD_TYPE_FIELD not in values:
        strips += [strip for row in rows for strip in _find_blood_type_strip(row, height, matcher)]
    widest = max(told, key=lambda span: span.extent.right - span.extent.left).make_quad()
    along = (widest[1] - widest[0]) / np.linalg.norm(widest[1] - widest[0])
    return tuple(_make_quad(strip, height, along) for strip in strips)


def _find_label_strip(
    row: OpenRow, values: Mapping[str, Sequence[Span]], told: Sequence[Span], grid: Grid
) -> Iterator[_Strip]:
    """Beside a label without a value, from the value column to the next line or the photo."""
    if row.label is None or row.label_field in values or row.label_field not in _BOUND_FIELDS:
        return
    column = median(span.extent.left for span in told)
    limits = [part.extent.left for part in row.parts if part.extent.left > column]
    right = min([grid.label_left + _VALUE_RIGHT_PITCHES * grid.pitch, *limits])
    yield _Strip(row.label.span, column - _MARGIN_HEIGHTS * row.label.span.extent.height, right)


def _find_blood_type_strip(row: OpenRow, height: float, matcher: LabelMatcher) -> Iterator[_Strip]:
    """Behind the blood type's label, if it ends its line."""
    for part in row.parts:
        hit = matcher.find_blood_type(part.text)
        if hit is not None and hit.end == len(part.text):
            yield _Strip(part, part.extent.right, part.extent.right + _BLOOD_TYPE_HEIGHTS * height)


def _make_quad(strip: _Strip, height: float, along: NDArray[np.float64]) -> NDArray[np.float64]:
    """The strip's quad; `along` is the (2,) unit vector of the card's rows in the lines' frame."""
    middle = strip.label.make_quad().mean(axis=0)
    left, right = (middle + (side - strip.label.extent.x) * along for side in (strip.left, strip.right))
    up = height / 2 * np.array([along[1], -along[0]])
    return np.stack([left + up, right + up, right - up, left - up])
