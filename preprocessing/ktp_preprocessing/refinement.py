"""A rough outline of the card -> its sides on the image's own edges.

    rough ─ candidates for each side ─ the four that together look most like a card ─ again for sides that are not sure

A mask may be off by much more than the fine search reaches. Where the fine search leaves a doubt, a wide and coarse one
proposes other outlines, each is refined in the same way, and the one that the image supports best is taken.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import shape_mismatch
from ktp_preprocessing.geometry import map_points, quad_homography, side_lengths
from ktp_preprocessing.mask_outline import line_through
from ktp_preprocessing.sampling import prefiltered_region
from ktp_preprocessing.side_edges import ROUGH_SIDE, SideEdge, find_candidates
from ktp_preprocessing.strips import FINE_LAYOUT, WIDE_LAYOUT, StripLayout, sample_strip, strip_frame_quad

_LARGEST_MOVE_SHARE = 1.5
"""How far edges may move a corner, in units of the layout's band; beyond, an edge was not the card's."""

_MISMATCH_WEIGHT = 4.0
_MISMATCH_CAP = 0.4
_WIDE_MISMATCH_CAP = 1.5
"""Votes that an outline loses by not having a card's shape: 0.12 of one side's for one side off by 3 %."""

_ROUND_COUNT = 2
_SURE_SUPPORT = 0.7
"""A side found with this support stays; the others are looked for again once their neighbours are in place."""

_RANKED_COUNT = 24
_DOUBTFUL_SPREAD = 0.5
_DOUBTFUL_MISMATCH = 0.05
_PROPOSAL_COUNT = 3
_PROPOSAL_DISTANCE_SHARE = 0.03
_OVERLAP_WEIGHT = 1.0
"""Votes for an outline that agrees with the mask's own; one that shares 80 % of the area with it loses 0.2."""

_HIDDEN_SIDE_SPREAD = 0.5
"""What a side out of the frame counts for, when outlines are compared."""


@dataclass(frozen=True, slots=True)
class RefinedOutline:
    """An outline on the image's edges.

    Attributes:
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        side_support: for the top, right, bottom and left side, the share of it at which the image shows its edge; 0
            where the rough line was kept.
    """

    quad: NDArray[np.float64]
    side_support: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Fit:
    """An outline with the edges its sides lie on."""

    quad: NDArray[np.float64]
    sides: Sequence[SideEdge]


def refine_outline(pixels: NDArray[np.uint8], rough: NDArray[np.float64], visible: NDArray[np.bool_]) -> RefinedOutline:
    """Move the sides of a rough outline onto the image's edges.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        rough: (4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        visible: (4,) bool; False where a rough side is the image border.

    Returns:
        The outline; the rough one where the image shows nothing better.
    """
    size_px = (pixels.shape[1], pixels.shape[0])
    best = _fit_finely(pixels, rough, visible)
    if _is_doubtful(best, visible, size_px):
        proposals = _propose(pixels, rough, visible)
        fits = [best, *(_fit_finely(pixels, proposal, visible) for proposal in proposals)]
        best = max(fits, key=lambda fit: _evidence(fit, rough, visible, size_px))
    top, right, bottom, left = (side.support for side in best.sides)
    return RefinedOutline(best.quad, (top, right, bottom, left))


def _fit_finely(pixels: NDArray[np.uint8], rough: NDArray[np.float64], visible: NDArray[np.bool_]) -> _Fit:
    """Search near a rough outline, twice where sides are not sure."""
    size_px = (pixels.shape[1], pixels.shape[0])
    region, to_region = _prepare_region(pixels, rough, FINE_LAYOUT)
    fit = _Fit(rough, [ROUGH_SIDE] * 4)
    for _ in range(_ROUND_COUNT):
        from_strip = _strip_homography(fit.quad, FINE_LAYOUT)
        if from_strip is None:
            break
        choices = []
        for side, known in enumerate(fit.sides):
            if known.support >= _SURE_SUPPORT:
                choices.append([replace(known, start_px=0.0, end_px=0.0)])
            else:
                strip = sample_strip(region, to_region @ from_strip, side, FINE_LAYOUT)
                choices.append(find_candidates(strip, bool(visible[side])))
        ranked = _rank(choices, from_strip, rough, size_px, FINE_LAYOUT)
        if not ranked:
            break
        fit = ranked[0]
        if all(side.support >= _SURE_SUPPORT for side in fit.sides):
            break
    return fit


def _propose(
    pixels: NDArray[np.uint8], rough: NDArray[np.float64], visible: NDArray[np.bool_]
) -> list[NDArray[np.float64]]:
    """Search far around a rough outline at a coarse scale; returns some quads that differ."""
    from_strip = _strip_homography(rough, WIDE_LAYOUT)
    if from_strip is None:
        return []
    region, to_region = _prepare_region(pixels, rough, WIDE_LAYOUT)
    strips = [sample_strip(region, to_region @ from_strip, side, WIDE_LAYOUT) for side in range(4)]
    choices = [find_candidates(strip, bool(seen)) for strip, seen in zip(strips, visible, strict=True)]
    proposals: list[NDArray[np.float64]] = []
    least_px = _PROPOSAL_DISTANCE_SHARE * _width_px(rough)
    for fit in _rank(choices, from_strip, rough, (pixels.shape[1], pixels.shape[0]), WIDE_LAYOUT):
        if all(np.abs(fit.quad - other).max() >= least_px for other in proposals):
            proposals.append(fit.quad)
        if len(proposals) == _PROPOSAL_COUNT:
            break
    return proposals


def _rank(
    choices: Sequence[Sequence[SideEdge]],
    from_strip: NDArray[np.float64],
    rough: NDArray[np.float64],
    size_px: tuple[int, int],
    layout: StripLayout,
) -> list[_Fit]:
    """Combine one candidate per side in all ways; best first: many votes, and together the shape of a card."""
    picks = np.array(list(itertools.product(*(range(len(side)) for side in choices))), dtype=np.intp)
    lines = [np.array([_moved_side(layout, side, edge) for edge in choices[side]]) for side in range(4)]
    corners = np.empty((len(picks), 4, 2))
    for corner in range(4):
        crossings = np.cross(lines[corner - 1][picks[:, corner - 1]], lines[corner][picks[:, corner]])
        corners[:, corner] = crossings[:, :2] / np.where(np.abs(crossings[:, 2:]) < 1e-6, 1e-6, crossings[:, 2:])
    quads = map_points(from_strip, corners)
    scores = np.zeros(len(picks))
    for side in range(4):
        scores += np.array([edge.score for edge in choices[side]])[picks[:, side]]
    if len(picks) > 1:
        cap = _MISMATCH_CAP if layout is FINE_LAYOUT else _WIDE_MISMATCH_CAP
        scores -= np.minimum(_MISMATCH_WEIGHT * shape_mismatch(quads, size_px), cap)
    plausible = _are_plausible(quads, rough, layout)
    order = np.argsort(-scores, kind="stable")
    return [
        _Fit(quads[pick], [choices[side][picks[pick, side]] for side in range(4)]) for pick in order if plausible[pick]
    ][:_RANKED_COUNT]


def _prepare_region(
    pixels: NDArray[np.uint8], rough: NDArray[np.float64], layout: StripLayout
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out the surroundings of an outline at the scale of a layout; with the homography source -> region."""
    middle = rough.mean(axis=0)
    reach = middle + (1.0 + 3.0 * layout.band_px / layout.card_width_px) * (rough - middle)
    return prefiltered_region(pixels, reach, _width_px(rough) / layout.card_width_px)


def _strip_homography(quad: NDArray[np.float64], layout: StripLayout) -> NDArray[np.float64] | None:
    """Homography from the strip frame onto an outline; None where the outline is degenerate."""
    try:
        return quad_homography(strip_frame_quad(layout), quad)
    except ValueError:
        return None


def _moved_side(layout: StripLayout, side: int, edge: SideEdge) -> NDArray[np.float64]:
    """Line of a side in the strip frame after it moved onto its edge."""
    frame = strip_frame_quad(layout)
    start, end = frame[side], frame[(side + 1) % 4]
    along = (end - start) / np.linalg.norm(end - start)
    inward = np.array([-along[1], along[0]])
    return line_through(start + edge.start_px * inward, end + edge.end_px * inward)


def _are_plausible(quads: NDArray[np.float64], rough: NDArray[np.float64], layout: StripLayout) -> NDArray[np.bool_]:
    """Tell which outlines (N, 4, 2) are convex and near the rough one."""
    reach_px = _LARGEST_MOVE_SHARE * layout.band_px / layout.card_width_px * _width_px(rough)
    moves = np.linalg.norm(quads - rough, axis=2).max(axis=1)
    edges = np.roll(quads, -1, axis=1) - quads
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    return np.asarray((moves <= reach_px) & (turns > 0).all(axis=1), dtype=np.bool_)


def _is_doubtful(fit: _Fit, visible: NDArray[np.bool_], size_px: tuple[int, int]) -> bool:
    """Tell whether a side was not found, or the outline is no view of a card."""
    if any(side.spread < _DOUBTFUL_SPREAD and seen for side, seen in zip(fit.sides, visible, strict=True)):
        return True
    return float(shape_mismatch(fit.quad[None], size_px)[0]) > _DOUBTFUL_MISMATCH


def _evidence(fit: _Fit, rough: NDArray[np.float64], visible: NDArray[np.bool_], size_px: tuple[int, int]) -> float:
    """What speaks for an outline: its edges, its shape, and its agreement with the rough one."""
    spreads = [
        max(side.spread, 0.0 if seen else _HIDDEN_SIDE_SPREAD) for side, seen in zip(fit.sides, visible, strict=True)
    ]
    mismatch = min(_MISMATCH_WEIGHT * float(shape_mismatch(fit.quad[None], size_px)[0]), _WIDE_MISMATCH_CAP)
    return sum(spreads) - mismatch + _OVERLAP_WEIGHT * _overlap(fit.quad, rough)


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Intersection over union of two convex quadrilaterals."""
    shapes = first.astype(np.float32), second.astype(np.float32)
    common, _ = cv2.intersectConvexConvex(*shapes)
    union = cv2.contourArea(shapes[0]) + cv2.contourArea(shapes[1]) - common
    return float(common) / union if union > 0 else 0.0


def _width_px(quad: NDArray[np.float64]) -> float:
    """Mean length of the top and bottom sides."""
    return float(side_lengths(quad)[[0, 2]].mean())
