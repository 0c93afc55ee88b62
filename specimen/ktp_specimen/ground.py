"""What lies under and beside the text: guilloche ground, photo with an abstract bust, signature."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CARD_ASPECT = 85.60 / 53.98  # ISO/IEC 7810 ID-1, width : height


@dataclass(frozen=True, slots=True)
class PhotoBox:
    """The photo's rectangle as fractions of the card's width and height."""

    left: float
    top: float
    right: float
    bottom: float


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """Smooth noise in [0, 1] with about `cells` bumps across the width; (H, W) float32."""
    height, width = shape
    rows = max(2, round(cells * height / width))
    coarse = rng.random((rows, max(2, cells)), dtype=np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0.0, 1.0).astype(np.float32)


def blend_colours(
    blend: NDArray[np.float32], one: NDArray[np.float32], other: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Blend two colours, (3,) each, by (H, W): (H, W, 3); channel by channel, three times faster than at once."""
    channels = [blend * np.float32(b - a) + np.float32(a) for a, b in zip(one, other, strict=True)]
    return np.asarray(cv2.merge(channels), np.float32)


def draw_ground(rng: np.random.Generator, width_px: int, foreign: bool) -> NDArray[np.float32]:
    """Draw the printed ground: (H, W, 3) float32 RGB in [0, 255], H = W / 1.586.

    Light blue for citizens; orange, or blue before 2022, for foreigners.
    """
    height_px = round(width_px / CARD_ASPECT)
    orange = foreign and rng.random() < 0.6
    base = np.array([238, 190, 140] if orange else [176, 208, 226], np.float32) + rng.normal(0, 11, 3).astype(
        np.float32
    )
    base += np.float32(rng.normal(0, 9))
    second = base + rng.normal([12, 0, -14], 14).astype(np.float32)
    ground = blend_colours(value_noise(rng, (height_px, width_px), 3), base, second)
    for _ in range(int(rng.integers(2, 5))):
        _engrave(rng, ground, _guilloche(rng, height_px, width_px))
    if rng.random() < 0.7:
        _engrave(rng, ground, _emblem(rng, height_px, width_px))
    ground += rng.standard_normal((height_px, width_px, 1), np.float32) * np.float32(1.2)
    return ground


def _engrave(rng: np.random.Generator, ground: NDArray[np.float32], coverage: NDArray[np.uint8]) -> None:
    ink = rng.normal([-16, -10, -2], 12).astype(np.float32) * np.float32(rng.uniform(0.4, 1.5))
    table = np.linspace(0, 1, 256, dtype=np.float32)[None, :, None] * ink
    ground += cv2.LUT(cv2.merge([coverage] * 3), table)


def _guilloche(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Bundles of phase-shifted sinusoids, as security printing draws them."""
    coverage = np.zeros((height, width), np.uint8)
    x = np.linspace(0, width, 90)
    amplitude, waves, phase = rng.uniform(0.02, 0.2) * height, rng.uniform(0.5, 5), rng.uniform(0, 6.28)
    count = int(rng.integers(12, 50))
    step = rng.uniform(0.02, 0.4)
    for i in range(count):
        envelope = np.sin(x / width * np.pi * rng.uniform(0.9, 1.1) + step * i)
        y = height * (i + 0.5) / count + amplitude * envelope * np.sin(x / width * 6.28 * waves + phase + step * i)
        points = np.stack([x, y], 1)
        _draw_line(coverage, points, closed=False)
    return coverage


def _draw_line(coverage: NDArray[np.uint8], points: NDArray[np.float64], *, closed: bool) -> None:
    """Draw a fine line through (N, 2) points, to an eighth of a pixel."""
    fixed = np.round(points * 8).astype(np.int32)
    cv2.polylines(coverage, [fixed], isClosed=closed, color=255, thickness=1, lineType=cv2.LINE_AA, shift=3)


def _emblem(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A large faint rosette where the card carries its emblem and map."""
    coverage = np.zeros((height, width), np.uint8)
    centre = np.array([rng.uniform(0.25, 0.6) * width, rng.uniform(0.35, 0.65) * height])
    angle = np.linspace(0, 2 * np.pi, 240)
    points = np.zeros((0, 2))
    petals, size = int(rng.integers(3, 12)), rng.uniform(0.12, 0.35) * height
    for i in range(int(rng.integers(4, 14))):
        radius = size * (0.3 + 0.07 * i) * (1 + rng.uniform(0.05, 0.3) * np.sin(petals * angle + i * 0.3))
        points = centre + np.stack([np.cos(angle) * 1.3, np.sin(angle)], 1) * radius[:, None]
        _draw_line(coverage, points, closed=True)
    if rng.random() < 0.4:
        cv2.fillPoly(coverage, [np.round(centre + (points - centre) * 0.7).astype(np.int32)], 70, cv2.LINE_AA)
    return coverage


def draw_photo(rng: np.random.Generator, card: NDArray[np.float32], box: PhotoBox, odd_birth_year: bool) -> None:
    """Paint the photo with an abstract bust into the card, in place: red ground for odd birth years, else blue."""
    height, width = card.shape[:2]
    left, right = round(box.left * width), round(box.right * width)
    top, bottom = round(box.top * height), round(box.bottom * height)
    panel_height, panel_width = bottom - top, right - left
    panel = np.empty((panel_height, panel_width, 3), np.float32)
    panel[:] = (np.array([190, 32, 38]) if odd_birth_year else np.array([36, 84, 178])) + rng.normal(0, 14, 3)
    panel *= 0.85 + 0.3 * value_noise(rng, (panel_height, panel_width), 2)[..., None]
    _draw_bust(rng, panel)
    if rng.random() < 0.15:  # photocopied or faded portraits
        panel[:] = panel.mean(axis=2, keepdims=True) * 0.8 + 30
    panel = cv2.GaussianBlur(panel, (0, 0), max(0.4, panel_width / 180)).astype(np.float32)
    strength = np.float32(rng.uniform(0.82, 1.0))
    card[top:bottom, left:right] = card[top:bottom, left:right] * (1 - strength) + np.clip(panel, 0, 255) * strength


def _draw_bust(rng: np.random.Generator, panel: NDArray[np.float32]) -> None:
    height, width = panel.shape[:2]
    skin = np.array([196, 150, 118]) * rng.uniform(0.55, 1.15) + rng.normal(0, 8, 3)
    cloth, hair = rng.uniform(20, 235, 3), rng.uniform(10, 60) * np.ones(3)
    x, y = width * rng.uniform(0.44, 0.56), height * rng.uniform(0.38, 0.46)
    head = width * rng.uniform(0.19, 0.25)
    veil = rng.random() < 0.3
    shape = (int(head * 1.25), int(head * 1.55))
    cv2.ellipse(
        panel, (int(x), int(height * 1.02)), (int(width * 0.44), int(height * 0.34)), 0, 180, 360, cloth.tolist(), -1
    )
    cv2.ellipse(panel, (int(x), int(y - head * 0.12)), shape, 0, 0, 360, (cloth if veil else hair).tolist(), -1)
    cv2.rectangle(
        panel,
        (int(x - head * 0.4), int(y)),
        (int(x + head * 0.4), int(y + head * 1.9)),
        (cloth if veil else skin * 0.9).tolist(),
        -1,
    )
    cv2.ellipse(panel, (int(x), int(y + head * 0.12)), (int(head), int(head * 1.3)), 0, 0, 360, skin.tolist(), -1)
    for side in (-1, 1):
        cv2.ellipse(
            panel,
            (int(x + side * head * 0.4), int(y)),
            (int(head * 0.16), int(head * 0.07)),
            0,
            0,
            360,
            (35, 25, 22),
            -1,
        )
    cv2.ellipse(
        panel, (int(x), int(y + head * 0.72)), (int(head * 0.3), int(head * 0.08)), 0, 0, 360, (skin * 0.6).tolist(), -1
    )


def draw_signature(rng: np.random.Generator, ink: NDArray[np.uint8]) -> None:
    """Scribble a signature into the ink coverage under the photo, in place."""
    height, width = ink.shape
    count = int(rng.integers(6, 14))
    x = np.sort(rng.uniform(0.73, 0.96, count)) + rng.normal(0, 0.015, count)
    y = rng.uniform(0.85, 0.965, count)
    control = np.stack([x * width, y * height], 1).astype(np.float32)
    t = np.linspace(0, count - 1, 160)
    smooth = np.stack([np.interp(t, np.arange(count), control[:, i]) for i in (0, 1)], 1)
    kernel = np.hanning(21) / np.hanning(21).sum()
    smooth = np.stack([np.convolve(np.pad(smooth[:, i], 10, mode="edge"), kernel, "valid") for i in (0, 1)], 1)
    thickness = max(1, round(width / 450 * rng.uniform(0.7, 1.6)))
    cv2.polylines(
        ink,
        [np.round(smooth * 8).astype(np.int32)],
        isClosed=False,
        color=255,
        thickness=thickness,
        lineType=cv2.LINE_AA,
        shift=3,
    )
