"""Candidates for a card's side among the edges of the image.

Every place along a strip votes for the offsets at which colour changes there, with one vote at most; lines with many
votes are candidates, whatever covers a part of them. Where a side is too faint for votes, the mean change along a
line is looked at: print and texture come and go along a side, a faint edge is there all along.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.edge_fit import EdgeEvidence, SideEdge, fit_edges
from ktp_preprocessing.edge_votes import HOPELESS_DEFICIT, MIN_SUPPORT, SearchGrid, find_voted_lines, search_grid
from ktp_preprocessing.strips import FINE_LAYOUT, Strips

_MIN_BORDER_SUPPORT = 0.6
"""`MIN_SUPPORT` where the mask reaches the image border: only a nearly whole edge is the card's own there."""

_MIN_WIDE_SUPPORT = 0.15
"""The same in a wide search: where the neighbours are far off, a side shows on a part of its strip only."""

_SAME_PX = 2.0
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

_RIVAL_PX = 3
"""Nearer than this, of two edges the stronger one is the card's: 0.5 % of the width. Farther off, the stronger one is
often the edge of the card's shadow or of a joint between tiles."""

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
    search = search_grid(strips.layout)
    strength = np.sqrt(np.einsum("srbc,srbc->srb", strips.change, strips.change))
    noise = np.maximum(np.median(strength.reshape(4, -1), axis=1), _NOISE_FLOOR)[:, None, None]
    squared = strength**2
    votes = _prominence(strength) * squared / (squared + (2.0 * noise.astype(np.float32)) ** 2)
    sides, lines = find_voted_lines(votes, search, visible)
    edges = fit_edges(EdgeEvidence(strength, votes, visible.astype(np.float64), search), sides, lines)
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
            candidates = [edge for edge in candidates if edge.score >= best - HOPELESS_DEFICIT]
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


def _find_faint(strips: Strips, side: int, search: SearchGrid) -> list[SideEdge]:
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
    evidence = EdgeEvidence(strength[None], votes[None], np.ones(1), search)
    return fit_edges(evidence, np.zeros(1, dtype=np.intp), search.lines[best : best + 1])
