"""The card's outline: a segmentation mask -> four corners in source pixels, in the card's own order.

    mask ─ four fitted lines ─ own order by quarter turns ─ edges of the image near each line ─ corners

A side whose edge the image does not show keeps the mask's line; a side out of the frame is inferred from the others.
"""

import itertools
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import infer_side, shape_mismatch
from ktp_preprocessing.geometry import map_points, quad_homography, side_lengths
from ktp_preprocessing.mask_outline import fit_mask_outline, line_through
from ktp_preprocessing.sampling import prefiltered_region
from ktp_preprocessing.side_edges import ROUGH_SIDE, SideEdge, find_candidates
from ktp_preprocessing.strips import BAND_PX, STRIP_CARD_WIDTH_PX, sample_strip, strip_frame_quad

__all__ = ["CardOutline", "find_card_quad"]

_MAX_CORNER_MOVE_SHARE = 0.09
"""How far, in card widths, edges may move a corner of the mask's outline; beyond, an edge was not the card's."""

_MISMATCH_WEIGHT = 4.0
_MISMATCH_CAP = 0.4
"""Votes that an outline loses by not having a card's shape: 0.12 of one side's for one side off by 3 %."""

_USUAL_FOCAL_LENGTH = 1.05
"""Of a phone's camera, in units of the image's longer side."""

_LARGEST_HIDDEN_SHARE = 0.12
"""How far beyond the image border, in card widths, a hidden side may be placed."""

_REFINEMENT_ROUNDS = 2
_SURE_SUPPORT = 0.7
"""A side found with this support stays; the others are looked for again once their neighbours are in place."""


@dataclass(frozen=True, slots=True)
class CardOutline:
    """Where a card lies in the source image.

    Attributes:
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left; rounded corners are
            squared off, and corners may lie outside the image.
        rotation_degrees: clockwise angle of the card's top edge in the source, in (-180, 180].
        side_support: for the top, right, bottom and left side, the share of it at which the image shows its edge, 0 to
            1; 0 where the mask's line was kept or the side was inferred.
        visible_share: share of the card's area inside the image, 0 to 1.
    """

    quad: NDArray[np.float64]
    rotation_degrees: float
    side_support: tuple[float, float, float, float]
    visible_share: float


def find_card_quad(
    mask: NDArray[np.float32],
    box: NDArray[np.float64],
    quarter_turns: int,
    letterbox_homography: NDArray[np.float64],
    pixels: NDArray[np.uint8],
) -> CardOutline:
    """Find a card's corners.

    Args:
        mask: (M, M) float32 probabilities in [0, 1] over the box.
        box: (4,) x1, y1, x2, y2 in letterbox pixels.
        quarter_turns: 0 to 3, by how many quarter turns clockwise the upright card appears rotated.
        letterbox_homography: (3, 3) float64, source -> letterbox pixels.
        pixels: (H, W, 3) uint8 RGB source image.

    Returns:
        The outline.

    Raises:
        ValueError: the box has no extent, or quarter_turns is not in 0 to 3.
    """
    box = np.asarray(box, dtype=np.float64)
    if not np.isfinite(box).all() or (box[2:] - box[:2] <= 0).any():
        raise ValueError("the box has no extent")
    if quarter_turns not in (0, 1, 2, 3):
        raise ValueError("quarter_turns must be 0, 1, 2 or 3")
    height_px, width_px = pixels.shape[:2]
    limits = map_points(letterbox_homography, np.array([[-0.5, -0.5], [width_px - 0.5, height_px - 0.5]])).ravel()
    rough = fit_mask_outline(mask, box, limits)
    first = _own_first_corner(rough.quad, quarter_turns)
    to_source = np.asarray(np.linalg.inv(letterbox_homography), dtype=np.float64)
    quad = map_points(to_source, np.roll(rough.quad, -first, axis=0))
    visible = np.roll(rough.visible, -first)
    quad, support = _refine(pixels, quad, visible)
    quad = _extend_hidden_side(quad, visible | (support > 0), (width_px, height_px))
    return CardOutline(quad, _rotation_degrees(quad), _as_four(support), _visible_share(quad, width_px, height_px))


def _own_first_corner(quad: NDArray[np.float64], quarter_turns: int) -> int:
    """Index of the card's own top left in a clockwise quad: its top edge is long, and turned by about 90 k degrees."""
    edges = np.roll(quad, -1, axis=0) - quad
    lengths = np.linalg.norm(edges, axis=1)
    angles = np.degrees(np.arctan2(edges[:, 1], edges[:, 0]))
    deviation = np.abs((angles - 90.0 * quarter_turns + 180.0) % 360.0 - 180.0)
    pair_lengths = lengths + np.roll(lengths, 2)
    if pair_lengths.max() > 1.15 * pair_lengths.min():
        deviation = np.where(pair_lengths == pair_lengths.max(), deviation, deviation + 360.0)
    return int(np.argmin(deviation))


def _refine(
    pixels: NDArray[np.uint8], rough: NDArray[np.float64], visible: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move each side of an outline onto the image's edge near it; returns the corners and the sides' support."""
    width_px = float(side_lengths(rough)[[0, 2]].mean())
    reach = rough.mean(axis=0) + (1.0 + 3.0 * BAND_PX / STRIP_CARD_WIDTH_PX) * (rough - rough.mean(axis=0))
    region, to_region = prefiltered_region(pixels, reach, width_px / STRIP_CARD_WIDTH_PX)
    size_px = (pixels.shape[1], pixels.shape[0])
    quad, sides = rough, [ROUGH_SIDE] * 4
    for _ in range(_REFINEMENT_ROUNDS):
        try:
            from_strip = quad_homography(strip_frame_quad(), quad)
        except ValueError:
            break
        choices = []
        for side, known in enumerate(sides):
            if known.support >= _SURE_SUPPORT:
                choices.append([replace(known, start_px=0.0, end_px=0.0)])
            else:
                strip = sample_strip(region, to_region @ from_strip, side)
                choices.append(find_candidates(strip, bool(visible[side])))
        chosen = _choose(choices, from_strip, rough, size_px)
        if chosen is None:
            break
        quad, sides = chosen
        if all(edge.support >= _SURE_SUPPORT for edge in sides):
            break
    return quad, np.array([edge.support for edge in sides])


def _choose(
    choices: list[list[SideEdge]],
    from_strip: NDArray[np.float64],
    rough: NDArray[np.float64],
    size_px: tuple[int, int],
) -> tuple[NDArray[np.float64], list[SideEdge]] | None:
    """Choose one candidate per side: many votes, and together the shape of a card; None where nothing is plausible."""
    picks = np.array(list(itertools.product(*(range(len(side)) for side in choices))), dtype=np.intp)
    frame = strip_frame_quad()
    lines = [np.array([_moved_side(frame, side, edge) for edge in choices[side]]) for side in range(4)]
    corners = np.empty((len(picks), 4, 2))
    for corner in range(4):
        crossings = np.cross(lines[corner - 1][picks[:, corner - 1]], lines[corner][picks[:, corner]])
        corners[:, corner] = crossings[:, :2] / np.where(np.abs(crossings[:, 2:]) < 1e-6, 1e-6, crossings[:, 2:])
    quads = map_points(from_strip, corners)
    scores = np.zeros(len(picks))
    for side in range(4):
        scores += np.array([edge.score for edge in choices[side]])[picks[:, side]]
    if len(picks) > 1:
        scores -= np.minimum(_MISMATCH_WEIGHT * shape_mismatch(quads, size_px), _MISMATCH_CAP)
    scores[~_are_plausible(quads, rough)] = -np.inf
    best = int(np.argmax(scores))
    if not np.isfinite(scores[best]):
        return None
    return quads[best], [choices[side][picks[best, side]] for side in range(4)]


def _moved_side(frame: NDArray[np.float64], side: int, edge: SideEdge) -> NDArray[np.float64]:
    """Line of a side in the strip frame after it moved onto its edge."""
    start, end = frame[side], frame[(side + 1) % 4]
    along = (end - start) / np.linalg.norm(end - start)
    inward = np.array([-along[1], along[0]])
    return line_through(start + edge.start_px * inward, end + edge.end_px * inward)


def _are_plausible(quads: NDArray[np.float64], rough: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which refined outlines (N, 4, 2) are convex and near the rough one."""
    width_px = float(side_lengths(rough)[[0, 2]].mean())
    moves = np.linalg.norm(quads - rough, axis=2).max(axis=1)
    edges = np.roll(quads, -1, axis=1) - quads
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    return np.asarray((moves <= _MAX_CORNER_MOVE_SHARE * width_px) & (turns > 0).all(axis=1), dtype=np.bool_)


def _extend_hidden_side(
    quad: NDArray[np.float64], known: NDArray[np.bool_], size_px: tuple[int, int]
) -> NDArray[np.float64]:
    """Place a single side that is out of the frame beyond the border, by the card's aspect and the other sides.

    Where the optical axis is, matters much for a tilted card: of two guesses the one nearer to the border counts.
    """
    hidden = np.flatnonzero(~known)
    if len(hidden) != 1:
        return quad
    side = int(hidden[0])
    ends, opposite = [side, (side + 1) % 4], [(side + 3) % 4, (side + 2) % 4]
    outward = quad[ends] - quad[opposite]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    extensions_px = []
    for axis_px in ((np.array(size_px) - 1.0) / 2.0, quad.mean(axis=0)):
        placed = infer_side(quad, side, axis_px, _USUAL_FOCAL_LENGTH * max(size_px))
        extensions_px.append(((placed[ends] - quad[ends]) * outward).sum(axis=1))
    limit_px = _LARGEST_HIDDEN_SHARE * float(side_lengths(quad)[[0, 2]].mean())
    extended = quad.copy()
    extended[ends] += np.clip(np.min(extensions_px, axis=0), 0.0, limit_px)[:, None] * outward
    return extended


def _rotation_degrees(quad: NDArray[np.float64]) -> float:
    """Clockwise angle of the top edge in (-180, 180]."""
    edge = quad[1] - quad[0]
    angle = float(np.degrees(np.arctan2(edge[1], edge[0])))
    return 180.0 if angle <= -180.0 else angle


def _visible_share(quad: NDArray[np.float64], width_px: int, height_px: int) -> float:
    """Share of the quad's area inside the image."""
    image = np.array([[-0.5, -0.5], [width_px - 0.5, -0.5], [width_px - 0.5, height_px - 0.5], [-0.5, height_px - 0.5]])
    area = float(cv2.contourArea(quad.astype(np.float32)))
    if area <= 0.0:
        return 0.0
    inside, _ = cv2.intersectConvexConvex(quad.astype(np.float32), image.astype(np.float32))
    return min(1.0, float(inside) / area)


def _as_four(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Turn (4,) values into plain floats."""
    top, right, bottom, left = (float(value) for value in values)
    return top, right, bottom, left
