"""Candidates for a card's side among the edges of the image.

Every place along a strip votes for the offsets at which colour changes there, with one vote at most; lines with many
votes are candidates, whatever covers a part of them. Where a side is too faint for votes, the mean change along a
line is looked at: print and texture come and go along a side, a faint edge is there all along.
"""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.strips import END_SHARE, FINE_LAYOUT, WINDOW_PX, StripLayout, Strips

MIN_SUPPORT = 0.35
"""Share of a side that must show the edge. On rendered scenes, lines below were wrong more often than right."""

_MIN_BORDER_SUPPORT = 0.6
"""The same where the mask reaches the image border: only a nearly whole edge is the card's own there."""

_MIN_WIDE_SUPPORT = 0.15
"""The same in a wide search: where the neighbours are far off, a side shows on a part of its strip only."""

_MAX_CANDIDATE_COUNT = 6
_MAX_WIDE_CANDIDATE_COUNT = 8
_SAME_PX = 2.0
_HOPELESS_DEFICIT = 0.4
"""Votes that a candidate may have less than the best one: about what the card's shape can make up for."""

_CANDIDATE_DISTANCE_PX = 3
_NOISE_FLOOR = 5.0
"""Colour difference, grey levels, below which a change is no edge."""

_FAINT_CHANGE = 2.5
_FAINT_CONTRAST = 3.0
_LARGEST_FAINT_CHANGE = 12.0
"""A faint side's change: at least so many grey levels, so many times that of the usual line, and at most so many."""

_CLEAR_SCORE = 0.6
"""A side with a better candidate than this is not looked at for a faint edge."""

_GOOD_SCORE = 0.5
_INNER_ADVANTAGE = 0.35
_INNER_DISTANCE_PX = 3
"""Votes that a line loses against a good one so far inside."""

_SEARCH_STEP_PX = 2
_DISTANCE_PENALTY = 0.2
_MAX_DISTANCE_PENALTY = 0.35
"""Votes (share of a side) that a line loses against one where the mask sees the side: the first at the layout's usual
distance, and growing with its square up to the last."""

_RIVAL_PX = 3
"""Nearer than this, of two edges the stronger one is the card's: 0.5 % of the width. Farther off, the stronger one is
often the edge of the card's shadow or of a joint between tiles."""

_SNAP_PX = 3
_FIT_ROUNDS = 4
_DAMPING = 1e-3
_INLIER_PX = 1.5


@dataclass(frozen=True, slots=True)
class SideEdge:
    """A line for one side, in its strip.

    Attributes:
        start_px: offset from the rough side at its first corner, strip pixels, positive towards the card's inside.
        end_px: the same at its second corner.
        support: share of the side at which the image shows an edge there, 0 to 1; 0 for the rough side itself.
        spread: the same, weighed by how it is spread along the side.
        score: `spread` less penalties: for the distance from the rough side, and for a
            line further inside that is nearly as good.
    """

    start_px: float
    end_px: float
    support: float
    spread: float
    score: float


ROUGH_SIDE = SideEdge(0.0, 0.0, 0.0, 0.0, MIN_SUPPORT - 0.1)
"""The candidate of last resort: the line that the mask gave."""


def find_candidates(strips: Strips, visible: NDArray[np.bool_]) -> list[list[SideEdge]]:
    """Find the lines in each strip that may be the card's side.

    Args:
        strips: the bands along the rough sides.
        visible: (4,) bool, False where the rough side is the image border: the card's side is there or beyond, and what
            looks like an edge further inside is print.

    Returns:
        For each side its candidates, best first, at least one: the rough side itself comes last.
    """
    is_fine = strips.layout is FINE_LAYOUT
    search = _search_grid(strips.layout)
    strength = np.sqrt(np.einsum("srbc,srbc->srb", strips.change, strips.change))
    noise = np.maximum(np.median(strength.reshape(4, -1), axis=1), _NOISE_FLOOR)[:, None, None]
    squared = strength**2
    votes = _prominence(strength) * squared / (squared + (2.0 * noise.astype(np.float32)) ** 2)
    sides, lines = _voted_lines(votes, search, visible)
    edges = _fit_edges(_Evidence(strength, votes, visible.astype(np.float64), search), sides, lines)
    found: list[list[SideEdge]] = []
    for side in range(4):
        seen = bool(visible[side])
        least = _MIN_BORDER_SUPPORT if not seen else MIN_SUPPORT if is_fine else _MIN_WIDE_SUPPORT
        candidates: list[SideEdge] = []
        for edge in (edges[index] for index in np.flatnonzero(sides == side)):
            if edge.score >= least and not any(_is_same(edge, other) for other in candidates):
                candidates.append(edge)
        if seen and is_fine and all(edge.score < _CLEAR_SCORE for edge in candidates):
            candidates += _find_faint(strips, side, search)
        if is_fine:
            candidates = _prefer_inner(candidates)
            best = max((edge.score for edge in candidates), default=0.0)
            candidates = [edge for edge in candidates if edge.score >= best - _HOPELESS_DEFICIT]
        found.append([*sorted(candidates, key=lambda edge: -edge.score), ROUGH_SIDE])
    return found


def _prominence(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare changes (S, rows, bin_count) with the largest one near them across the side: 0 to 1.

    Beside the card's edge there are weaker ones, of its shadow and its worn rim. The flanks of an edge count nothing.
    """
    reach = np.ones((2 * _RIVAL_PX + 1, 1), dtype=np.uint8)
    largest = np.stack([cv2.dilate(side_strength, reach) for side_strength in strength])
    prominence = np.zeros_like(strength)
    inner = strength[:, 1:-1]
    peak = (inner >= strength[:, :-2]) & (inner > strength[:, 2:])
    prominence[:, 1:-1] = peak * (inner / np.maximum(largest[:, 1:-1], np.float32(1e-6)))
    return prominence


@dataclass(frozen=True, slots=True)
class _SearchGrid:
    """All lines of the search through strips of one layout.

    Attributes:
        layout: the strips' dimensions.
        places: (bin_count,) positions of the bins along the side, 0 to 1.
        lines: (L, 2) offsets at both ends.
        cells: (4, bin_count / 8, L) flat indices into a strip, by the quarter of the side; every second bin is
            enough for the search.
        penalties: (L,) votes lost by the distance from the rough side.
    """

    layout: StripLayout
    places: NDArray[np.float64]
    lines: NDArray[np.float64]
    cells: NDArray[np.intp]
    penalties: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What lines are fitted to.

    Attributes:
        strength: (S, 2 * band_px + 1, bin_count) float32, size of the colour change.
        votes: the same shape, 0 to 1.
        mask_trust: (S,) scale of the penalty for the distance from the rough side.
        search: the lines that were searched through.
    """

    strength: NDArray[np.float32]
    votes: NDArray[np.float32]
    mask_trust: NDArray[np.float64]
    search: _SearchGrid


@cache
def _search_grid(layout: StripLayout) -> _SearchGrid:
    """Build the lines of a layout, once."""
    places = (np.arange(layout.bin_count) + 0.5) / layout.bin_count
    reach_px = layout.band_px - WINDOW_PX
    offsets = np.arange(-reach_px, reach_px + 1, _SEARCH_STEP_PX, dtype=np.float64)
    starts, ends = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    kept = np.abs(starts - ends) <= layout.max_skew_px
    starts, ends = starts[kept], ends[kept]
    searched = np.arange(0, layout.bin_count, 2)
    rows = np.rint(starts + (ends - starts) * places[searched][:, None] + layout.band_px).astype(np.intp)
    cells = rows * layout.bin_count + searched[:, None]
    lines = np.column_stack([starts, ends])
    return _SearchGrid(layout, places, lines, cells.reshape(4, -1, len(lines)), _penalty(lines, layout))


def _penalty(lines: NDArray[np.float64], layout: StripLayout) -> NDArray[np.float64]:
    """Votes that lines (L, 2) lose by their mean squared distance from the rough side."""
    start_px, end_px = lines[:, 0], lines[:, 1]
    mean_square = (start_px**2 + start_px * end_px + end_px**2) / 3.0
    penalty = np.minimum(_DISTANCE_PENALTY * mean_square / layout.usual_distance_px**2, _MAX_DISTANCE_PENALTY)
    return np.asarray(penalty, dtype=np.float64)


def _voted_lines(
    votes: NDArray[np.float32], search: _SearchGrid, visible: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The lines with the most votes, well apart: their sides (K,) and their offsets (K, 2)."""
    reach = np.ones((_SEARCH_STEP_PX + 1, 2), dtype=np.uint8)
    smooth = np.stack([cv2.dilate(side_votes, reach, anchor=(0, _SEARCH_STEP_PX // 2)).ravel() for side_votes in votes])
    quarters = smooth[:, search.cells].mean(axis=2)
    scores = _weigh_quarters(quarters, axis=1) - visible[:, None] * search.penalties
    fine = search.layout is FINE_LAYOUT
    lowest = np.maximum(MIN_SUPPORT - _MAX_DISTANCE_PENALTY, scores.max(axis=1) - _HOPELESS_DEFICIT) if fine else 0.0
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


def _spread_support(support: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh the support in each bin (K, bin_count) by how it is spread along the side."""
    return _weigh_quarters(support.reshape(len(support), 4, -1).mean(axis=2), axis=1)


def _weigh_quarters(quarters: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """Weigh the support in each quarter of a side.

    The card's own side shows all along, but for one place that a finger covers; the photo's edge and rows of print show
    on a part only. So half of the result is the mean, half the second-lowest quarter of the side.
    """
    second_lowest = np.partition(quarters, 1, axis=axis).take(1, axis=axis)
    return np.asarray((quarters.mean(axis=axis) + second_lowest) / 2.0, dtype=np.float64)


def _is_same(first: SideEdge, second: SideEdge) -> bool:
    """Tell whether two fits came to the same line."""
    return max(abs(first.start_px - second.start_px), abs(first.end_px - second.end_px)) < _SAME_PX


def _prefer_inner(candidates: list[SideEdge]) -> list[SideEdge]:
    """Take votes from lines that have a good one further inside.

    Right outside a card there are sleeves, stripes and other papers with straight edges all along; inside nothing is.
    """
    ranked = []
    for edge in candidates:
        inner = any(
            other.start_px + other.end_px > edge.start_px + edge.end_px + 2 * _INNER_DISTANCE_PX
            and other.score >= max(_GOOD_SCORE, edge.score - _INNER_ADVANTAGE)
            for other in candidates
        )
        ranked.append(replace(edge, score=edge.score - _INNER_ADVANTAGE) if inner else edge)
    return ranked


def _find_faint(strips: Strips, side: int, search: _SearchGrid) -> list[SideEdge]:
    """Find a side by the mean colour change in each quarter of it, by the second-lowest of them.

    Changes are clipped at a size that a faint side does not exceed, so that print counts little.
    """
    change = strips.change[side]
    clipped = np.clip(change, -_LARGEST_FAINT_CHANGE, _LARGEST_FAINT_CHANGE).reshape(-1, 3)
    means = np.stack([channel[search.cells].mean(axis=1) for channel in np.ascontiguousarray(clipped.T)])
    directions = means.sum(axis=1)
    directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-6)
    quarters = (means * directions[:, None]).sum(axis=0)
    sizes = np.partition(quarters, 1, axis=0)[1]
    best = int(np.argmax(sizes * (1.0 - search.penalties)))
    if sizes[best] < max(_FAINT_CHANGE, _FAINT_CONTRAST * float(np.median(np.abs(sizes)))):
        return []
    direction = directions[:, best]
    along = cv2.blur(np.asarray(change @ direction, dtype=np.float32), (7, 1))
    strength = np.asarray(np.maximum(along, 0.0), dtype=np.float32)
    votes = np.minimum(strength / np.float32(sizes[best]), np.float32(1.0))
    evidence = _Evidence(strength[None], votes[None], np.ones(1), search)
    return _fit_edges(evidence, np.zeros(1, dtype=np.intp), search.lines[best : best + 1])


def _fit_edges(evidence: _Evidence, sides: NDArray[np.intp], lines: NDArray[np.float64]) -> list[SideEdge]:
    """Fit lines (K, 2) of some sides (K,) to the largest change near them, by weighted least squares."""
    if len(lines) == 0:
        return []
    near_start, near_end = 1.0 - evidence.search.places, evidence.search.places
    basis = np.stack([near_start, near_end])
    exact, weights = _edge_places(evidence, sides, lines @ basis)
    solutions, cutoff_px = lines, float(_SNAP_PX)
    products = np.stack([near_start**2, near_start * near_end, near_end**2], axis=1)
    for fit_round in range(_FIT_ROUNDS):
        if fit_round == _FIT_ROUNDS // 2:
            exact, weights = _edge_places(evidence, sides, solutions @ basis)
        residuals = exact - solutions @ basis
        trust = weights * np.maximum(1.0 - (residuals / cutoff_px) ** 2, 0.0) ** 2
        a, b, c = (trust @ products).T + np.array([[_DAMPING], [0.0], [_DAMPING]])
        right_start, right_end = ((trust * residuals) @ basis.T).T
        steps = np.stack([c * right_start - b * right_end, a * right_end - b * right_start], axis=1)
        solutions = solutions + steps / (a * c - b * b)[:, None]
        cutoff_px = max(_INLIER_PX, 0.7 * cutoff_px)
    residuals = exact - solutions @ basis
    supporting = weights * (np.abs(residuals) < _INLIER_PX)
    spreads = _spread_support(supporting)
    scores = spreads - evidence.mask_trust[sides] * _penalty(solutions, evidence.search.layout)
    skews_px = (solutions[:, 1] - solutions[:, 0]) * END_SHARE / (1.0 - 2.0 * END_SHARE)
    starts_px, ends_px = solutions[:, 0] - skews_px, solutions[:, 1] + skews_px
    measures = np.column_stack([starts_px, ends_px, supporting.mean(axis=1), spreads, scores])
    return [SideEdge(*(float(value) for value in row)) for row in measures]


def _edge_places(
    evidence: _Evidence, sides: NDArray[np.intp], expected_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset of the largest change near lines (K, bin_count), to a fraction of a pixel, and the votes for it."""
    strength, side = evidence.strength, sides[:, None]
    last_row, columns = strength.shape[1] - 2, np.arange(strength.shape[2])
    band_px = strength.shape[1] // 2
    middle = np.rint(expected_px).astype(np.intp) + band_px
    rows = np.clip(middle[:, None] + np.arange(-_SNAP_PX, _SNAP_PX + 1)[:, None], 1, last_row)
    best = evidence.votes[side[..., None], rows, columns].argmax(axis=1)
    peak = np.take_along_axis(rows, best[:, None], axis=1)[:, 0]
    before, at, after = (strength[side, peak + step, columns].astype(np.float64) for step in (-1, 0, 1))
    curvature = np.minimum(before - 2.0 * at + after, -1e-6)
    shift = np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)
    return peak + shift - band_px, evidence.votes[side, peak, columns].astype(np.float64)
