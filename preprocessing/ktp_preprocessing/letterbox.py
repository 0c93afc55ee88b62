"""Letterboxing: a whole image of any shape inside the segmentation model's square input.

The aspect ratio is kept, the image sits at the top left, the rest is grey. The homography that goes with it leads
back to the source image; nothing else is kept.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import scaling_homography
from ktp_preprocessing.sampling import halve

LETTERBOX_PADDING_VALUE = 114
"""Grey level of the padding. Source: the value the segmentation model is trained with (see its config.pbtxt)."""


@dataclass(frozen=True, slots=True)
class Letterboxed:
    """An image inside a square, with the way back.

    Attributes:
        pixels: (S, S, 3) uint8 RGB.
        homography: (3, 3) float64, source pixels -> letterbox pixels; a scaling; in further looks a turn as well.
    """

    pixels: NDArray[np.uint8]
    homography: NDArray[np.float64]


def letterbox(pixels: NDArray[np.uint8], size_px: int) -> Letterboxed:
    """Fit an image into a square, aspect kept, placed at the top left.

    Args:
        pixels: (H, W, 3) uint8 RGB, H and W at least 1.
        size_px: side of the square.

    Returns:
        The square image and the homography from source to letterbox pixels (pixel centres at integers).
    """
    height_px, width_px = pixels.shape[:2]
    scale = size_px / max(height_px, width_px)
    inner_size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    halved = halve(pixels, max(0, math.floor(-math.log2(scale))))
    # What remains to shrink is less than two: four neighbours say as much as all that a pixel covers.
    square = np.full((size_px, size_px, 3), LETTERBOX_PADDING_VALUE, dtype=np.uint8)
    square[: inner_size[1], : inner_size[0]] = cv2.resize(halved, inner_size, interpolation=cv2.INTER_LINEAR)
    # An odd last row or column was left out at each halving: the result shows this much of the source.
    pixel_px = 2 ** round(math.log2(max(height_px, width_px) / max(halved.shape)))
    seen_height_px, seen_width_px = halved.shape[0] * pixel_px, halved.shape[1] * pixel_px
    return Letterboxed(square, scaling_homography(inner_size[0] / seen_width_px, inner_size[1] / seen_height_px))
