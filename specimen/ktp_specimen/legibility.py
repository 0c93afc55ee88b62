"""Which printed lines can still be read in a photograph: ink is looked for where it is known to lie.

The photograph is brought back to the upright card. In windows of about one character, the slope of brightness on ink
coverage is the contrast that is left; the same slope on the undamaged print is what it was.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

FRAME_WIDTH_PX = 800
"""Width of the card that is looked at: its values are then about 17 px high."""
WINDOW_LENGTH = 0.7
WINDOW_STEP = 0.2
"""Length and distance of a line's windows, of its height."""
LEAST_INK = 0.035
"""Variance of ink coverage below which a window holds too little print to be judged (a blank, a full stop)."""
WIPED_SHARE = 0.2
"""A window is wiped out below this share of the contrast that the card's lines keep on the median ..."""
WIPED_CONTRAST = 6.0
"""... or below this contrast, of 255: print that faint drowns in noise and compression."""


def judge_lines(
    photo: NDArray[np.uint8],
    printed: NDArray[np.float32],
    quads: NDArray[np.float64],
    to_photo: NDArray[np.float64],
) -> list[bool]:
    """Whether each line is legible: not one of its windows is wiped out by glare, an object or the frame's edge.

    A window is wiped out when its contrast is below 20 % of the median that the card's windows keep of their undamaged
    contrast, or below 6 of 255. Blur and bad light affect a whole card and so do not count, unless nothing is left; a
    line with one lost character does count as illegible, since no reader can know it.

    Args:
        photo: (H, W) uint8 grey photograph.
        printed: (h, w, 2) float32, the card before wear: grey in [0, 255] and ink coverage in [0, 1].
        quads: (N, 4, 2) lines parallel to the card's sides, card pixels.
        to_photo: (3, 3) card → photo pixels.
    """
    height, width = printed.shape[:2]
    scale = FRAME_WIDTH_PX / width
    size = (FRAME_WIDTH_PX, round(height * scale))
    to_frame = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    frame = cv2.resize(printed, size, interpolation=cv2.INTER_AREA)
    seen = cv2.warpPerspective(photo, to_frame @ np.linalg.inv(to_photo), size, flags=cv2.INTER_LINEAR)
    grey, ink, now = frame[..., 0], frame[..., 1], seen.astype(np.float32)
    sums = np.dstack([cv2.integral(plane) for plane in (ink, ink * ink, grey, grey * ink, now, now * ink)])
    placed = np.asarray(quads * scale, np.float64)
    kept, left = zip(*(_contrast(np.asarray(sums), quad) for quad in placed), strict=True)
    usual = float(np.median(np.concatenate([*kept, np.ones(1)])))
    return [
        bool(((share > WIPED_SHARE * usual) & (contrast > WIPED_CONTRAST)).all())
        for share, contrast in zip(kept, left, strict=True)
    ]


def _contrast(sums: NDArray[np.float64], quad: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Contrast in the windows of a line that hold print: its share of the undamaged contrast, and itself.

    Args:
        sums: (h + 1, w + 1, 6) integrals of ink, ink², grey, grey × ink, photo, photo × ink.
        quad: (4, 2) the line, frame pixels.
    """
    limit = np.array([sums.shape[1] - 1, sums.shape[0] - 1])
    (left, top), (right, bottom) = (np.clip(np.round(corner), 0, limit).astype(int) for corner in quad[[0, 2]])
    length = max(2, round(WINDOW_LENGTH * (bottom - top)))
    step = max(1, round(WINDOW_STEP * (bottom - top)))
    starts = np.append(np.arange(left, right - length, step), max(left, right - length))
    ends = np.minimum(starts + length, right)
    total = sums[bottom, ends] - sums[bottom, starts] - sums[top, ends] + sums[top, starts]
    ink, ink_ink, grey, grey_ink, now, now_ink = (total / max(1, length * (bottom - top))).T
    variance = ink_ink - ink * ink
    spread = np.maximum(variance, LEAST_INK)
    before, after = (grey * ink - grey_ink) / spread, (now * ink - now_ink) / spread
    judged = (variance > LEAST_INK) & (before > WIPED_CONTRAST)
    return after[judged] / before[judged], after[judged]
