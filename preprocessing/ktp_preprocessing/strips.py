"""Strips: the image in a band along each side of a rough card outline, resampled so that the side runs straight.

The strip frame shows the rough card upright, its top left corner at the origin. A strip has rows from outside to
inside, the rough side in the middle one, and columns ("bins") along the side, the rounded corners left out.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import CARD_ASPECT

END_SHARE = 0.045
"""Share of a side left out at either end: the rounded corner has a radius of 3.18 mm on 85.60 mm (ISO/IEC 7810)."""

WINDOW_PX = 3
"""Height of the two windows above and below a row whose mean colours are compared."""

_WINDOWS = np.array([[-0.5, -1.0, -1.0, 0.0, 1.0, 1.0, 0.5]], dtype=np.float32).T / np.float32(WINDOW_PX)
"""Weights of the rows: those below less those above; the row itself counts half to both."""


@dataclass(frozen=True, slots=True)
class StripLayout:
    """How closely the sides are looked at.

    Attributes:
        card_width_px: width of the rough card in the strip frame.
        band_px: reach to either side.
        bin_count: places along a side, a multiple of 4.
        usual_distance_px: how far the card's sides usually are from the rough ones.
        max_skew_px: largest difference between the offsets at both ends of a line.
        bin_px: samples averaged along the side for each bin.
        margin_px: rows at the band's borders through which no line is searched for.
        search_step: every how many rows, and every how many bins, lines are searched for.
    """

    card_width_px: int
    band_px: int
    bin_count: int
    usual_distance_px: float
    max_skew_px: int
    bin_px: int = 4
    margin_px: int = WINDOW_PX
    search_step: int = 2


FINE_LAYOUT = StripLayout(card_width_px=576, band_px=32, bin_count=64, usual_distance_px=12.0, max_skew_px=30)
"""An edge is located to about 0.3 px, 0.05 % of the width; the band reaches 5.5 %, one and a half mask cells."""

SCAN_LAYOUT = StripLayout(card_width_px=1152, band_px=32, bin_count=64, usual_distance_px=12.0, max_skew_px=24)
"""For cards that fill the frame: the ground beside the card shows on a few pixels only."""

WIDE_LAYOUT = StripLayout(card_width_px=192, band_px=48, bin_count=32, usual_distance_px=24.0, max_skew_px=36)
"""For rough outlines that are far off: the band reaches 25 % of the width, lines may turn by 10 degrees."""


SHARP_LAYOUT = StripLayout(
    card_width_px=960,
    band_px=26,
    bin_count=16,
    usual_distance_px=15.0,
    max_skew_px=30,
    bin_px=12,
    margin_px=11,
    search_step=1,
)
"""For outlines that are nearly right: most photos show no more, and a bin's mean shows what noise hides."""


@dataclass(frozen=True, slots=True)
class Strips:
    """Colour changes across the four sides: top, right, bottom, left.

    Attributes:
        layout: their dimensions.
        change: (4, 2 * band_px + 1, bin_count, 3) float32, mean colour inside minus outside of each row; zero where
            that leaves the image.
    """

    layout: StripLayout
    change: NDArray[np.float32]


def strip_frame_quad(layout: StripLayout) -> NDArray[np.float64]:
    """Give the rough card's corners in the strip frame: (4, 2) float64, clockwise from the top left."""
    width_px, height_px = float(layout.card_width_px), layout.card_width_px / CARD_ASPECT
    return np.array([[0.0, 0.0], [width_px, 0.0], [width_px, height_px], [0.0, height_px]])


def sample_strips(pixels: NDArray[np.uint8], to_pixels: NDArray[np.float64], layout: StripLayout) -> Strips:
    """Sample the bands along the sides and measure the colour changes in them.

    Args:
        pixels: (H, W, 3) uint8 RGB, at most about twice as fine as the strip frame: samples are averaged along the
            side, which takes care of what aliases across it.
        to_pixels: (3, 3) float64, strip frame -> those pixels.
        layout: the strips' dimensions.

    Returns:
        The strips.
    """
    colours, usable = sample_colours(pixels, to_pixels, layout, WINDOW_PX)
    change = compare_rows(colours, _WINDOWS)
    change[~usable] = 0.0
    change[:, :WINDOW_PX] = change[:, -WINDOW_PX:] = 0.0
    return Strips(layout, change)


def sample_colours(
    pixels: NDArray[np.uint8], to_pixels: NDArray[np.float64], layout: StripLayout, reach_px: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sample the bands along the sides.

    Args:
        pixels: (H, W, 3) uint8 RGB, see `sample_strips`.
        to_pixels: (3, 3) float64, strip frame -> those pixels.
        layout: the strips' dimensions.
        reach_px: rows to either side that a row must have in the image to be of use.

    Returns:
        (4, 2 * band_px + 1, bin_count, 3) float32 mean colours, the image's border repeated; and which rows of each bin
        are of use.
    """
    height_px, fine_px = 2 * layout.band_px + 1, layout.bin_count * layout.bin_px
    colours = np.empty((4, height_px, layout.bin_count, 3), dtype=np.float32)
    usable = np.ones(colours.shape[:3], dtype=np.bool_)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    ends = map_points(to_pixels, _bands(layout))
    room = np.minimum(ends, np.array([pixels.shape[1] - 1.0, pixels.shape[0] - 1.0]) - ends).min(axis=(1, 2))
    for side, from_canvas in enumerate(_canvas_homographies(layout)):
        canvas_to_pixels = to_pixels @ from_canvas
        fine = cv2.warpPerspective(
            pixels, canvas_to_pixels, (fine_px, height_px), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        size_px = (layout.bin_count, height_px)
        colours[side] = cv2.resize(fine.astype(np.float32), size_px, interpolation=cv2.INTER_AREA)
        if room[side] <= 0.5:  # a band is convex: with its corners all of it is inside
            usable[side] = _usable_rows(canvas_to_pixels, pixels.shape, layout, reach_px)
    return colours, usable


def compare_rows(colours: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weigh the rows around each row of the bands (4, rows, bin_count, 3) by a column of weights; the same shape."""
    return np.stack([np.asarray(cv2.filter2D(band, cv2.CV_32F, weights), dtype=np.float32) for band in colours])


@cache
def _bands(layout: StripLayout) -> NDArray[np.float64]:
    """Corners (4, 4, 2) of each side's band in the strip frame, clockwise from the outer one at the side's start."""
    frame = strip_frame_quad(layout)
    bands = []
    for start, end in zip(frame, np.roll(frame, -1, axis=0), strict=True):
        along = end - start
        reach = (layout.band_px + 0.5) * np.array([-along[1], along[0]]) / np.linalg.norm(along)
        first, last = start + END_SHARE * along, end - END_SHARE * along
        bands.append([first - reach, last - reach, last + reach, first + reach])
    return np.array(bands)


@cache
def _canvas_homographies(layout: StripLayout) -> tuple[NDArray[np.float64], ...]:
    """Homographies from each side's canvas, as it is sampled, to the strip frame."""
    height_px, fine_px = 2 * layout.band_px + 1, layout.bin_count * layout.bin_px
    canvas = np.array([[0.0, 0.0], [fine_px, 0.0], [fine_px, height_px], [0.0, height_px]]) - 0.5
    return tuple(quad_homography(canvas, band) for band in _bands(layout))


def _usable_rows(
    canvas_to_pixels: NDArray[np.float64], shape: tuple[int, ...], layout: StripLayout, reach_px: int
) -> NDArray[np.bool_]:
    """Tell which rows of each bin have so many rows to either side in the image."""
    rows = np.arange(2 * layout.band_px + 1, dtype=np.float64)
    columns = (np.arange(layout.bin_count) + 0.5) * layout.bin_px - 0.5
    limits = np.array([shape[1] - 1.0, shape[0] - 1.0])
    places = map_points(canvas_to_pixels, np.stack(np.meshgrid(columns, rows), axis=-1))
    inside = (np.minimum(places, limits - places).min(axis=-1) > 0.5).astype(np.uint8)
    kernel = np.ones((2 * reach_px + 1, 1), dtype=np.uint8)
    eroded = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(eroded, dtype=np.bool_)
