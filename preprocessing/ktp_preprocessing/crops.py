"""Line crops: text lines sampled from the source image, ready for the recogniser.

Each crop is sampled once, through the composed homography crop -> card frame -> source, never from the resampled card:
the source's full resolution reaches the recogniser. Where the source is larger than the crop, the crop is rendered at a
multiple of its size and averaged down, so that nothing aliases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, side_lengths, unit_square_homographies

LINE_HEIGHT_PX = 32
"""Height of a crop. Source: the recogniser's input height (ktp_text_recognition)."""

LINE_GROWTH = 0.15
"""Margin added on a line's quad, as a fraction of its height. The recogniser is trained with the same."""

LINE_GROWTH_RIGHT = 0.28
"""Margin at a line's end, within the spread of margins in training: found boxes end too early where a line ends in a
thin mark, as a blood type `B-` does."""

MAX_SUPERSAMPLING = 6
"""Largest rendering factor: a card 4000 px wide shows the NIK line at about six times the crop's height."""

SUPERSAMPLING_TOLERANCE = 1.2
"""Shrinking up to this factor is left to bilinear sampling, whose own blur prevents visible aliasing."""


@dataclass(frozen=True, slots=True)
class LineCrop:
    """One text line, upright, as the recogniser takes it.

    Attributes:
        pixels: (32, W, 1) uint8 grey; W is one of the asked widths, columns past the content repeat the last one.
        content_width_px: columns that show the line; from 1 to W.
    """

    pixels: NDArray[np.uint8]
    content_width_px: int


def crop_lines(
    source: NDArray[np.uint8],
    homography: NDArray[np.float64],
    quads: NDArray[np.float64],
    widths: Sequence[int],
) -> list[LineCrop]:
    """Cut text lines out of the source image.

    Args:
        source: (H, W, 3) uint8 RGB source image.
        homography: (3, 3) float64, source -> card-frame pixels.
        quads: (N, 4, 2) float64 line quads in card-frame pixels, clockwise from the line's own top left.
        widths: the recogniser's input widths, pixels; a line longer than the largest one is compressed into it.

    Returns:
        N crops in the order of the quads. A degenerate quad (no area) gives a narrow crop of its surroundings.

    Raises:
        ValueError: no width was given, or the homography cannot be inverted.
    """
    if not widths:
        raise ValueError("at least one width is needed")
    if len(quads) == 0:
        return []
    try:
        card_to_source = np.asarray(np.linalg.inv(homography), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise ValueError("the homography cannot be inverted") from error
    ordered_widths = sorted(widths)
    grown = line_regions(np.asarray(quads, dtype=np.float64))
    source_quads = map_points(card_to_source, grown)
    grey, origin = _grey_region(source, source_quads)
    source_quads = source_quads - origin
    content_widths_px = _content_widths(side_lengths(grown), ordered_widths[-1])
    source_sides = side_lengths(source_quads)
    factors = _supersampling(np.maximum(source_sides[:, 1], source_sides[:, 3]) / LINE_HEIGHT_PX)
    to_source = unit_square_homographies(source_quads)
    crops = []
    for square_to_source, content_width_px, factor in zip(
        to_source, content_widths_px.tolist(), factors.tolist(), strict=True
    ):
        content = _render(grey, square_to_source, content_width_px, factor)
        width_px = next(width for width in ordered_widths if width >= content_width_px)
        padded = np.empty((LINE_HEIGHT_PX, width_px, 1), dtype=np.uint8)
        padded[:, :content_width_px, 0] = content
        padded[:, content_width_px:, 0] = content[:, -1:]
        crops.append(LineCrop(padded, content_width_px))
    return crops


def line_regions(quads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grow line quads by the margins that the recogniser gets to see.

    Args:
        quads: (N, 4, 2) float64, clockwise from the line's own top left.

    Returns:
        (N, 4, 2) float64 in the same frame. Quads without any extent get one of about a pixel.
    """
    along = quads[:, [1, 1, 2, 2]] - quads[:, [0, 0, 3, 3]]
    across = quads[:, [3, 2, 2, 3]] - quads[:, [0, 1, 1, 0]]
    sides = side_lengths(quads)
    height = np.maximum((sides[:, 1] + sides[:, 3]) / 2.0, 1.0)[:, None, None]
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    along_reach = np.array([-LINE_GROWTH, LINE_GROWTH_RIGHT, LINE_GROWTH_RIGHT, -LINE_GROWTH])[None, :, None]
    across_reach = np.array([-LINE_GROWTH, -LINE_GROWTH, LINE_GROWTH, LINE_GROWTH])[None, :, None]
    grown: NDArray[np.float64] = quads + height * (along * along_reach + across * across_reach)
    return grown


def _content_widths(sides: NDArray[np.float64], largest_width_px: int) -> NDArray[np.intp]:
    """Columns lines need at the crop's height, (N,), from their sides (N, 4) in the card frame."""
    heights_px = np.maximum((sides[:, 1] + sides[:, 3]) / 2.0, 1e-6)
    widths_px = np.rint(LINE_HEIGHT_PX * (sides[:, 0] + sides[:, 2]) / 2.0 / heights_px)
    return np.clip(widths_px, 1, largest_width_px).astype(np.intp)


def _supersampling(shrinks: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rendering factors for lines (N,) that are `shrinks` times as high in the source as in the crop."""
    return np.clip(np.ceil(shrinks / SUPERSAMPLING_TOLERANCE), 1, MAX_SUPERSAMPLING).astype(np.intp)


def _grey_region(
    source: NDArray[np.uint8], source_quads: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Grey pixels of the part of the source that the lines touch, and the position of its top-left pixel."""
    limits = np.array([source.shape[1], source.shape[0]], dtype=np.float64)
    points = source_quads.reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(2), limits)
    start = np.clip(np.floor(low) - 2.0, 0.0, limits - 1.0)
    stop = np.clip(np.ceil(high) + 3.0, start + 1.0, limits)
    region = source[int(start[1]) : int(stop[1]), int(start[0]) : int(stop[0])]
    grey: NDArray[np.uint8] = np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return grey, start


def _render(
    grey: NDArray[np.uint8], square_to_source: NDArray[np.float64], content_width_px: int, factor: int
) -> NDArray[np.uint8]:
    """Sample one line: (32, content_width_px) uint8, rendered `factor` times as large and averaged down."""
    fine_size = content_width_px * factor, LINE_HEIGHT_PX * factor
    u, v = 1.0 / fine_size[0], 1.0 / fine_size[1]
    to_square = np.array([[u, 0.0, u / 2.0], [0.0, v, v / 2.0], [0.0, 0.0, 1.0]])
    fine = cv2.warpPerspective(
        grey,
        square_to_source @ to_square,
        fine_size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        fine = cv2.resize(fine, (content_width_px, LINE_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, dtype=np.uint8)
