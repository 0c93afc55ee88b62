"""Rectification: a card's quadrilateral in the source image -> the upright card at a fixed size, the card frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography, side_lengths
from ktp_preprocessing.sampling import prefiltered_region

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
    frame_sides = side_lengths(card_frame_quad())
    shrink = float((np.maximum(sides[:2], sides[2:]) / frame_sides[:2]).mean())
    from_frame = np.asarray(np.linalg.inv(homography), dtype=np.float64)
    width_px, height_px = CARD_FRAME_SIZE_PX
    frame = np.array([[0.0, 0.0], [width_px, 0.0], [width_px, height_px], [0.0, height_px]])
    region, to_region = prefiltered_region(pixels, map_points(from_frame, frame), shrink)
    card = cv2.warpPerspective(
        region,
        to_region @ from_frame,
        CARD_FRAME_SIZE_PX,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return RectifiedCard(np.asarray(card, dtype=np.uint8), homography)
