"""Blur, estimated from how much the strongest edges lose when the image is blurred once more.

A sharp edge loses much of its gradient, a blurred one little; the ratio tells the blur. Gradients in four directions
are looked at apart, and the blurriest counts: motion blur leaves the edges along its path sharp.
Source: the idea of the re-blurred gradient ratio is Zhuo and Sim, "Defocus map estimation from a single image", 2011;
the curve was measured on rendered cards.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_NOISE_SIGMA_PX = 0.8
_REBLUR_SIGMA_PX = 1.5

_STRONG_EDGE_SHARE = 0.04
"""Share of the pixels, by their gradient, that count as edges; print and photo outlines give more than that."""

_WEAKEST_GRADIENT = 0.5

_RATIOS = np.array([1.05, 1.07, 1.09, 1.135, 1.20, 1.32, 1.46, 1.58, 1.65])
_SIGMAS_PX = np.array([4.0, 3.0, 2.5, 2.0, 1.6, 1.2, 0.8, 0.4, 0.0])
"""Median ratios over rendered cards of 700 to 1100 px, noise 3, JPEG quality 88, for known blurs."""


def blur_sigma_px(grey: NDArray[np.uint8]) -> float:
    """Estimate the blur of a card.

    Args:
        grey: (H, W) uint8, the card at card-frame scale (624 px wide).

    Returns:
        Standard deviation of the blur as a Gaussian's, card-frame pixels; from 0 to 4, the largest that is told apart.
    """
    base = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _NOISE_SIGMA_PX)
    again = cv2.GaussianBlur(base, (0, 0), _REBLUR_SIGMA_PX)
    ratios = []
    for row_step, column_step in ((0, 2), (2, 0), (2, 2), (2, -2)):
        before = _difference(np.asarray(base), row_step, column_step)
        after = _difference(np.asarray(again), row_step, column_step)
        sample = after[:, ::2].ravel()
        rank = int((1.0 - _STRONG_EDGE_SHARE) * (sample.size - 1))
        strong = after >= max(float(np.partition(sample, rank)[rank]), _WEAKEST_GRADIENT)
        if strong.any():
            ratios.append(float(np.median(before[strong] / after[strong])))
    if not ratios:
        return float(_SIGMAS_PX[0])
    return float(np.interp(min(ratios), _RATIOS, _SIGMAS_PX))


def _difference(image: NDArray[np.float32], row_step: int, column_step: int) -> NDArray[np.float32]:
    """Absolute difference between pixels some steps apart, on every second row and column."""
    rows, columns = image.shape[0] - row_step, image.shape[1] - abs(column_step)
    first = image[:rows:2, max(0, -column_step) :][:, :columns:2]
    second = image[row_step::2, max(0, column_step) :][:, :columns:2]
    return np.asarray(np.abs(second - first), dtype=np.float32)
