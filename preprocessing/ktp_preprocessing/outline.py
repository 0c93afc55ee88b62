"""The card's outline: a segmentation mask -> four corners in source pixels, in the card's own order.

    mask ─ four fitted lines ─ own order by quarter turns ─ edges of the image near each line ─ corners

A side whose edge the image does not show keeps the mask's line; a side out of the frame is inferred from the others. A
card that fills the frame all around has a search of its own (`scan`). Where a doubt remains, segmentation looks at the
card once more, turned upright (`closer_look`), and the search goes further.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import USUAL_FOCAL_LENGTH, infer_side
from ktp_preprocessing.geometry import side_lengths
from ktp_preprocessing.mask_outline import CardMask, MaskOutline, fit_mask_outline
from ktp_preprocessing.refinement import RefinedOutline, refine_outline, search_outline
from ktp_preprocessing.scan import fills_frame, fit_scan

__all__ = ["CardOutline", "find_card_quad", "settle_outline"]

_SCAN_VISIBLE_COUNT = 1
"""Of a scan the mask shows one side at most apart from the image border; a tilted card, cropped tightly, shows more."""

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
        is_doubtful: whether a side was not found, or the outline is hardly a view of a card.
    """

    quad: NDArray[np.float64]
    rotation_degrees: float
    side_support: tuple[float, float, float, float]
    visible_share: float
    is_doubtful: bool = False


def find_card_quad(mask: CardMask, pixels: NDArray[np.uint8]) -> CardOutline:
    """Find a card's corners near its mask.

    Args:
        mask: the card as segmentation saw it.
        pixels: (H, W, 3) uint8 RGB source image.

    Returns:
        The outline; where it is doubtful, `settle_outline` looks further.
    """
    size_px = pixels.shape[1], pixels.shape[0]
    rough = fit_mask_outline(mask, size_px)
    if rough.visible.sum() <= _SCAN_VISIBLE_COUNT and fills_frame(rough.quad, size_px):
        quad, support = fit_scan(pixels, rough.quad)
        return _describe(RefinedOutline(quad, support, is_doubtful=False), size_px)
    return _complete(refine_outline(pixels, rough), rough, size_px)


def settle_outline(first: CardOutline, mask: CardMask, pixels: NDArray[np.uint8]) -> CardOutline:
    """Find the corners of a card whose outline is doubtful: from the best mask there is, by a search far around it.

    Args:
        first: the doubtful outline.
        mask: the card as segmentation saw it in a closer look (`closer_look`), else as it saw it first.
        pixels: (H, W, 3) uint8 RGB source image.

    Returns:
        The outline; still doubtful where the image shows nothing that is clearly a card.
    """
    size_px = pixels.shape[1], pixels.shape[0]
    rough = fit_mask_outline(mask, size_px)
    return _complete(search_outline(pixels, rough, first.quad), rough, size_px)


def _complete(refined: RefinedOutline, rough: MaskOutline, size_px: tuple[int, int]) -> CardOutline:
    """Place what is out of the frame, and describe the outline."""
    known = rough.visible | (np.array(refined.side_support) > 0)
    return _describe(replace(refined, quad=_extend_hidden_side(refined.quad, known, size_px)), size_px)


def _describe(refined: RefinedOutline, size_px: tuple[int, int]) -> CardOutline:
    """Measure how the outline lies in an image."""
    quad = refined.quad
    visible_share = _visible_share(quad, *size_px)
    return CardOutline(quad, _rotation_degrees(quad), refined.side_support, visible_share, refined.is_doubtful)


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
