"""Which printed lines can still be read in a photograph: ink is looked for where it is known to lie.

A line's own ink is the template. In windows of 0.7 line heights (about one character), the slope
of brightness on ink coverage is the contrast that is left; the same slope on the undamaged print is what it was.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

STRIP_HEIGHT_PX = 20
WINDOW_PX = 14
"""Length of a window in a strip: about one character with its sides."""
STEP_PX = 4
LEAST_INK = 0.035
"""Variance of ink coverage below which a window holds too little print to be judged (a blank, a full stop)."""
WIPED_SHARE = 0.2
"""A window is wiped out below this share of the contrast that the card's lines keep on the median ..."""
WIPED_CONTRAST = 6.0
"""... or below this contrast, of 255: print that faint drowns in noise and compression."""


def judge_lines(
    photo: NDArray[np.uint8],
    reference: NDArray[np.float32],
    ink: NDArray[np.float32],
    quads: list[NDArray[np.float64]],
    to_photo: NDArray[np.float64],
) -> list[bool]:
    """Whether each line is legible: not one of its windows is wiped out by glare, an object or the frame's edge.

    A window (see above) is wiped out when its contrast is below 20 % of the median that the card's windows keep of
    their undamaged contrast, or below 6 of 255. Blur and bad light affect a whole card and so do not count, unless
    nothing is left; a line with one lost character does, since no reader can know it.

    Args:
        photo: (H, W) uint8 grey photograph.
        reference: (h, w) float32 grey card as printed, before wear.
        ink: (h, w) float32 coverage in [0, 1].
        quads: (4, 2) each, card pixels: the lines.
        to_photo: (3, 3) card → photo pixels.
    """
    card, to_card = np.dstack([reference, ink]), np.linalg.inv(to_photo)
    kept, left = [], []
    for quad in quads:
        to_strip, size = _strip(quad)
        printed = _warp(card, to_strip, size)
        template = printed[..., 1]
        before = _slopes(printed[..., 0], template)
        after = _slopes(_warp(photo, to_strip @ to_card, size), template)
        judged = (template_variance(template) > LEAST_INK) & (before < -WIPED_CONTRAST)
        kept.append(after[judged] / before[judged])
        left.append(-after[judged])
    every = np.concatenate([*kept, np.ones(1)])
    usual = float(np.median(every))
    return [
        bool(((share > WIPED_SHARE * usual) & (contrast > WIPED_CONTRAST)).all())
        for share, contrast in zip(kept, left, strict=True)
    ]


def template_variance(template: NDArray[np.float32]) -> NDArray[np.float32]:
    """Variance of ink coverage in each window of a strip."""
    mean = _windows(template)
    return np.asarray(_windows(template * template) - mean * mean, np.float32)


def _slopes(strip: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float32]:
    """Regression of brightness on ink coverage in each window: minus the contrast."""
    covariance = _windows(strip * template) - _windows(strip) * _windows(template)
    return np.asarray(covariance / np.maximum(template_variance(template), 1e-4), np.float32)


def _windows(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over windows of WINDOW_PX, the last one flush with the strip's end."""
    columns = np.concatenate([np.zeros(1), strip.mean(axis=0, dtype=np.float64).cumsum()])
    length = min(WINDOW_PX, strip.shape[1])
    starts = np.append(np.arange(0, strip.shape[1] - length, STEP_PX), strip.shape[1] - length)
    return np.asarray((columns[starts + length] - columns[starts]) / length, np.float32)


def _strip(quad: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    width = float(np.linalg.norm(quad[1] - quad[0]) / max(1e-6, float(np.linalg.norm(quad[3] - quad[0]))))
    size = (max(STRIP_HEIGHT_PX // 2, round(width * STRIP_HEIGHT_PX)), STRIP_HEIGHT_PX)
    corners = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32) - 0.5
    return np.asarray(cv2.getPerspectiveTransform(quad.astype(np.float32), corners), np.float64), size


def _warp(
    image: NDArray[np.float32] | NDArray[np.uint8], to_strip: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Sample a strip; twice as fine as needed and averaged, since lines are mostly larger than the strip."""
    fine = np.diag([2.0, 2.0, 1.0]) @ to_strip
    fine[:2] += 0.5 * fine[2]
    strip = cv2.warpPerspective(image, fine, (2 * size[0], 2 * size[1]), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(strip, size, interpolation=cv2.INTER_AREA), np.float32)
