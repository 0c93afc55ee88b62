"""The card's sides on the image's own edges.

Each side of a rough outline is looked at in a strip: a band along the side, resampled so that the side runs straight
through its middle. Every place along the strip votes for the offsets at which colour changes there, with one vote at
most; the line with the most votes wins, whatever covers a part of it; then it is fitted to the edge's exact places.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import CARD_ASPECT

STRIP_CARD_WIDTH_PX = 576
"""Width at which the card is looked at: an edge is located to about 0.3 px of it, 0.05 % of the width."""

BAND_PX = 30
"""Reach of the search to either side: 5.2 % of the card's width, one and a half mask cells."""

BIN_COUNT = 64
_BIN_PX = 6
"""Places along a strip, and how many pixels are averaged for each."""

_END_SHARE = 0.045
"""Share of a side left out at either end: the rounded corner has a radius of 3.18 mm on 85.60 mm (ISO/IEC 7810)."""

_STEP_PX = 3
"""Half-width of the two windows whose colours are compared."""

_NOISE_FLOOR = 5.0
"""Colour difference, grey levels, below which a change is no edge."""

_SEARCH_STEP_PX = 2
_MAX_SKEW_PX = 30
_DISTANCE_PENALTY = 0.25
"""Votes (share of a side) that a line as far off as the whole band loses against one where the mask sees the side."""

_SNAP_PX = 4
_MIN_SUPPORT = 0.25
_MIN_BORDER_SUPPORT = 0.6
_BORDER_BAND_PX = 10
"""Along the image border only a nearly whole edge right there counts: 1.7 % of the card's width."""


@dataclass(frozen=True, slots=True)
class SideEdge:
    """The line of one side in its strip.

    Attributes:
        start_px: offset from the rough side at its first corner, strip pixels, positive towards the card's inside.
        end_px: the same at its second corner.
        support: share of the side at which the image shows an edge there, 0 to 1; 0 where none was found.
    """

    start_px: float
    end_px: float
    support: float


def find_side_edges(
    pixels: NDArray[np.uint8], to_pixels: NDArray[np.float64], visible: NDArray[np.bool_]
) -> list[SideEdge]:
    """Find the edges of the card's four sides.

    Args:
        pixels: (H, W, 3) uint8 RGB, at about the scale of the strips, so that nothing aliases.
        to_pixels: (3, 3) float64, strip frame -> those pixels; the strip frame shows the rough card upright at
            `STRIP_CARD_WIDTH_PX`, its top left corner at the origin.
        visible: (4,) bool; False where the rough side is the image border: the card's side is there or beyond, and what
            looks like an edge further inside is print.

    Returns:
        The edges of the top, right, bottom and left side.
    """
    corners = strip_frame_quad()
    edges = []
    for side in range(4):
        strip, valid = _sample_strip(pixels, to_pixels, corners[side], corners[(side + 1) % 4])
        edges.append(_find_edge(strip, valid, bool(visible[side])))
    return edges


def strip_frame_quad() -> NDArray[np.float64]:
    """Give the rough card's corners in the strip frame: (4, 2) float64, clockwise from the top left."""
    width_px, height_px = float(STRIP_CARD_WIDTH_PX), STRIP_CARD_WIDTH_PX / CARD_ASPECT
    return np.array([[0.0, 0.0], [width_px, 0.0], [width_px, height_px], [0.0, height_px]])


def _sample_strip(
    pixels: NDArray[np.uint8], to_pixels: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sample a band along a side.

    Returns:
        (2 * BAND_PX + 1, BIN_COUNT, 3) float32 colours, rows from outside to inside; and (same rows, BIN_COUNT) bool,
        False where the band leaves the image.
    """
    along = end - start
    inward = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    first, last = start + _END_SHARE * along, end - _END_SHARE * along
    reach = (BAND_PX + 0.5) * inward
    band = np.array([first - reach, last - reach, last + reach, first + reach])
    height_px, fine_px = 2 * BAND_PX + 1, BIN_COUNT * _BIN_PX
    canvas = np.array([[-0.5, -0.5], [fine_px - 0.5, -0.5], [fine_px - 0.5, height_px - 0.5], [-0.5, height_px - 0.5]])
    canvas_to_pixels = to_pixels @ quad_homography(canvas, band)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpPerspective(
        pixels, canvas_to_pixels, (fine_px, height_px), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    strip = cv2.resize(fine, (BIN_COUNT, height_px), interpolation=cv2.INTER_AREA).astype(np.float32)
    rows, columns = np.indices((height_px, BIN_COUNT)).astype(np.float64)
    centres = np.stack([(columns + 0.5) * _BIN_PX - 0.5, rows], axis=-1)
    places = map_points(canvas_to_pixels, centres)
    limits = np.array([pixels.shape[1] - 1.0, pixels.shape[0] - 1.0])
    inside = np.minimum(places, limits - places).min(axis=-1) > 0.5
    return strip, np.asarray(inside, dtype=np.bool_)


def _find_edge(strip: NDArray[np.float32], valid: NDArray[np.bool_], visible: bool) -> SideEdge:
    """Find the line with the most votes in a strip and fit it to the edge's exact places."""
    change = _colour_change(strip, _STEP_PX)
    usable = _window_valid(valid, _STEP_PX)
    change[~usable] = 0.0
    if not visible:
        change[BAND_PX + _BORDER_BAND_PX :] = 0.0
    noise = max(_NOISE_FLOOR, float(np.median(change)))
    votes = change**2 / (change**2 + (2.0 * noise) ** 2)
    start_px, end_px = _most_voted_line(votes)
    edge = _fit_edge(change, votes, start_px, end_px)
    if edge.support < (_MIN_SUPPORT if visible else _MIN_BORDER_SUPPORT):
        return SideEdge(0.0, 0.0, 0.0)
    return edge


def _colour_change(strip: NDArray[np.float32], window_px: int) -> NDArray[np.float32]:
    """Distance between the mean colours of the `window_px` rows above and below the middle of each row."""
    sums = np.concatenate([np.zeros_like(strip[:1]), np.cumsum(strip, axis=0, dtype=np.float64)]).astype(np.float64)
    change = np.zeros(strip.shape[:2], dtype=np.float32)
    rows = np.arange(window_px, strip.shape[0] - window_px)
    centre = (sums[rows] + sums[rows + 1]) / 2.0
    low = (sums[rows - window_px] + sums[rows - window_px + 1]) / 2.0
    high = (sums[rows + window_px] + sums[rows + window_px + 1]) / 2.0
    change[rows] = np.linalg.norm((high - centre) - (centre - low), axis=2) / window_px
    return change


def _window_valid(valid: NDArray[np.bool_], window_px: int) -> NDArray[np.bool_]:
    """Rows whose two windows lie in the image."""
    kernel = np.ones((2 * window_px + 1, 1), dtype=np.uint8)
    eroded = cv2.erode(valid.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(eroded, dtype=np.bool_)


def _candidate_lines() -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """All lines of the search: (L, 2) offsets at both ends, (L, BIN_COUNT) rows, (L,) penalties."""
    reach_px = BAND_PX - _STEP_PX
    offsets = np.arange(-reach_px, reach_px + 1, _SEARCH_STEP_PX, dtype=np.float64)
    starts, ends = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    kept = np.abs(starts - ends) <= _MAX_SKEW_PX
    starts, ends = starts[kept], ends[kept]
    places = (np.arange(BIN_COUNT) + 0.5) / BIN_COUNT
    rows = np.rint(starts[:, None] + (ends - starts)[:, None] * places[None] + BAND_PX).astype(np.intp)
    penalties = _DISTANCE_PENALTY * (starts**2 + starts * ends + ends**2) / (3.0 * BAND_PX**2)
    return np.column_stack([starts, ends]), rows, penalties


_LINES, _LINE_ROWS, _LINE_PENALTIES = _candidate_lines()
_LINE_CELLS = _LINE_ROWS * BIN_COUNT + np.arange(BIN_COUNT)


def _most_voted_line(votes: NDArray[np.float32]) -> tuple[float, float]:
    """Offsets at both ends of the strip, of the line with the largest share of votes after its penalty."""
    smooth = cv2.dilate(votes, np.ones((_SEARCH_STEP_PX + 1, 1), dtype=np.uint8))
    scores = smooth.ravel()[_LINE_CELLS].mean(axis=1) - _LINE_PENALTIES
    best = int(np.argmax(scores))
    return float(_LINES[best, 0]), float(_LINES[best, 1])


def _fit_edge(change: NDArray[np.float32], votes: NDArray[np.float32], start_px: float, end_px: float) -> SideEdge:
    """Fit a line to the places of the largest change near a voted line."""
    places = (np.arange(BIN_COUNT) + 0.5) / BIN_COUNT
    expected = start_px + (end_px - start_px) * places + BAND_PX
    rows, columns = np.arange(change.shape[0])[:, None], np.arange(BIN_COUNT)
    near = np.where(np.abs(rows - expected[None]) <= _SNAP_PX, change, -1.0)
    peak = np.clip(near.argmax(axis=0), 1, change.shape[0] - 2)
    before, at, after = (change[peak + step, columns].astype(np.float64) for step in (-1, 0, 1))
    curvature = before - 2.0 * at + after
    shift = np.where(curvature < -1e-6, 0.5 * (before - after) / np.minimum(curvature, -1e-6), 0.0)
    exact = peak + np.clip(shift, -0.5, 0.5) - BAND_PX
    weights = votes[peak, columns].astype(np.float64)
    design = np.column_stack([1.0 - places, places])
    solution = np.array([start_px, end_px])
    cutoff_px = float(_SNAP_PX)
    for _ in range(4):
        residuals = np.abs(exact - design @ solution)
        scaled = weights * np.maximum(1.0 - (residuals / cutoff_px) ** 2, 0.0) ** 2
        if scaled.sum() < 1.0:
            return SideEdge(0.0, 0.0, 0.0)
        weighted = design * scaled[:, None]
        solution = np.linalg.solve(weighted.T @ design + 1e-3 * np.eye(2), weighted.T @ exact + 1e-3 * solution)
        cutoff_px = max(1.5, 0.7 * cutoff_px)
    residuals = np.abs(exact - design @ solution)
    support = float((weights * (residuals < 1.5)).mean())
    skew = (solution[1] - solution[0]) * _END_SHARE / (1.0 - 2.0 * _END_SHARE)
    return SideEdge(float(solution[0] - skew), float(solution[1] + skew), support)
