"""Averaging an image down before it is sampled coarsely, so that nothing aliases.

Halving (2 x 2 means) is an order of magnitude faster than any other shrinking, so as much as possible is done that way.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import scaling_homography

SHRINK_TOLERANCE = 1.25
"""Shrinking up to this factor is left to bilinear sampling, whose own blur prevents visible aliasing."""

_BLUR_PER_EXCESS = 0.5
"""Standard deviation of the Gaussian before sampling, per square root of (shrink squared - 1): half a result pixel."""


def halve(pixels: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Halve an image's size some times; an odd last row or column is left out.

    Args:
        pixels: (H, W, 3) or (H, W) uint8.
        count: how often.

    Returns:
        The smaller image; the homography of each step is that of scaling by one half.
    """
    for _ in range(count):
        height_px, width_px = pixels.shape[0] // 2, pixels.shape[1] // 2
        if min(height_px, width_px) < 1:
            break
        even = pixels[: 2 * height_px, : 2 * width_px]
        pixels = np.asarray(cv2.resize(even, (width_px, height_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return pixels


def halved_region(
    pixels: NDArray[np.uint8], corners: NDArray[np.float64], shrink: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out a part of an image, halved as often as a coarser sampling allows.

    Args:
        pixels: (H, W, 3) uint8.
        corners: (N, 2) float64 points that the part must contain, source pixels; what is outside the image is left out.
        shrink: source pixels per sample.

    Returns:
        The part, in which a sample is less than two pixels wide (a view of the image where nothing was to be halved),
        and the homography from source pixels to its pixels.
    """
    height_px, width_px = pixels.shape[:2]
    margin_px = math.ceil(shrink) + 1
    low, high = np.floor(corners.min(axis=0)) - margin_px, np.ceil(corners.max(axis=0)) + margin_px
    left, top = int(np.clip(low[0], 0, width_px - 1)), int(np.clip(low[1], 0, height_px - 1))
    right, bottom = int(np.clip(high[0], left + 1, width_px)), int(np.clip(high[1], top + 1, height_px))
    count = max(0, math.floor(math.log2(max(shrink, 1.0))))
    while count and min(right - left, bottom - top) < 2 ** (count + 4):
        count -= 1
    shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    return halve(pixels[top:bottom, left:right], count), scaling_homography(0.5**count, 0.5**count) @ shift


def prefiltered_region(
    pixels: NDArray[np.uint8], corners: NDArray[np.float64], shrink: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out a part of an image and smooth it so that it may be sampled at a coarser step.

    Args:
        pixels: (H, W, 3) uint8.
        corners: (N, 2) float64 points that the part must contain, source pixels; what is outside the image is left out.
        shrink: source pixels per sample; up to `SHRINK_TOLERANCE` the part is returned as it is.

    Returns:
        The part, halved as often as `shrink` allows and smoothed for the rest, and the homography from source pixels to
        its pixels.
    """
    region, to_region = halved_region(pixels, corners, shrink)
    rest = shrink * float(to_region[0, 0])
    if rest > SHRINK_TOLERANCE:
        sigma = _BLUR_PER_EXCESS * math.sqrt(rest**2 - 1.0)
        size_px = 3 if rest < 2.0 else 2 * math.ceil(2.0 * sigma) + 1
        region = np.asarray(cv2.GaussianBlur(region, (size_px, size_px), sigma), dtype=np.uint8)
    return region, to_region
