"""Rectification: a card's quadrilateral in the source image -> the upright card at a fixed size, the card frame."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import quad_homography, side_lengths
from ktp_preprocessing.letterbox import scaling_homography

CARD_FRAME_SIZE_PX = (640, 416)
"""Width and height of the card frame; multiples of 32, which the text detector needs."""

CARD_FRAME_MARGIN_PX = (8, 11)
"""Margin left and right, above and below the card, so that small corner errors cut no text.

The card then takes 624 x 394 px, ID-1's aspect of 85.60 : 53.98 within 0.2 % (ISO/IEC 7810).
"""

CARD_ASPECT = 85.60 / 53.98
"""Width over height of an ID-1 card. Source: ISO/IEC 7810."""


@dataclass(frozen=True, slots=True)
class RectifiedCard:
    """The card, upright and fronto-parallel.

    Attributes:
        pixels: (416, 640, 3) uint8 RGB, the card frame.
        homography: (3, 3) float64, source -> card-frame pixels.
    """

    pixels: NDArray[np.uint8]
    homography: NDArray[np.float64]


def card_frame_quad() -> NDArray[np.float64]:
    """Give the card's corners in the card frame: (4, 2) float64 pixels, clockwise from the top left."""
    (width_px, height_px), (margin_x_px, margin_y_px) = CARD_FRAME_SIZE_PX, CARD_FRAME_MARGIN_PX
    left, right, top, bottom = margin_x_px, width_px - margin_x_px, margin_y_px, height_px - margin_y_px
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)


def rectify(pixels: NDArray[np.uint8], quad: NDArray[np.float64]) -> RectifiedCard:
    """Warp a card into the card frame.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left; they may lie outside the
            image, whose border is then repeated.

    Returns:
        The card in the card frame and the homography that leads there.

    Raises:
        ValueError: the quadrilateral is degenerate.
    """
    homography = quad_homography(np.asarray(quad, dtype=np.float64), card_frame_quad())
    sides = side_lengths(np.asarray(quad, dtype=np.float64))
    card_width_px = CARD_FRAME_SIZE_PX[0] - 2 * CARD_FRAME_MARGIN_PX[0]
    card_height_px = CARD_FRAME_SIZE_PX[1] - 2 * CARD_FRAME_MARGIN_PX[1]
    shrink = float(max(sides[0], sides[2]) / card_width_px + max(sides[1], sides[3]) / card_height_px) / 2.0
    region, to_region = _prefiltered_region(pixels, homography, shrink)
    card = cv2.warpPerspective(
        region,
        to_region @ np.linalg.inv(homography),
        CARD_FRAME_SIZE_PX,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return RectifiedCard(np.asarray(card, dtype=np.uint8), homography)


def _prefiltered_region(
    pixels: NDArray[np.uint8], homography: NDArray[np.float64], shrink: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out what the card frame shows and, where it is shrunk, average it down first so that nothing aliases.

    Args:
        pixels: (H, W, 3) uint8 source.
        homography: (3, 3) source -> card frame.
        shrink: source pixels per card-frame pixel.

    Returns:
        The region and the homography source -> region pixels.
    """
    frame_width_px, frame_height_px = CARD_FRAME_SIZE_PX
    frame = np.array([[[0.0, 0.0], [frame_width_px, 0.0], [frame_width_px, frame_height_px], [0.0, frame_height_px]]])
    corners = cv2.perspectiveTransform(frame, np.linalg.inv(homography))[0]
    height_px, width_px = pixels.shape[:2]
    margin_px = math.ceil(shrink) + 1
    left = int(np.clip(math.floor(corners[:, 0].min()) - margin_px, 0, width_px - 1))
    top = int(np.clip(math.floor(corners[:, 1].min()) - margin_px, 0, height_px - 1))
    right = int(np.clip(math.ceil(corners[:, 0].max()) + margin_px, left + 1, width_px))
    bottom = int(np.clip(math.ceil(corners[:, 1].max()) + margin_px, top + 1, height_px))
    region = pixels[top:bottom, left:right]
    shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    if shrink <= 1.25:
        return region, shift
    size = max(1, round(region.shape[1] / shrink)), max(1, round(region.shape[0] / shrink))
    small = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    scale = scaling_homography(size[0] / region.shape[1], size[1] / region.shape[0])
    return small, scale @ shift
