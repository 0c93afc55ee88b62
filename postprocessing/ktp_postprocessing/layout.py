"""Lines -> rows of label and value, by labels and relative rows.

Nothing here depends on where on the picture a field is printed, only on the order of the labels and on the distances
between rows, in units of the row pitch. The card's rows, counted from the name's in pitches, are in `ROW_OFFSETS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.assignment import PRINT_ORDER, assign_rows
from ktp_postprocessing.fragments import drop_fragments
from ktp_postprocessing.grid import (
    PITCH_PER_LINE_HEIGHT,
    PlacedLabel,
    find_grid,
    is_nik_like,
    split_regions,
)
from ktp_postprocessing.labels import BLOOD_TYPE_FIELD, LabelMatcher
from ktp_postprocessing.lines import Span, join_spans
from ktp_postprocessing.noise import Noise
from ktp_postprocessing.rows import FROM_LEFT, FROM_TOP, SAME_ROW_PITCHES, OpenRow, close_row, make_rows
from ktp_postprocessing.unread import find_unread

_LAST_LABEL_LEFT_PITCHES = 3.5  # from the labels' left side; RT/RW, Kel/Desa and Kecamatan are indented by about one
_LOWER_CASE_SHARE = 0.6  # a value is printed in upper case; a line with more lower case is a watermark
_BEHEADED_HEIGHTS = 1.5  # on 600 specimens no legible value begins more than 1.0 right of the column
_MIN_COLUMN_COUNT = 4  # values that tell where the column is
_WATERMARK_HEIGHT = 1.9  # in median line heights; the NIK's digits are 1.6 high


@dataclass(frozen=True, slots=True)
class CardLayout:
    """What stands where.

    Attributes:
        header: rows above the NIK, from top to bottom.
        values: label field -> its value's rows, from top to bottom, without leading colons.
        issue: lines under the photo, from top to bottom.
        labels: fields whose label was seen.
        noise: how the labels were read.
        beheaded: fields whose value begins so far right of the others that its beginning must be missing.
        unread: quads (4, 2) where values should stand that were not found, in the lines' frame.
    """

    header: tuple[Span, ...] = ()
    values: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    issue: tuple[Span, ...] = ()
    labels: frozenset[str] = frozenset()
    noise: Noise = field(default_factory=Noise)
    beheaded: frozenset[str] = frozenset()
    unread: tuple[NDArray[np.float64], ...] = ()


def parse_layout(spans: Sequence[Span], matcher: LabelMatcher) -> CardLayout:
    """Sort a card's lines into header, fields and issue block.

    Args:
        spans: in any order, from `lines.make_spans`.
        matcher: for the label table.
    """
    if not spans:
        return CardLayout()
    highest = _WATERMARK_HEIGHT * median(span.extent.height for span in spans)
    spans = [span for span in spans if span.extent.height <= highest or is_nik_like(span.text)]
    spans = drop_fragments(spans)
    labels, others = _split_labels(spans, matcher)
    labels = _drop_unordered(_drop_outside_column(labels, others))
    kept = {id(label.span) for label in labels}
    others = [span for span in spans if id(span) not in kept]
    grid = find_grid(labels, others)
    regions = split_regions(others, grid)
    body = [span for span in regions.body if not _is_watermark(span.text) or matcher.find_blood_type(span.text)]
    rows = make_rows(labels, body, grid)
    values = assign_rows([close_row(row, grid, matcher) for row in rows], grid.pitch, grid.nik_y)
    return CardLayout(
        header=_join_rows(regions.header, grid.pitch),
        values=values,
        issue=tuple(sorted(regions.issue, key=FROM_TOP)),
        labels=frozenset(label.hit.field for label in labels),
        noise=reduce(lambda noise, label: noise.add(label.hit.printed, label.text), labels, Noise()),
        beheaded=_find_beheaded(rows, values),
        unread=find_unread(rows, values, grid, matcher),
    )


def _split_labels(spans: Sequence[Span], matcher: LabelMatcher) -> tuple[list[PlacedLabel], list[Span]]:
    labels: list[PlacedLabel] = []
    others: list[Span] = []
    for span in spans:
        hit = matcher.find_at_start(span.text)
        if hit is None or hit.field == BLOOD_TYPE_FIELD:
            others.append(span)
        else:
            labels.append(PlacedLabel(span, hit))
    return labels, others


def _drop_outside_column(labels: list[PlacedLabel], others: Sequence[Span]) -> list[PlacedLabel]:
    """Drop words that read like a label but stand among the values."""
    if not labels:
        return labels
    left = median(label.span.extent.left for label in labels)
    height = median(span.extent.height for span in [*others, *(label.span for label in labels)])
    limit = _LAST_LABEL_LEFT_PITCHES * PITCH_PER_LINE_HEIGHT * height
    return [label for label in labels if abs(label.span.extent.left - left) <= limit]


def _drop_unordered(labels: list[PlacedLabel]) -> list[PlacedLabel]:
    """Keep the best chain of labels in print order (a field once, the sum of similarities maximal)."""
    labels = sorted(labels, key=lambda label: label.span.extent.y)
    chains: list[tuple[float, list[PlacedLabel]]] = []
    for label in labels:
        place = PRINT_ORDER[label.hit.field]
        before = [chain for chain in chains if PRINT_ORDER[chain[1][-1].hit.field] < place]
        score, chain = max(before, key=lambda item: item[0], default=(0.0, []))
        chains.append((score + label.hit.similarity, [*chain, label]))
    return max(chains, key=lambda item: item[0], default=(0.0, []))[1]


def _is_watermark(text: str) -> bool:
    text = text.rpartition(":")[2] or text  # the rest of a label may stand in front of a value
    if text.isupper():
        return False
    letters = [character for character in text if character.isalpha()]
    return len(letters) > 4 and sum(letter.islower() for letter in letters) > _LOWER_CASE_SHARE * len(letters)


def _find_beheaded(rows: Sequence[OpenRow], values: Mapping[str, Sequence[Span]]) -> frozenset[str]:
    """Only values in lines of their own are compared: where one begins that shares its label's is not known exactly.

    The NIK may have a column of its own; whether digits are missing is known by their count.
    """
    firsts = {
        row.label.hit.field: min(row.parts, key=FROM_LEFT).extent
        for row in rows
        if row.label is not None and row.label.hit.is_whole_line and row.parts and row.label.hit.field in values
    }
    firsts.pop("nik", None)
    if len(firsts) < _MIN_COLUMN_COUNT:
        return frozenset()
    column = median(extent.left for extent in firsts.values())
    limit = _BEHEADED_HEIGHTS * median(extent.height for extent in firsts.values())
    return frozenset(name for name, extent in firsts.items() if extent.left - column > limit)


def _join_rows(spans: Sequence[Span], pitch: float) -> tuple[Span, ...]:
    rows: list[list[Span]] = []
    for span in sorted(spans, key=FROM_TOP):
        if rows and span.extent.y - rows[-1][0].extent.y < SAME_ROW_PITCHES * pitch:
            rows[-1].append(span)
        else:
            rows.append([span])
    return tuple(join_spans(sorted(row, key=FROM_LEFT)) for row in rows)
