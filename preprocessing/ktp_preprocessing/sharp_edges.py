"""Sides that are nearly right -> the sharp edge near each, and its outer flank where the card has a rim.

A card's shadow is soft: its change goes on as steadily a little farther off, the card's own edge is over at once. So a
row's change counts less what goes on around it. Means along a sixteenth of a side show edges that noise hides.

A worn or laminated card has a rim of another colour, a third of a millimetre or so wide, whose inner edge is often the
stronger one. The card ends where the change begins.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.edge_fit import EdgeEvidence, SideEdge, fit_edges
from ktp_preprocessing.edge_votes import search_grid, weigh_quarters
from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.mask_outline import intersect_sides
from ktp_preprocessing.sampling import halved_region
from ktp_preprocessing.side_combinations import are_plausible, mean_width_px, moved_side
from ktp_preprocessing.side_edges import ROUGH_SIDE
from ktp_preprocessing.strips import END_SHARE, SHARP_LAYOUT, compare_rows, sample_colours, strip_frame_quad

_REGION_GROWTH = 1.15
_NEAR_PX, _FAR_PX = 2, 6
"""Rows to either side whose mean colours are compared, and the farther ones that say what goes on around them."""

_LEAST_NOISE = 1.0
_NOISE_WEIGHT = 1.5
_RIVAL_PX = 6
_MIN_SCORE = 0.5
_MIN_GAIN = 0.1
"""Share of a side: a line with fewer votes is no better than what was found before, nor is one with hardly more."""

_RIM_CHANGE = 0.5
_LONGEST_FLANK_PX = 2.0
_RIM_REACH_PX = 9
_MIN_RIM_PX, _MAX_RIM_PX = 1.0, 5.0
"""A rim's outer edge is at least so strong, of its inner one; its flank falls to half of that as fast as a sharp edge's
does; and it is at most 0.5 mm away. What is softer or farther off is a shadow."""

_FAINTEST_EDGE = 3.0
"""Grey levels; the flanks of a fainter edge are lost in noise."""


def settle_sides(pixels: NDArray[np.uint8], quad: NDArray[np.float64], found: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Move the sides of an outline onto the sharp edges near them, at most 1.6 % of the card's width away.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        found: (4,) bool, False for the top, right, bottom or left side that the image does not show.

    Returns:
        (4, 2) float64 corners; sides without a sharp edge stay where they are.
    """
    layout = SHARP_LAYOUT
    try:
        from_strip = quad_homography(strip_frame_quad(layout), quad)
    except ValueError:
        return quad
    middle = quad.mean(axis=0)
    reach = middle + _REGION_GROWTH * (quad - middle)
    region, to_region = halved_region(pixels, reach, mean_width_px(quad) / layout.card_width_px)
    colours, usable = sample_colours(region, to_region @ from_strip, layout, _FAR_PX)
    sides = [ROUGH_SIDE] * 4
    for side, edge in _find_sharp(colours, usable & found[:, None, None]):
        rim_px = _rim_width(_straighten(colours[side], edge))
        sides[side] = SideEdge(edge.start_px - rim_px, edge.end_px - rim_px, edge.support, edge.spread, edge.score)
    corners = intersect_sides(np.array([moved_side(layout, side, edge) for side, edge in enumerate(sides)]))
    if corners is None:
        return quad
    settled = map_points(from_strip, corners)
    return settled if are_plausible(settled[None], quad, layout)[0] else quad


def _find_sharp(colours: NDArray[np.float32], usable: NDArray[np.bool_]) -> list[tuple[int, SideEdge]]:
    """Find the line with the most votes along each side; sides that have none are left out."""
    search = search_grid(SHARP_LAYOUT)
    change = compare_rows(colours, _sharp_kernel())
    strength = np.sqrt(np.einsum("srbc,srbc->srb", change, change)) * usable
    noise = np.maximum(np.median(strength.reshape(4, -1), axis=1), _LEAST_NOISE)[:, None, None]
    around = np.ones((2 * _RIVAL_PX + 1, 1), dtype=np.uint8)
    largest = np.stack([cv2.dilate(side_strength, around) for side_strength in strength])
    squared = strength**2
    clear = squared / (squared + (_NOISE_WEIGHT * noise.astype(np.float32)) ** 2)
    votes = clear * strength / np.maximum(largest, np.float32(1e-6))
    quarters = votes.reshape(4, -1)[:, search.cells].mean(axis=2)
    scores = weigh_quarters(quarters, axis=1) - search.penalties
    unmoved = int(np.flatnonzero((search.lines == 0.0).all(axis=1))[0])
    best = np.where(scores.max(axis=1) < scores[:, unmoved] + _MIN_GAIN, unmoved, scores.argmax(axis=1))
    sides = np.flatnonzero(scores.max(axis=1) >= _MIN_SCORE)
    evidence = EdgeEvidence(strength, votes, np.zeros(4), search)
    return list(zip(sides.tolist(), fit_edges(evidence, sides, search.lines[best[sides]]), strict=True))


@cache
def _sharp_kernel() -> NDArray[np.float32]:
    """Weights of the rows, (13, 1): near ones less far ones, so that a steady change counts nothing."""
    offsets = np.arange(-_FAR_PX, _FAR_PX + 1)
    near, far = (np.abs(offsets) <= _NEAR_PX) & (offsets != 0), np.abs(offsets) > _NEAR_PX
    sides = np.sign(offsets) * (near / near.sum() * 2.0)
    around = np.sign(offsets) * (far / far.sum() * 2.0)
    ratio = (sides @ offsets) / (around @ offsets)
    return np.asarray((sides - ratio * around)[:, None], dtype=np.float32)


def _straighten(colours: NDArray[np.float32], edge: SideEdge) -> NDArray[np.float32]:
    """Sample a side's bins (rows, bin_count, 3) at offsets from an edge: (bin_count, 2 * reach + 3, 3)."""
    layout = SHARP_LAYOUT
    share = END_SHARE + (1.0 - 2.0 * END_SHARE) * search_grid(layout).places
    middle = layout.band_px + edge.start_px + (edge.end_px - edge.start_px) * share
    offsets = np.arange(-_RIM_REACH_PX - 1, _RIM_REACH_PX + 2)
    rows = (middle[:, None] + offsets).astype(np.float32)
    bins = np.broadcast_to(np.arange(layout.bin_count, dtype=np.float32)[:, None], rows.shape)
    return np.asarray(cv2.remap(colours, bins, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _rim_width(profiles: NDArray[np.float32]) -> float:
    """Tell how far outside an edge the change begins, beyond what its blur explains, pixels; 0 without a rim.

    The edge's inner flank shows the blur.
    """
    steps = np.linalg.norm(profiles[:, 2:] - profiles[:, :-2], axis=2)
    middle = steps.shape[1] // 2
    peaks = np.maximum(steps[:, middle - 1 : middle + 2].max(axis=1), _FAINTEST_EDGE)
    change = np.median(steps / peaks[:, None], axis=0)
    change[middle] = 1.0
    outward, inward = change[middle::-1], change[middle:]
    start_px, end_px = _last_above(outward, _RIM_CHANGE), _first_below(inward, _RIM_CHANGE)
    width_px = start_px - end_px
    is_sharp = _last_above(outward, _RIM_CHANGE / 2.0) - start_px <= _LONGEST_FLANK_PX
    return width_px if is_sharp and _MIN_RIM_PX <= width_px <= _MAX_RIM_PX else 0.0


def _last_above(change: NDArray[np.float64], level: float) -> float:
    """Find where a change falls below a level for good, to a fraction of a pixel; infinity where it does not."""
    last = int(np.flatnonzero(change >= level)[-1])
    return np.inf if last + 1 == len(change) else last + _crossing(change[last], change[last + 1], level)


def _first_below(change: NDArray[np.float64], level: float) -> float:
    """Find where a change falls below a level first, to a fraction of a pixel; infinity where it does not."""
    below = np.flatnonzero(change < level)
    return np.inf if len(below) == 0 else below[0] - 1 + _crossing(change[below[0] - 1], change[below[0]], level)


def _crossing(before: float, after: float, level: float) -> float:
    return float((before - level) / (before - after))
