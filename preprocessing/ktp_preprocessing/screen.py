"""Whether a card is shown on a screen: its pixels' lattice, or that one's moiré with the camera, shows in the spectrum.

Patches of the card are taken from the source image at its own resolution, since warping would blur a fine lattice. It
has nearly the same frequency all over the card, print has not: in the patches' mean power spectrum the lattice is a
sharp peak above its neighbourhood. The card's guilloche and print are coarser than what is looked at or differ from
place to place; JPEG's blocks leave peaks at multiples of 1 / 8, which are left out. Brightness and colour (red against
blue) are looked at apart: a screen's stripes are of three colours.

Source: the cue is that of Patel, Han, Jain and Ott, "Live face video vs. spoof face video: use of moiré patterns to
detect replay video attacks", 2015. Peaks in place of learnt textures, and all numbers, were settled on 55 drawn screens
and 65 other pictures; `benchmarks/quality.py` measures them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography

__all__ = ["score_screen"]

_PATCH_PX = 64
_COLUMNS, _ROWS = np.linspace(0.12, 0.88, 6), np.linspace(0.2, 0.8, 4)
"""Where patches have their middles, as fractions of the card."""

_BLOCK_CYCLES, _BLOCK_REACH = 1 / 8, 1.5 / _PATCH_PX
_AREA_BINS, _RIDGE_BINS = 25, 13
"""Neighbourhoods of a bin: the square that its height is told from, and pieces of lines through it, since edges leave
ridges along the image's sides, and print that motion has smeared leaves one in any direction."""

_DIRECTION_COUNT, _SLANTED_SHARE = 8, 0.75
_CANDIDATE_COUNT = 16
"""The tallest bins by area, row and column are held against lines in all directions too. Above those they must stand by
this share of what is asked above rows and columns: a lattice seen at a slant is drawn out a little itself."""


@dataclass(frozen=True, slots=True)
class _Channel:
    """Where peaks are looked for, and from which height they count.

    Attributes:
        least: least distance from frequency 0, cycles a pixel; print is strong below it.
        largest: largest frequency along a side, cycles a pixel; halved colour (JPEG 4:2:0) leaves a line beyond it.
        area_height: height above the square around it that scores 0.5, natural logarithm of power.
        ridge_height: height above its row and column likewise.
    """

    least: float
    largest: float
    area_height: float
    ridge_height: float


_BRIGHTNESS = _Channel(least=0.18, largest=0.5, area_height=2.0, ridge_height=1.55)
_COLOUR = _Channel(least=0.1, largest=0.44, area_height=4.35, ridge_height=0.9)

_SCORE_STEP = 0.3
_LEAST_POWER = 10.0
"""Power below which rounding decides, of patches with grey levels of 255."""


def score_screen(pixels: NDArray[np.uint8], quad: NDArray[np.float64]) -> float:
    """Score how little a card looks like a picture on a screen.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        quad: (4, 2) float64 the card's corners, source pixels, clockwise from its own top left.

    Returns:
        0 (a screen's lattice stands out) to 1 (none is seen); 1 for an image smaller than a patch.

    Raises:
        ValueError: the quadrilateral is degenerate.
    """
    if min(pixels.shape[:2]) < _PATCH_PX:
        return 1.0
    unit = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    middles = map_points(quad_homography(unit, quad), np.stack(np.meshgrid(_COLUMNS, _ROWS), axis=-1).reshape(-1, 2))
    brightness, colour = _mean_spectra(pixels, middles)
    excess = max(_tallest_peak(brightness, _BRIGHTNESS), _tallest_peak(colour, _COLOUR))
    return float(1.0 / (1.0 + np.exp(np.clip(excess / _SCORE_STEP, -50.0, 50.0))))


def _window() -> NDArray[np.float32]:
    edge = np.hanning(_PATCH_PX).astype(np.float32)
    return np.outer(edge, edge)


_WINDOW = _window()


def _mean_spectra(
    pixels: NDArray[np.uint8], middles: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean power spectra of brightness and of red against blue in patches around middles; see `_unpack`."""
    limit = np.array(pixels.shape[1::-1]) - _PATCH_PX
    corners = np.clip(np.round(middles - _PATCH_PX / 2), 0, limit).astype(int)
    # One above the other, so that each step but the transform is done for all patches at once.
    column = np.concatenate([pixels[top : top + _PATCH_PX, left : left + _PATCH_PX] for left, top in corners])
    red_minus_blue = cv2.subtract(column[..., 0], column[..., 2], dtype=cv2.CV_32F)
    brightness, colour = (
        _mean_power(np.asarray(plane, dtype=np.float32))
        for plane in (cv2.cvtColor(column, cv2.COLOR_RGB2GRAY), red_minus_blue)
    )
    return brightness, colour


def _mean_power(column: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean power spectrum of (P * N, N) patches one above the other; their mean level is below every band."""
    patches = column.reshape(-1, _PATCH_PX, _PATCH_PX) * _WINDOW
    total = np.zeros((_PATCH_PX, _PATCH_PX), dtype=np.float32)
    for patch in patches:
        cv2.accumulateSquare(cv2.dft(patch), total)
    return _unpack(total / np.float32(len(patches)))


def _unpack(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn squares of real and imaginary parts in OpenCV's packed form (CCS) into power, (N, N / 2) float32.

    Column x holds x / N cycles a pixel across; row N / 2 + y holds y / N cycles down.
    """
    half = _PATCH_PX // 2
    power = np.empty((_PATCH_PX, half), dtype=np.float32)
    power[:, 1:] = squares[:, 1:-1:2] + squares[:, 2::2]
    first = squares[:, 0]
    down = np.concatenate([first[:1], first[1:-1:2] + first[2::2], first[-1:]])  # 0 to N / 2, mirrored below 0
    power[: half + 1, 0] = down
    power[half + 1 :, 0] = down[-2:0:-1]
    return np.roll(power, half, axis=0)


def _band(channel: _Channel) -> NDArray[np.bool_]:
    """Bins of `_unpack` that are looked at: (N, N / 2) bool."""
    down = (np.arange(_PATCH_PX)[:, None] - _PATCH_PX // 2) / _PATCH_PX
    across = np.arange(_PATCH_PX // 2)[None, :] / _PATCH_PX
    is_block = [np.abs(f - np.round(f / _BLOCK_CYCLES) * _BLOCK_CYCLES) < _BLOCK_REACH for f in (down, across)]
    inside = (np.hypot(down, across) > channel.least) & (np.maximum(np.abs(down), across) < channel.largest)
    return np.asarray(inside & ~(is_block[0] & is_block[1]), dtype=np.bool_)


_BANDS = {channel: _band(channel) for channel in (_BRIGHTNESS, _COLOUR)}


def _tallest_peak(power: NDArray[np.float32], channel: _Channel) -> float:
    """By how much the tallest peak exceeds the channel's heights; negative where none does."""
    levels = cv2.log(np.maximum(power, np.float32(_LEAST_POWER)))
    area, row, column = (
        cv2.blur(levels, size, borderType=cv2.BORDER_REFLECT)
        for size in ((_AREA_BINS, _AREA_BINS), (_RIDGE_BINS, 1), (1, _RIDGE_BINS))
    )
    above = np.minimum(levels - area - channel.area_height, levels - cv2.max(row, column) - channel.ridge_height)
    above[~_BANDS[channel]] = -np.inf
    tallest = np.argpartition(above.ravel(), -_CANDIDATE_COUNT)[-_CANDIDATE_COUNT:]
    slanted_height = _SLANTED_SHARE * channel.ridge_height
    ridges = _ridge_levels(np.asarray(levels, dtype=np.float32), tallest)
    return float(np.minimum(above.ravel()[tallest], levels.ravel()[tallest] - ridges - slanted_height).max())


def _ridge_levels(levels: NDArray[np.float32], bins: NDArray[np.intp]) -> NDArray[np.float32]:
    """Mean level of the highest line through each of some bins, given by their flat index."""
    height, width = levels.shape
    places = np.stack(np.unravel_index(bins, levels.shape), axis=-1)[:, None, None] + _LINES
    down = np.abs(places[..., 0])
    down = np.minimum(down, 2 * (height - 1) - down)
    across = np.minimum(np.abs(places[..., 1]), width - 1)
    return np.asarray(levels[down, across].mean(axis=2).max(axis=1), dtype=np.float32)


def _lines() -> NDArray[np.int_]:
    """Steps down and across along pieces of lines in all directions: (directions, bins, 2)."""
    turns = np.pi * np.arange(_DIRECTION_COUNT) / _DIRECTION_COUNT
    along = np.arange(_RIDGE_BINS) - _RIDGE_BINS // 2
    steps = np.stack([np.sin(turns), np.cos(turns)], axis=-1)[:, None] * along[None, :, None]
    return np.asarray(np.round(steps), dtype=np.int_)


_LINES = _lines()
