"""Strips: the image in a band along each side of a rough card outline, resampled so that the side runs straight.

The strip frame shows the rough card upright, `STRIP_CARD_WIDTH_PX` wide, its top left corner at the origin. A strip has
rows from outside to inside, the rough side in the middle one, and columns along the side, the rounded corners left out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import CARD_ASPECT

STRIP_CARD_WIDTH_PX = 576
"""Width at which the card is looked at: an edge is located to about 0.3 px of it, 0.05 % of the width."""

BAND_PX = 36
"""Reach to either side: 6.2 % of the card's width, nearly two mask cells."""

BIN_COUNT = 64
"""Places along a side."""

END_SHARE = 0.045
"""Share of a side left out at either end: the rounded corner has a radius of 3.18 mm on 85.60 mm (ISO/IEC 7810)."""

WINDOW_PX = 3
"""Height of the two windows above and below a row whose mean colours are compared."""

_BIN_PX = 6
"""Pixels averaged along the side for each place."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Colour changes across one side.

    Attributes:
        change: (2 * BAND_PX + 1, BIN_COUNT, 3) float32, mean colour inside minus outside of each row; zero where that
            leaves the image.
        usable: (2 * BAND_PX + 1, BIN_COUNT) bool, False where it leaves the image.
    """

    change: NDArray[np.float32]
    usable: NDArray[np.bool_]


def strip_frame_quad() -> NDArray[np.float64]:
    """Give the rough card's corners in the strip frame: (4, 2) float64, clockwise from the top left."""
    width_px, height_px = float(STRIP_CARD_WIDTH_PX), STRIP_CARD_WIDTH_PX / CARD_ASPECT
    return np.array([[0.0, 0.0], [width_px, 0.0], [width_px, height_px], [0.0, height_px]])


def sample_strip(pixels: NDArray[np.uint8], to_pixels: NDArray[np.float64], side: int) -> Strip:
    """Sample the band along one side and measure the colour changes in it.

    Args:
        pixels: (H, W, 3) uint8 RGB, at about the scale of the strip frame, so that nothing aliases.
        to_pixels: (3, 3) float64, strip frame -> those pixels.
        side: 0 top, 1 right, 2 bottom, 3 left.

    Returns:
        The strip.
    """
    frame = strip_frame_quad()
    start, end = frame[side], frame[(side + 1) % 4]
    along = end - start
    inward = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    first, last, reach = start + END_SHARE * along, end - END_SHARE * along, (BAND_PX + 0.5) * inward
    band = np.array([first - reach, last - reach, last + reach, first + reach])
    height_px, fine_px = 2 * BAND_PX + 1, BIN_COUNT * _BIN_PX
    canvas = np.array([[-0.5, -0.5], [fine_px - 0.5, -0.5], [fine_px - 0.5, height_px - 0.5], [-0.5, height_px - 0.5]])
    canvas_to_pixels = to_pixels @ quad_homography(canvas, band)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpPerspective(
        pixels, canvas_to_pixels, (fine_px, height_px), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    colours = cv2.resize(fine, (BIN_COUNT, height_px), interpolation=cv2.INTER_AREA)
    change = _window_difference(np.asarray(colours, dtype=np.float32))
    usable = _usable_rows(canvas_to_pixels, pixels.shape)
    change[~usable] = 0.0
    return Strip(change, usable)


def _window_difference(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the `WINDOW_PX` rows below each row minus the mean of those above; the row itself counts half to both."""
    sums = np.concatenate([np.zeros_like(colours[:1]), np.cumsum(colours, axis=0)])
    middles = (sums[:-1] + sums[1:]) / 2.0
    change = np.zeros_like(colours)
    inner = slice(WINDOW_PX, -WINDOW_PX)
    change[inner] = (middles[2 * WINDOW_PX :] - 2.0 * middles[inner] + middles[: -2 * WINDOW_PX]) / WINDOW_PX
    return change


def _usable_rows(canvas_to_pixels: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Rows of each bin whose windows lie in the image."""
    rows = np.arange(2 * BAND_PX + 1, dtype=np.float64)
    columns = (np.arange(BIN_COUNT) + 0.5) * _BIN_PX - 0.5
    limits = np.array([shape[1] - 1.0, shape[0] - 1.0])
    ends = map_points(canvas_to_pixels, np.array([[[x, y] for x in columns[[0, -1]]] for y in rows[[0, -1]]]))
    if np.minimum(ends, limits - ends).min() > 0.5:  # the band is convex: with its corners all of it is inside
        return np.ones((len(rows), BIN_COUNT), dtype=np.bool_)
    places = map_points(canvas_to_pixels, np.stack(np.meshgrid(columns, rows), axis=-1))
    inside = (np.minimum(places, limits - places).min(axis=-1) > 0.5).astype(np.uint8)
    kernel = np.ones((2 * WINDOW_PX + 1, 1), dtype=np.uint8)
    eroded = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(eroded, dtype=np.bool_)
