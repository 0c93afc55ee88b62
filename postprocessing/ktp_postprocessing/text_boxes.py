"""A DBNet probability map -> oriented text boxes.

The network marks each text line's core: its outline moved inwards by D = A (1 - r^2) / L. For a rectangle that move can
be undone exactly (`_solve_offset`). A line is long and thin, its core only a few pixels high, so the core's height is
not counted in whole pixels but taken as probability mass per unit of length, which is finer than one pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FULL_PROBABILITY = 255.0
_HALO_PX = 2  # mass just outside the binarised core still belongs to it
_ELONGATED_RATIO = 4.0  # from this length : height on, a core's own direction is better than its neighbours'
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


@dataclass(frozen=True, slots=True)
class TextBox:
    """One text line's box.

    Attributes:
        quad: (4, 2) float64, clockwise from the line's own top-left, in pixels of the map.
        score: mean probability of the core, [0, 1].
    """

    quad: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class _Core:
    """A connected core: its outline, its mean probability, its probability mass in pixels."""

    points: NDArray[np.float64]
    score: float
    mass_px: float

    def extents(self, angle: float) -> NDArray[np.float64]:
        """(left, top, right, bottom) in the frame turned by `angle` radians; pixels are unit squares."""
        axes = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        turned = self.points @ axes.T
        low, high = turned.min(axis=0) - 0.5, turned.max(axis=0) + 0.5
        return np.array([low[0], low[1], high[0], high[1]])


@dataclass(frozen=True, slots=True)
class _Line:
    """A text line's rectangle; `centre` in the frame turned by `angle` radians, lengths in pixels."""

    angle: float
    centre: tuple[float, float]
    width: float
    height: float

    def make_quad(self) -> NDArray[np.float64]:
        """Corners, (4, 2), clockwise from the top left, in the map's frame."""
        (x, y), half_width, half_height = self.centre, self.width / 2, self.height / 2
        left, right, top, bottom = x - half_width, x + half_width, y - half_height, y + half_height
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        quad: NDArray[np.float64] = corners @ np.array([[cosine, sine], [-sine, cosine]])
        return quad


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
    cores = sorted(cores, key=lambda core: core.score, reverse=True)[: settings.max_box_count]
    angles = _find_angles(cores)
    grown = [_unclip(core, angle, settings.shrink_ratio) for core, angle in zip(cores, angles, strict=True)]
    boxes = [TextBox(line.make_quad(), core.score) for line, core in zip(grown, cores, strict=True)]
    return sorted(boxes, key=lambda box: float(box.quad[:, 1].mean()))


def _find_cores(probability: NDArray[np.uint8], settings: TextBoxSettings) -> list[_Core]:
    height, width = probability.shape
    mask = (probability >= _FULL_PROBABILITY * settings.binarization_threshold).astype(np.uint8)
    # OpenCV's stubs call the contours arrays of any number; they are int32 points.
    contours: Sequence[NDArray[np.int32]] = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]  # type: ignore[assignment]
    halo = np.ones((2 * _HALO_PX + 1, 2 * _HALO_PX + 1), np.uint8)
    cores: list[_Core] = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if max(w, h) < settings.min_core_length_px:
            continue
        x0, y0 = max(x - _HALO_PX, 0), max(y - _HALO_PX, 0)
        x1, y1 = min(x + w + _HALO_PX, width), min(y + h + _HALO_PX, height)
        filled = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.drawContours(filled, [contour], -1, 1, thickness=cv2.FILLED, offset=(-x0, -y0))
        values = probability[y0:y1, x0:x1].astype(np.float64) / _FULL_PROBABILITY
        score = float(values[filled > 0].mean())
        if score >= settings.score_threshold:
            mass_px = float(values[cv2.dilate(filled, halo) > 0].sum())
            cores.append(_Core(contour.reshape(-1, 2).astype(np.float64), score, mass_px))
    return cores


def _find_angles(cores: Sequence[_Core]) -> list[float]:
    """Direction of each core in radians; short cores take the direction common to the long ones."""
    own: list[tuple[float, float, float]] = []  # angle, length, length : height
    for core in cores:
        corners = cv2.boxPoints(cv2.minAreaRect(core.points.astype(np.float32)))
        # minAreaRect's angle convention differs between OpenCV versions; the corners do not.
        sides = np.diff(np.vstack([corners, corners[:1]]), axis=0)[:2]
        lengths = np.hypot(sides[:, 0], sides[:, 1])
        longer = int(lengths[1] > lengths[0])
        dx, dy = (float(part) for part in sides[longer])
        angle = math.atan2(dy, dx)
        angle = (angle + math.pi / 2) % math.pi - math.pi / 2
        own.append((angle, float(lengths[longer]), float(lengths[longer] + 1) / float(lengths[1 - longer] + 1)))
    long_ones = sorted((angle, length) for angle, length, ratio in own if ratio >= _ELONGATED_RATIO)
    common = _weighted_median(long_ones)
    return [angle if ratio >= _ELONGATED_RATIO else common for angle, _, ratio in own]


def _weighted_median(values_and_weights: Sequence[tuple[float, float]]) -> float:
    """Weighted median of sorted (value, weight) pairs; 0 for none."""
    half = sum(weight for _, weight in values_and_weights) / 2
    for value, weight in values_and_weights:
        half -= weight
        if half <= 0:
            return value
    return 0.0


def _unclip(core: _Core, angle: float, shrink_ratio: float) -> _Line:
    """The whole line around a core."""
    left, top, right, bottom = (float(side) for side in core.extents(angle))
    core_width = max(right - left, 1.0)
    core_height = max(core.mass_px / (right - left), _MIN_CORE_HEIGHT_PX)
    offset = _solve_offset(core_width, core_height, shrink_ratio)
    return _Line(
        angle=angle,
        centre=((left + right) / 2, (top + bottom) / 2),
        width=core_width + 2 * offset,
        height=core_height + 2 * offset,
    )


def _solve_offset(core_width: float, core_height: float, shrink_ratio: float) -> float:
    """D such that the rectangle grown by D on every side, shrunk by A (1 - r^2) / L, is the core again.

    With w = w' + 2D, h = h' + 2D and k = (1 - r^2) / 2 the condition D (w + h) = k w h is the quadratic
    4 (1 - k) D^2 + (1 - 2k) (w' + h') D - k w' h' = 0, whose positive root this is.
    """
    k = (1 - shrink_ratio**2) / 2
    linear = (1 - 2 * k) * (core_width + core_height)
    quadratic = 4 * (1 - k)
    return (math.sqrt(linear**2 + 4 * quadratic * k * core_width * core_height) - linear) / (2 * quadratic)
