"""A DBNet probability map -> oriented text boxes.

The network marks each text line's core: its outline moved inwards by D = A (1 - r^2) / L. For a rectangle that move can
be undone exactly (`_solve_offset`). A line is long and thin, its core only a few pixels high, so the core's height is
not counted in whole pixels but taken as probability mass per unit of length, which is finer than one pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_FULL_PROBABILITY = 255.0
_HALO_PX = 2  # mass just outside the binarised core still belongs to it
_ELONGATED_RATIO = 4.0  # from this length : height on, a core's own direction is better than its neighbours'
_SHORT_RATIO = 2.0  # lines up to this length : usual height of the card's lines are marks or a letter or two
_USUAL_HEIGHT_SHARE = 0.9  # of the usual height: what a short line has at least, lest a lone `-` fill its crop
_HALO = np.ones((2 * _HALO_PX + 1, 2 * _HALO_PX + 1), np.uint8)
_MIN_CORE_HEIGHT_PX = 0.4  # below it the inverse of the shrinking has no meaning


@dataclass(frozen=True, slots=True)
class TextBoxSettings:
    """How boxes are made from the map.

    Attributes:
        binarization_threshold: probability from which a pixel is core, in (0, 1). Lower joins, higher splits lines.
        score_threshold: least mean probability of a core, in [0, 1]. Higher loses faint lines, lower adds stray boxes.
        shrink_ratio: r of the training labels; it travels with the model (config.pbtxt).
        min_core_length_px: shorter cores are dropped; a lone `-` has 2 to 3 px.
        max_box_count: the best-scored boxes kept; a card has about 35 lines.
    """

    binarization_threshold: float = 0.6
    score_threshold: float = 0.5
    shrink_ratio: float = 0.7
    min_core_length_px: float = 2.0
    max_box_count: int = 120


class TextBox(NamedTuple):
    """One text line's box.

    Attributes:
        quad: (4, 2) float64, clockwise from the line's own top-left, in pixels of the map.
        score: mean probability of the core, [0, 1].
    """

    quad: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class _Cores:
    """The connected cores of a map, N of them.

    Attributes:
        outlines: (P_n, 2) int32 contour pixels of each.
        scores: (N,) mean probabilities.
        masses_px: (N,) probability masses in pixels.
    """

    outlines: Sequence[NDArray[np.int32]]
    scores: NDArray[np.float64]
    masses_px: NDArray[np.float64]


_DEFAULT_SETTINGS = TextBoxSettings()


def find_text_boxes(probability: NDArray[np.uint8], settings: TextBoxSettings = _DEFAULT_SETTINGS) -> list[TextBox]:
    """Find the text lines of an upright card.

    Args:
        probability: (H, W) uint8, probability of a line's core times 255.
        settings: see `TextBoxSettings`.

    Returns:
        Boxes, from top to bottom.

    Source: Liao et al. 2020, Real-time Scene Text Detection with Differentiable Binarization, equation 10.
    """
    cores = _find_cores(probability, settings)
    if not cores.outlines:
        return []
    quads = _unclip(cores, _find_angles(cores.outlines), settings.shrink_ratio)
    order = np.argsort(quads[:, :, 1].mean(axis=1), kind="stable")
    return [TextBox(quads[index], float(cores.scores[index])) for index in order]


def _find_cores(probability: NDArray[np.uint8], settings: TextBoxSettings) -> _Cores:
    height, width = probability.shape
    least = math.ceil(_FULL_PROBABILITY * settings.binarization_threshold)  # integers compare ten times as fast
    mask = (probability >= least).view(np.uint8)
    # OpenCV's stubs call the contours arrays of any number; they are int32 points.
    contours: Sequence[NDArray[np.int32]] = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]  # type: ignore[assignment]
    found: list[tuple[float, float, NDArray[np.int32]]] = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if max(w, h) < settings.min_core_length_px:
            continue
        x0, y0 = max(x - _HALO_PX, 0), max(y - _HALO_PX, 0)
        x1, y1 = min(x + w + _HALO_PX, width), min(y + h + _HALO_PX, height)
        values = probability[y0:y1, x0:x1]
        filled = np.zeros(values.shape, np.uint8)
        cv2.drawContours(filled, [contour], -1, 1, thickness=cv2.FILLED, offset=(-x0, -y0))
        score = cv2.norm(values, cv2.NORM_L1, filled) / (_FULL_PROBABILITY * cv2.countNonZero(filled))
        if score >= settings.score_threshold:
            mass_px = cv2.norm(values, cv2.NORM_L1, cv2.dilate(filled, _HALO)) / _FULL_PROBABILITY
            found.append((score, mass_px, contour.reshape(-1, 2)))
    best = sorted(found, key=lambda core: -core[0])[: settings.max_box_count]
    scores, masses_px = np.array([core[:2] for core in best], dtype=np.float64).reshape(-1, 2).T
    return _Cores([core[2] for core in best], scores, masses_px)


def _find_angles(outlines: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """Direction of each core in radians, (N,); short cores take the direction common to the long ones."""
    # Which side OpenCV calls the width differs between its versions; that the angle is the width's does not.
    rectangles = [(*size, angle) for _, size, angle in map(cv2.minAreaRect, outlines)]
    widths, heights, degrees = np.array(rectangles, dtype=np.float64).T
    angles = np.radians(np.where(widths >= heights, degrees, degrees + 90.0))
    angles = (angles + math.pi / 2) % math.pi - math.pi / 2
    longer, shorter = np.maximum(widths, heights), np.minimum(widths, heights)
    elongated = (longer + 1) / (shorter + 1) >= _ELONGATED_RATIO
    common = _weighted_median(angles[elongated], longer[elongated])
    return np.where(elongated, angles, common)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Weighted median; 0 for no values."""
    if len(values) == 0:
        return 0.0
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, cumulative[-1] / 2)])


def _unclip(cores: _Cores, angles: NDArray[np.float64], shrink_ratio: float) -> NDArray[np.float64]:
    """The whole lines around cores: (N, 4, 2), clockwise from each line's own top left, in the map's frame."""
    cosines, sines = np.cos(angles), np.sin(angles)
    counts = [len(outline) for outline in cores.outlines]
    starts, owners = np.cumsum([0, *counts[:-1]]), np.repeat(np.arange(len(counts)), counts)
    x, y = np.concatenate(list(cores.outlines)).astype(np.float64).T
    along, across = x * cosines[owners] + y * sines[owners], y * cosines[owners] - x * sines[owners]
    left, right = np.minimum.reduceat(along, starts) - 0.5, np.maximum.reduceat(along, starts) + 0.5
    top, bottom = np.minimum.reduceat(across, starts) - 0.5, np.maximum.reduceat(across, starts) + 0.5
    core_width = np.maximum(right - left, 1.0)  # pixels are unit squares
    core_height = np.maximum(cores.masses_px / (right - left), _MIN_CORE_HEIGHT_PX)
    offset = _solve_offset(core_width, core_height, shrink_ratio)
    half_width, half_height = core_width / 2 + offset, core_height / 2 + offset
    usual = _weighted_median(half_height, half_width)
    is_short = half_width <= _SHORT_RATIO * usual
    half_height = np.where(is_short, np.maximum(half_height, _USUAL_HEIGHT_SHARE * usual), half_height)
    u = ((left + right) / 2)[:, None] + half_width[:, None] * np.array([-1.0, 1.0, 1.0, -1.0])
    v = ((top + bottom) / 2)[:, None] + half_height[:, None] * np.array([-1.0, -1.0, 1.0, 1.0])
    cosine, sine = cosines[:, None], sines[:, None]
    return np.stack([u * cosine - v * sine, u * sine + v * cosine], axis=-1)


def _solve_offset(
    core_width: NDArray[np.float64], core_height: NDArray[np.float64], shrink_ratio: float
) -> NDArray[np.float64]:
    """D such that the rectangle grown by D on every side, shrunk by A (1 - r^2) / L, is the core again.

    With w = w' + 2D, h = h' + 2D and k = (1 - r^2) / 2 the condition D (w + h) = k w h is the quadratic
    4 (1 - k) D^2 + (1 - 2k) (w' + h') D - k w' h' = 0, whose positive root this is.
    """
    k = (1 - shrink_ratio**2) / 2
    linear = (1 - 2 * k) * (core_width + core_height)
    quadratic = 4 * (1 - k)
    root: NDArray[np.float64] = np.sqrt(linear**2 + 4 * quadratic * k * core_width * core_height)
    return (root - linear) / (2 * quadratic)
