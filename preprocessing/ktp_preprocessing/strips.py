"""Strips: the image in a band along each side of a rough card outline, resampled so that the side runs straight.

The strip frame shows the rough card upright, its top left corner at the origin. A strip has rows from outside to
inside, the rough side in the middle one, and columns ("bins") along the side, the rounded corners left out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import CARD_ASPECT

END_SHARE = 0.045
"""Share of a side left out at either end: the rounded corner has a radius of 3.18 mm on 85.60 mm (ISO/IEC 7810)."""

WINDOW_PX = 3
"""Height of the two windows above and below a row whose mean colours are compared."""

_BIN_PX = 6
"""Pixels averaged along the side for each bin."""


@dataclass(frozen=True, slots=True)
class StripLayout:
    """How closely the sides are looked at.

    Attributes:
        card_width_px: width of the rough card in the strip frame.
        band_px: reach to either side.
        bin_count: places along a side, a multiple of 4.
        usual_distance_px: how far the card's sides usually are from the rough ones.
        max_skew_px: largest difference between the offsets at both ends of a line.
    """

    card_width_px: int
    band_px: int
    bin_count: int
    usual_distance_px: float
    max_skew_px: int


FINE_LAYOUT = StripLayout(card_width_px=576, band_px=36, bin_count=64, usual_distance_px=12.0, max_skew_px=30)
"""An edge is located to about 0.3 px, 0.05 % of the width; the band reaches 6.2 %, nearly two mask cells."""

WIDE_LAYOUT = StripLayout(card_width_px=192, band_px=48, bin_count=32, usual_distance_px=24.0, max_skew_px=36)
"""For rough outlines that are far off: the band reaches 25 % of the width, lines may turn by 10 degrees."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Colour changes across one side.

    Attributes:
        layout: its dimensions.
        change: (2 * band_px + 1, bin_count, 3) float32, mean colour inside minus outside of each row; zero where that
            leaves the image.
        usable: (2 * band_px + 1, bin_count) bool, False where it leaves the image.
    """

    layout: StripLayout
    change: NDArray[np.float32]
    usable: NDArray[np.bool_]


def strip_frame_quad(layout: StripLayout) -> NDArray[np.float64]:
    """Give the rough card's corners in the strip frame: (4, 2) float64, clockwise from the top left."""
    width_px, height_px = float(layout.card_width_px), layout.card_width_px / CARD_ASPECT
    return np.array([[0.0, 0.0], [width_px, 0.0], [width_px, height_px], [0.0, height_px]])


def sample_strip(pixels: NDArray[np.uint8], to_pixels: NDArray[np.float64], side: int, layout: StripLayout) -> Strip:
    """Sample the band along one side and measure the colour changes in it.

    Args:
        pixels: (H, W, 3) uint8 RGB, at about the scale of the strip frame, so that nothing aliases.
        to_pixels: (3, 3) float64, strip frame -> those pixels.
        side: 0 top, 1 right, 2 bottom, 3 left.
        layout: the strip's dimensions.

    Returns:
        The strip.
    """
    frame = strip_frame_quad(layout)
    start, end = frame[side], frame[(side + 1) % 4]
    along = end - start
    inward = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    first, last, reach = start + END_SHARE * along, end - END_SHARE * along, (layout.band_px + 0.5) * inward
    band = np.array([first - reach, last - reach, last + reach, first + reach])
    height_px, fine_px = 2 * layout.band_px + 1, layout.bin_count * _BIN_PX
    canvas = np.array([[-0.5, -0.5], [fine_px - 0.5, -0.5], [fine_px - 0.5, height_px - 0.5], [-0.5, height_px - 0.5]])
    canvas_to_pixels = to_pixels @ quad_homography(canvas, band)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpPerspective(
        pixels, canvas_to_pixels, (fine_px, height_px), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    colours = cv2.resize(fine, (layout.bin_count, height_px), interpolation=cv2.INTER_AREA)
    change = _window_difference(np.asarray(colours, dtype=np.float32))
    usable = _usable_rows(canvas_to_pixels, pixels.shape, layout)
    change[~usable] = 0.0
    return Strip(layout, change, usable)


def _window_difference(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the `WINDOW_PX` rows below each row minus the mean of those above; the row itself counts half to both."""
    sums = np.concatenate([np.zeros_like(colours[:1]), np.cumsum(colours, axis=0)])
    middles = (sums[:-1] + sums[1:]) / 2.0
    change = np.zeros_like(colours)
    inner = slice(WINDOW_PX, -WINDOW_PX)
    change[inner] = (middles[2 * WINDOW_PX :] - 2.0 * middles[inner] + middles[: -2 * WINDOW_PX]) / WINDOW_PX
    return change


def _usable_rows(
    canvas_to_pixels: NDArray[np.float64], shape: tuple[int, ...], layout: StripLayout
) -> NDArray[np.bool_]:
    """Rows of each bin whose windows lie in the image."""
    rows = np.arange(2 * layout.band_px + 1, dtype=np.float64)
    columns = (np.arange(layout.bin_count) + 0.5) * _BIN_PX - 0.5
    limits = np.array([shape[1] - 1.0, shape[0] - 1.0])
    ends = map_points(canvas_to_pixels, np.array([[[x, y] for x in columns[[0, -1]]] for y in rows[[0, -1]]]))
    if np.minimum(ends, limits - ends).min() > 0.5:  # the band is convex: with its corners all of it is inside
        return np.ones((len(rows), layout.bin_count), dtype=np.bool_)
    places = map_points(canvas_to_pixels, np.stack(np.meshgrid(columns, rows), axis=-1))
    inside = (np.minimum(places, limits - places).min(axis=-1) > 0.5).astype(np.uint8)
    kernel = np.ones((2 * WINDOW_PX + 1, 1), dtype=np.uint8)
    eroded = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(eroded, dtype=np.bool_)
