"""The search for straight lines along a side: every place votes for the offsets at which colour changes there.

All lines through a strip, within the layout's skew, are weighed at once; those with the most votes are handed on.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.strips import FINE_LAYOUT, StripLayout

MIN_SUPPORT = 0.35
"""Share of a side that must show the edge. On rendered scenes, lines below were wrong more often than right."""

_MAX_CANDIDATE_COUNT = 6
_MAX_WIDE_CANDIDATE_COUNT = 8
HOPELESS_DEFICIT = 0.4
"""Votes that a candidate may have less than the best one: about what the card's shape can make up for."""

_CANDIDATE_DISTANCE_PX = 3
_DISTANCE_PENALTY = 0.2
_MAX_DISTANCE_PENALTY = 0.35
"""Votes (share of a side) that a line loses against one where the mask sees the side: the first at the layout's usual
distance, and growing with its square up to the last."""


@dataclass(frozen=True, slots=True)
class SearchGrid:
    """All lines of the search through strips of one layout.

    Attributes:
        layout: the strips' dimensions.
        places: (bin_count,) positions of the bins along the side, 0 to 1.
        lines: (L, 2) offsets at both ends.
        cells: (4, bin_count / (4 * search_step), L) flat indices into a strip, by the quarter of the side.
        penalties: (L,) votes lost by the distance from the rough side.
    """

    layout: StripLayout
    places: NDArray[np.float64]
    lines: NDArray[np.float64]
    cells: NDArray[np.intp]
    penalties: NDArray[np.float64]


@cache
def search_grid(layout: StripLayout) -> SearchGrid:
    """Give all lines to search through in strips of a layout."""
    places = (np.arange(layout.bin_count) + 0.5) / layout.bin_count
    reach_px = layout.band_px - layout.margin_px
    offsets = np.arange(-reach_px, reach_px + 1, layout.search_step, dtype=np.float64)
    starts, ends = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    kept = np.abs(starts - ends) <= layout.max_skew_px
    starts, ends = starts[kept], ends[kept]
    searched = np.arange(0, layout.bin_count, layout.search_step)
    rows = np.rint(starts + (ends - starts) * places[searched][:, None] + layout.band_px).astype(np.intp)
    cells = rows * layout.bin_count + searched[:, None]
    lines = np.column_stack([starts, ends])
    return SearchGrid(layout, places, lines, cells.reshape(4, -1, len(lines)), weigh_distance(lines, layout))


def weigh_distance(lines: NDArray[np.float64], layout: StripLayout) -> NDArray[np.float64]:
    """Weigh how far lines are from the rough side.

    Args:
        lines: (L, 2) offsets at both ends, strip pixels.
        layout: the strips' dimensions.

    Returns:
        (L,) float64 votes that they lose, growing with their mean squared distance.
    """
    start_px, end_px = lines[:, 0], lines[:, 1]
    mean_square = (start_px**2 + start_px * end_px + end_px**2) / 3.0
    penalty = np.minimum(_DISTANCE_PENALTY * mean_square / layout.usual_distance_px**2, _MAX_DISTANCE_PENALTY)
    return np.asarray(penalty, dtype=np.float64)


def find_voted_lines(
    votes: NDArray[np.float32], search: SearchGrid, visible: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the lines with the most votes, well apart.

    Args:
        votes: (4, 2 * band_px + 1, bin_count) float32 for an edge at each place, 0 to 1.
        search: the lines to search through.
        visible: (4,) bool, False where the rough side is the image border: distances from it cost nothing.

    Returns:
        The sides (K,) that K lines belong to, and their offsets (K, 2).
    """
    step = search.layout.search_step
    reach = np.ones((step + 1, step), dtype=np.uint8)
    smooth = np.stack([cv2.dilate(side_votes, reach, anchor=(0, step // 2)).ravel() for side_votes in votes])
    quarters = smooth[:, search.cells].mean(axis=2)
    scores = weigh_quarters(quarters, axis=1) - visible[:, None] * search.penalties
    fine = search.layout is FINE_LAYOUT
    lowest = np.maximum(MIN_SUPPORT - _MAX_DISTANCE_PENALTY, scores.max(axis=1) - HOPELESS_DEFICIT) if fine else 0.0
    sides, lines = [], []
    for _ in range(_MAX_CANDIDATE_COUNT if fine else _MAX_WIDE_CANDIDATE_COUNT):
        best = scores.argmax(axis=1)
        kept = np.flatnonzero(scores[np.arange(4), best] >= lowest)
        if len(kept) == 0:
            break
        sides.append(kept)
        lines.append(search.lines[best[kept]])
        near = np.abs(search.lines[None] - search.lines[best][:, None]).max(axis=2) < _CANDIDATE_DISTANCE_PX
        scores[near] = -1.0
    if not sides:
        return np.zeros(0, dtype=np.intp), np.zeros((0, 2))
    return np.concatenate(sides), np.concatenate(lines)


def weigh_quarters(quarters: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """Weigh the support in the quarters of a side, along one axis of an array.

    The card's own side shows all along, but for one place that a finger covers; the photo's edge and rows of print show
    on a part only. So half of the result is the mean, half the second-lowest quarter of the side.
    """
    second_lowest = np.partition(quarters, 1, axis=axis).take(1, axis=axis)
    return np.asarray((quarters.mean(axis=axis) + second_lowest) / 2.0, dtype=np.float64)
