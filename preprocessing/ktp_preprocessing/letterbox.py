"""Letterboxing: a whole image of any shape inside the segmentation model's square input.

The aspect ratio is kept, the image sits at the top left, the rest is grey. The homography that goes with it leads
back to the source image; nothing else is kept.
"""

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
        homography: (3, 3) float64, source pixels -> letterbox pixels; an axis-aligned scaling.
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
    inner_width_px = max(1, round(width_px * scale))
    inner_height_px = max(1, round(height_px * scale))
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    inner = cv2.resize(_halved(pixels, scale), (inner_width_px, inner_height_px), interpolation=interpolation)
    square = np.full((size_px, size_px, 3), LETTERBOX_PADDING_VALUE, dtype=np.uint8)
    square[:inner_height_px, :inner_width_px] = inner
    return Letterboxed(square, scaling_homography(inner_width_px / width_px, inner_height_px / height_px))


def _halved(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Halve an image while its sides are even and the result stays above its final size."""
    while scale <= 0.5 and pixels.shape[0] % 2 == 0 and pixels.shape[1] % 2 == 0:
        pixels = halve(pixels, 1)
        scale *= 2.0
    return pixels
