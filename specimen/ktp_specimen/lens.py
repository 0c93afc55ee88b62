"""What focus and a moving hand do to light: kernels of defocus and of motion."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ktp_specimen.camera import Degradation

Image = NDArray[np.float32]
SUBPIXEL = 8
"""Kernels are drawn this much larger and averaged down."""
SMALL_BLUR_PX = 0.9
"""Below this standard deviation a disc and a Gaussian cannot be told apart, and the Gaussian is faster."""
DISC_RADIUS = 2.0
"""Radius of a disc over the standard deviation along one axis."""


def blur_light(image: Image, degradation: "Degradation") -> Image:
    """Blur linear light (H, W, 3) by defocus, then by motion."""
    sigma = degradation.blur_sigma_px
    if sigma > SMALL_BLUR_PX:
        kernel = aperture_kernel(DISC_RADIUS * sigma, degradation.aperture_blades, degradation.motion_degrees)
        image = cv2.filter2D(image, -1, kernel).astype(np.float32)
    elif sigma > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32)
    if degradation.motion_px > 1:
        kernel = motion_kernel(degradation.motion_px, degradation.motion_degrees, degradation.motion_bend)
        image = cv2.filter2D(image, -1, kernel).astype(np.float32)
    return image


def aperture_kernel(radius_px: float, blades: int, turn_degrees: float) -> NDArray[np.float32]:
    """Image of a point out of focus: a disc, or a polygon for an aperture of `blades` (at least 5) blades.

    Returns:
        (K, K) float32, sum 1.
    """
    half = int(np.ceil(radius_px))
    size = (2 * half + 1) * SUBPIXEL
    corners = 48 if blades < 5 else blades
    angle = np.radians(turn_degrees) + 2 * np.pi * np.arange(corners) / corners
    points = size / 2 - 0.5 + radius_px * SUBPIXEL * np.stack([np.cos(angle), np.sin(angle)], 1)
    canvas = np.zeros((size, size), np.float32)
    cv2.fillPoly(canvas, [np.round(points * 8).astype(np.int32)], 1.0, cv2.LINE_8, 3)
    return _shrink(canvas)


def motion_kernel(length_px: float, degrees: float, bend: float) -> NDArray[np.float32]:
    """Trace of a point under a moving camera: an arc.

    Args:
        length_px: of the chord.
        degrees: its direction.
        bend: the arc's height over its chord.

    Returns:
        (K, K) float32, sum 1.
    """
    t = np.linspace(-0.5, 0.5, 24)
    path = np.stack([t, bend * (1 - 4 * t * t) - bend * 2 / 3], 1) * length_px
    turn = np.radians(degrees)
    path = path @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    half = int(np.ceil(np.abs(path).max())) + 1
    size = (2 * half + 1) * SUBPIXEL
    canvas = np.zeros((size, size), np.float32)
    points = np.round((path * SUBPIXEL + size / 2 - 0.5) * 8).astype(np.int32)
    cv2.polylines(canvas, [points], isClosed=False, color=1.0, thickness=SUBPIXEL, lineType=cv2.LINE_8, shift=3)
    return _shrink(canvas)


def _shrink(canvas: NDArray[np.float32]) -> NDArray[np.float32]:
    size = canvas.shape[0] // SUBPIXEL
    kernel = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(kernel / max(float(kernel.sum()), 1e-6), np.float32)
