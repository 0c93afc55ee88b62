"""A rough outline of the card -> its sides on the image's own edges.

    rough ─ candidates for each side ─ the four that together look most like a card ─ again for sides that are not sure
          ─ the sharp edge near each

A mask may be off by much more than this fine search reaches. A wide and coarse one proposes other outlines, each is
refined in the same way, and the one that the image supports best is taken.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import USUAL_FOCAL_LENGTH, infer_side, shape_mismatch
from ktp_preprocessing.geometry import quad_homography
from ktp_preprocessing.mask_outline import MaskOutline
from ktp_preprocessing.sampling import halved_region
from ktp_preprocessing.sharp_edges import settle_sides
from ktp_preprocessing.side_combinations import SideFit, are_plausible, mean_width_px, rank_combinations, shape_penalty
from ktp_preprocessing.side_edges import ROUGH_SIDE, find_candidates
from ktp_preprocessing.strips import FINE_LAYOUT, WIDE_LAYOUT, StripLayout, sample_strips, strip_frame_quad

_ROUND_COUNT = 3
_SURE_SUPPORT = 0.7
_NEAR_SHARE = 0.025
"""A side found with this support stays, if the corners had not to move by more than this of the width: farther off, a
strip shows neighbouring sides and not all of its own. The others are looked for again."""

_LEAST_VISIBLE_COUNT = 2
"""With fewer visible sides there is too little to tell a better outline from print."""

_DOUBT_ROUND_COUNT = 2
_DOUBTFUL_SPREAD = 0.5
_DOUBTFUL_MISMATCH = 0.015
_CLEAR_SPREAD = 0.9
"""An outline is looked at again where a side is weaker than the first, or its shape is off by more than the second and
not every side is clear: a bent card, or a lens unlike a phone's, has clear sides too."""

_PROPOSAL_COUNT = 5
_PROPOSAL_DISTANCE_SHARE = 0.03
_OVERLAP_WEIGHT = 3.0
"""Votes for an outline that agrees with the mask's own; one that shares 80 % of the area with it loses 0.6."""

_REGION_GROWTH = 1.8
"""Part of the image that is prepared, in units of the rough outline: the wide search reaches 1.5, and moves on."""

_HIDDEN_SIDE_SPREAD = 0.5
"""What a side out of the frame counts for, when outlines are compared."""


@dataclass(frozen=True, slots=True)
class RefinedOutline:
    """An outline on the image's edges.

    Attributes:
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        side_support: for the top, right, bottom and left side, the share of it at which the image shows its edge; 0
            where the rough line was kept.
        is_doubtful: whether a side was not found, or the outline is hardly a view of a card.
    """

    quad: NDArray[np.float64]
    side_support: tuple[float, float, float, float]
    is_doubtful: bool


@dataclass(frozen=True, slots=True)
class _View:
    """The image as the search sees it.

    Attributes:
        rough: the mask's outline, source pixels.
        pixels: (H, W, 3) uint8, the source.
        fine: part of it at about the scale of the fine layout, and the homography source -> part.
    """

    rough: MaskOutline
    pixels: NDArray[np.uint8]
    fine: tuple[NDArray[np.uint8], NDArray[np.float64]]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the source."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def weigh_evidence(self, fit: SideFit) -> float:
        """What speaks for an outline: its edges, its shape, and its agreement with the mask's."""
        spreads = [
            max(side.spread, 0.0 if seen else _HIDDEN_SIDE_SPREAD)
            for side, seen in zip(fit.sides, self.rough.visible, strict=True)
        ]
        penalty = float(shape_penalty(fit.quad[None], self.size_px)[0])
        return sum(spreads) - penalty + _OVERLAP_WEIGHT * _overlap(fit.quad, self.rough.quad)


def refine_outline(pixels: NDArray[np.uint8], rough: MaskOutline) -> RefinedOutline:
    """Move the sides of a rough outline onto the image's edges near them.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        rough: the mask's outline in source pixels.

    Returns:
        The outline; the rough one where the image shows nothing better.
    """
    view = _View(rough, pixels, _prepare_region(pixels, rough.quad, FINE_LAYOUT))
    return _describe(_fit_finely(view, rough.quad, _ROUND_COUNT), view)


def search_outline(pixels: NDArray[np.uint8], rough: MaskOutline, other: NDArray[np.float64]) -> RefinedOutline:
    """Look near two outlines and, where a doubt remains, far around them.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        rough: the mask's outline in source pixels.
        other: (4, 2) another outline, source pixels.

    Returns:
        The outline that the image supports best.
    """
    view = _View(rough, pixels, _prepare_region(pixels, rough.quad, FINE_LAYOUT))
    best = max((_fit_finely(view, quad, _ROUND_COUNT) for quad in (rough.quad, other)), key=view.weigh_evidence)
    for _ in range(_DOUBT_ROUND_COUNT):
        if not _is_doubtful(best, view):
            break
        proposals = [*_propose(view, best.quad), *_propose_by_shape(best, view)]
        better = max((best, *(_fit_finely(view, proposal, 1) for proposal in proposals)), key=view.weigh_evidence)
        if better is best:
            break
        best = max(better, _fit_finely(view, better.quad, _ROUND_COUNT), key=view.weigh_evidence)
    return _describe(best, view)


def _describe(fit: SideFit, view: _View) -> RefinedOutline:
    """Hand a fit out, its sides on the sharp edges near them."""
    top, right, bottom, left = support = tuple(side.support for side in fit.sides)
    quad = settle_sides(view.pixels, fit.quad, np.array(support) > 0.0)
    return RefinedOutline(quad, (top, right, bottom, left), _is_doubtful(fit, view))


def _fit_finely(view: _View, rough: NDArray[np.float64], round_count: int) -> SideFit:
    """Search near a rough outline; again where it moved far, and for the sides that are not sure."""
    region, to_region = view.fine
    fit, is_near = SideFit(rough, [ROUGH_SIDE] * 4), False
    for _ in range(round_count):
        from_strip = _strip_homography(fit.quad, FINE_LAYOUT)
        if from_strip is None:
            break
        found = find_candidates(sample_strips(region, to_region @ from_strip, FINE_LAYOUT), view.rough.visible)
        choices = [
            [replace(known, start_px=0.0, end_px=0.0)] if is_near and known.support >= _SURE_SUPPORT else candidates
            for known, candidates in zip(fit.sides, found, strict=True)
        ]
        ranked = rank_combinations(choices, from_strip, rough, view.size_px, FINE_LAYOUT)
        if not ranked:
            break
        is_near = bool(np.abs(ranked[0].quad - fit.quad).max() < _NEAR_SHARE * mean_width_px(rough))
        fit = ranked[0]
        if is_near and all(side.support >= _SURE_SUPPORT for side in fit.sides):
            break
    return fit


def _propose(view: _View, rough: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Search far around a rough outline at a coarse scale; returns some quads that differ."""
    from_strip = _strip_homography(rough, WIDE_LAYOUT)
    if from_strip is None:
        return []
    region, to_region = _prepare_region(view.pixels, rough, WIDE_LAYOUT)
    choices = find_candidates(sample_strips(region, to_region @ from_strip, WIDE_LAYOUT), view.rough.visible)
    proposals: list[NDArray[np.float64]] = []
    least_px = _PROPOSAL_DISTANCE_SHARE * mean_width_px(rough)
    for fit in rank_combinations(choices, from_strip, rough, view.size_px, WIDE_LAYOUT):
        if all(np.abs(fit.quad - other).max() >= least_px for other in proposals):
            proposals.append(fit.quad)
        if len(proposals) == _PROPOSAL_COUNT:
            break
    return proposals


def _propose_by_shape(fit: SideFit, view: _View) -> list[NDArray[np.float64]]:
    """Take one side for wrong and place it where the three others put it: the weakest side first, then any."""
    axis_px = fit.quad.mean(axis=0)
    order = np.argsort([side.spread for side in fit.sides], kind="stable")
    least_px = _PROPOSAL_DISTANCE_SHARE * mean_width_px(fit.quad)
    proposals = []
    for side in order:
        quad = infer_side(fit.quad, int(side), axis_px, USUAL_FOCAL_LENGTH * max(view.size_px))
        if np.abs(quad - fit.quad).max() >= least_px and are_plausible(quad[None], fit.quad, WIDE_LAYOUT)[0]:
            proposals.append(quad)
    return proposals


def _prepare_region(
    pixels: NDArray[np.uint8], rough: NDArray[np.float64], layout: StripLayout
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out the surroundings of an outline at the scale of a layout; with the homography source -> region."""
    middle = rough.mean(axis=0)
    reach = middle + _REGION_GROWTH * (rough - middle)
    return halved_region(pixels, reach, mean_width_px(rough) / layout.card_width_px)


def _strip_homography(quad: NDArray[np.float64], layout: StripLayout) -> NDArray[np.float64] | None:
    """Homography from the strip frame onto an outline; None where the outline is degenerate."""
    try:
        return quad_homography(strip_frame_quad(layout), quad)
    except ValueError:
        return None


def _is_doubtful(fit: SideFit, view: _View) -> bool:
    """Tell whether a side was not found, or the outline is no view of a card; where most sides are hidden, never."""
    if view.rough.visible.sum() < _LEAST_VISIBLE_COUNT:
        return False
    weakest = min(side.spread for side, seen in zip(fit.sides, view.rough.visible, strict=True) if seen)
    if weakest < _DOUBTFUL_SPREAD:
        return True
    return weakest < _CLEAR_SPREAD and float(shape_mismatch(fit.quad[None], view.size_px)[0]) > _DOUBTFUL_MISMATCH


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Intersection over union of two convex quadrilaterals."""
    shapes = first.astype(np.float32), second.astype(np.float32)
    common, _ = cv2.intersectConvexConvex(*shapes)
    union = cv2.contourArea(shapes[0]) + cv2.contourArea(shapes[1]) - common
    return float(common) / union if union > 0 else 0.0
