"""Blur, estimated from how much the strongest edges lose when the image is blurred once more.

A sharp edge loses much of its gradient, a blurred one little; the ratio tells the blur. Gradients in four directions
are looked at apart, and the blurriest counts: motion blur leaves the edges along its path sharp.

Motion at a slant leaves sharp ends of strokes in all four. But print is as steep along one diagonal as along the other,
however soft it is; motion takes from one of them, and by how much the two differ tells what it took.
Source: the idea of the re-blurred gradient ratio is Zhuo and Sim, "Defocus map estimation from a single image", 2011;
the curve was measured on rendered cards.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_NOISE_SIGMA_PX, _NOISE_KERNEL_PX = 0.8, (5, 5)
_REBLUR_SIGMA_PX, _REBLUR_KERNEL_PX = 1.5, (9, 9)

_LIT_LEVEL, _SHADE_KERNEL_PX, _SHADE_REST = 128.0, (33, 33), 40.0
"""Light is evened out to a level over so many thinned pixels, in deep shadow only in part, where noise would grow with
it. A shadow's own soft edge would else be the strongest, and print in it the weakest."""

_STRONG_EDGE_SHARE = 0.04
"""Share of the pixels, by their gradient, that count as edges; print and photo outlines give more than that."""

_WEAKEST_GRADIENT = 0.5

_SAMPLE_STEP = 3
"""Every so many rows and columns are enough to tell which gradients are strong."""

_PRINT_ROWS, _PRINT_COLUMNS = (0.2, 0.94), (0.02, 0.68)
"""The card below its heading and beside the photo, fractions: diagonals are held against each other in print alone."""

_DIAGONAL_BALANCE, _DIAGONAL_SPREAD = -0.02, 0.07
"""Natural logarithm of the diagonals' energies one over the other: mean of 300 pictures without motion, sharp and
blurred, and what none of them is away from it by more than a little (standard deviation 0.03)."""

_BLUR_BY_IMBALANCE_PX = 1.0
"""Blur for each unit that the diagonals differ beyond that; settled on 27 cards shaken by 2 to 11 px (seed 7271)."""

_DIAGONALS = ((1, 1), (1, -1))
_DIRECTIONS = ((0, 1), (1, 0), *_DIAGONALS)
"""Steps down and across."""

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
    base = cv2.GaussianBlur(grey.astype(np.float32), _NOISE_KERNEL_PX, _NOISE_SIGMA_PX)
    again = cv2.GaussianBlur(base, _REBLUR_KERNEL_PX, _REBLUR_SIGMA_PX)
    thinned, thinned_again = (np.asarray(image[::2, ::2], dtype=np.float32, order="C") for image in (base, again))
    light = _LIT_LEVEL / (cv2.blur(thinned, _SHADE_KERNEL_PX) + _SHADE_REST)
    thinned, thinned_again = thinned * light, thinned_again * light
    ratios, energies = [], []
    for step in _DIRECTIONS:
        before, after = _difference(thinned, *step), _difference(thinned_again, *step)
        if step in _DIAGONALS:
            energies.append(_print_energy(before))
        sample = after[::_SAMPLE_STEP, ::_SAMPLE_STEP].ravel()
        rank = int((1.0 - _STRONG_EDGE_SHARE) * (sample.size - 1))
        strong = np.flatnonzero(after >= max(float(np.partition(sample, rank)[rank]), _WEAKEST_GRADIENT))
        if len(strong):
            ratios.append(float(np.median(before.ravel()[strong] / after.ravel()[strong])))
    if not ratios:
        return float(_SIGMAS_PX[0])
    imbalance = abs(float(np.log(energies[0] / energies[1])) - _DIAGONAL_BALANCE)
    motion_px = _BLUR_BY_IMBALANCE_PX * max(imbalance - _DIAGONAL_SPREAD, 0.0)
    return min(float(np.interp(min(ratios), _RATIOS, _SIGMAS_PX)) + motion_px, float(_SIGMAS_PX[0]))


def _print_energy(differences: NDArray[np.float32]) -> float:
    """Sum of squared differences where print is; above 0."""
    height, width = differences.shape
    top, bottom = (int(share * height) for share in _PRINT_ROWS)
    left, right = (int(share * width) for share in _PRINT_COLUMNS)
    return max(float(cv2.norm(differences[top:bottom, left:right], cv2.NORM_L2SQR)), 1.0)


def _difference(image: NDArray[np.float32], row_step: int, column_step: int) -> NDArray[np.float32]:
    """Absolute difference between neighbours in one direction."""
    rows, columns = image.shape[0] - row_step, image.shape[1] - abs(column_step)
    left, right = max(0, -column_step), max(0, column_step)
    first, second = image[:rows, left : left + columns], image[row_step:, right : right + columns]
    return np.asarray(cv2.absdiff(second, first), dtype=np.float32)
