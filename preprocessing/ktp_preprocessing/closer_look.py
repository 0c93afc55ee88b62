"""Further looks for segmentation at an image: one at a card that was found, upright, and one for a card that was not.

A mask is a coarse grid over an upright box: of a small or leaning card it shows little. Upright and as large as the
cards that the model knows best, the same card gets a mask several times as exact. And of a card half way between two
quarter turns it is seldom sure; in the image turned by an eighth of a turn the same card is plain.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.letterbox import LETTERBOX_PADDING_VALUE, Letterboxed
from ktp_preprocessing.mask_outline import CardMask, fit_mask_outline
from ktp_preprocessing.sampling import prefiltered_region

_CARD_SHARE = 0.72
"""Part of the view that the card's longer side takes; the rest shows whether the outline was too small."""


def look_closer(pixels: NDArray[np.uint8], mask: CardMask, size_px: int) -> Letterboxed:
    """Turn the image so that a card lies upright in the middle of a square.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        mask: the card as segmentation saw it first.
        size_px: side of the square, the segmentation model's input.

    Returns:
        The square, grey beyond the image, and the homography from source to its pixels: a turn, a scaling and a shift.
    """
    quad = fit_mask_outline(mask, (pixels.shape[1], pixels.shape[0])).quad
    upright = _upright_similarity(quad, size_px)
    return _sample_view(pixels, upright, size_px)


def look_turned(pixels: NDArray[np.uint8], size_px: int) -> Letterboxed:
    """Turn a whole image by an eighth of a turn: a card half way between two quarter turns then lies along the view.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        size_px: side of the square, the segmentation model's input.

    Returns:
        The square with the image in its middle, grey beyond it, and the homography from source to its pixels.
    """
    height_px, width_px = pixels.shape[:2]
    step = size_px / (width_px + height_px)  # its corners touch the square's sides
    turn = np.array([[step, step], [-step, step]])
    shift = (size_px - 1) / 2.0 - turn @ np.array([(width_px - 1) / 2.0, (height_px - 1) / 2.0])
    return _sample_view(pixels, np.array([[*turn[0], shift[0]], [*turn[1], shift[1]], [0.0, 0.0, 1.0]]), size_px)


def _sample_view(pixels: NDArray[np.uint8], to_view: NDArray[np.float64], size_px: int) -> Letterboxed:
    """The image through a homography that is a turn, a scaling and a shift, in a square, grey beyond the image."""
    from_view = np.asarray(np.linalg.inv(to_view), dtype=np.float64)
    end = size_px - 0.5
    corners = map_points(from_view, np.array([[-0.5, -0.5], [end, -0.5], [end, end], [-0.5, end]]))
    shrink = 1.0 / math.hypot(to_view[0, 0], to_view[0, 1])
    region, to_region = prefiltered_region(pixels, corners, shrink)
    view = cv2.warpPerspective(
        region,
        to_region @ from_view,
        (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(LETTERBOX_PADDING_VALUE,) * 3,
    )
    return Letterboxed(np.asarray(view, dtype=np.uint8), to_view)


def _upright_similarity(quad: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
    """Build the homography that puts a quad upright into the middle of a square."""
    right, down = quad[1] - quad[0] + quad[2] - quad[3], quad[3] - quad[0] + quad[2] - quad[1]
    # Both axes say how far the card is turned; an outline that leaks sideways bends one of them.
    axes = right / np.linalg.norm(right) + np.array([down[1], -down[0]]) / np.linalg.norm(down)
    length_px = max(float(np.linalg.norm(right)), float(np.linalg.norm(down))) / 2.0
    scale = _CARD_SHARE * size_px / length_px
    cosine, sine = scale * axes / np.linalg.norm(axes)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    shift = (size_px - 1) / 2.0 - turn @ quad.mean(axis=0)
    return np.array([[*turn[0], shift[0]], [*turn[1], shift[1]], [0.0, 0.0, 1.0]])
