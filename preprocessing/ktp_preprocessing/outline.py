"""The card's outline: a segmentation mask -> four corners in source pixels, in the card's own order.

    mask ─ four fitted lines ─ own order by quarter turns ─ edges of the image near each line ─ corners

A side whose edge the image does not show keeps the mask's line; a side out of the frame is inferred from the others. A
card that fills the frame has a search of its own (`scan`).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import USUAL_FOCAL_LENGTH, infer_side
from ktp_preprocessing.geometry import map_points, side_lengths
from ktp_preprocessing.mask_outline import fit_mask_outline
from ktp_preprocessing.refinement import refine_outline
from ktp_preprocessing.scan import fills_frame, fit_scan

__all__ = ["CardOutline", "find_card_quad"]

_LARGEST_HIDDEN_SHARE = 0.12
"""How far beyond the image border, in card widths, a hidden side may be placed."""


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
    if fills_frame(quad, (width_px, height_px)):
        quad, support = fit_scan(pixels, quad)
    else:
        refined = refine_outline(pixels, quad, visible)
        support = refined.side_support
        quad = _extend_hidden_side(refined.quad, visible | (np.array(support) > 0), (width_px, height_px))
    return CardOutline(quad, _rotation_degrees(quad), support, _visible_share(quad, width_px, height_px))


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
        placed = infer_side(quad, side, axis_px, USUAL_FOCAL_LENGTH * max(size_px))
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
