"""How light falls on a scene: fall-off, shade, flickering lamps, vignetting, glare on the card.

Light is linear here: a display value v in [0, 255] stands for v² / 255, which is close to sRGB's curve.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ktp_specimen.camera import Degradation

Image = NDArray[np.float32]
MAP_STEP_PX = 8
"""Light changes slowly: its map is drawn at an eighth of the image's size."""


def light_scene(
    rng: np.random.Generator, scene: Image, quad: NDArray[np.float64] | None, degradation: "Degradation"
) -> tuple[Image, float]:
    """Light a scene.

    Args:
        rng: draws directions and places.
        scene: (H, W, 3) float32 display values in [0, 255].
        quad: (4, 2) the card that glare falls on, or None.
        degradation: strengths.

    Returns:
        Linear light, (H, W, 3) float32, 255 white; and the share of the card on which glare alone exceeds a quarter of
        white, which is where dark ink turns grey.
    """
    height, width = scene.shape[:2]
    small = (max(2, height // MAP_STEP_PX), max(2, width // MAP_STEP_PX))
    gain = _illumination(rng, small, degradation)
    linear: Image = scene * scene
    linear *= cv2.resize(gain / np.float32(255), (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    if not degradation.glare or quad is None:
        return linear, 0.0
    glare = _glare(rng, small, quad / MAP_STEP_PX, degradation.glare_radius) * np.float32(degradation.glare)
    inside = np.zeros(small, np.uint8)
    cv2.fillPoly(inside, [np.round(quad / MAP_STEP_PX).astype(np.int32)], 1)
    area = float(((glare > 0.25) & (inside > 0)).sum() / max(1, int(inside.sum())))
    linear += cv2.resize(glare * np.float32(255), (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return linear, area


def _illumination(rng: np.random.Generator, shape: tuple[int, int], degradation: "Degradation") -> Image:
    """Relative light, 1 usual: fall-off, vignetting, lamps that flicker while the rows are read out, shade."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    x, y = x / shape[1] - 0.5, y / shape[0] - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    gain = 1 + degradation.light_gradient * (np.cos(angle) * x + np.sin(angle) * y)
    gain -= (0.3 * degradation.light_gradient + 2 * degradation.vignetting) * (x * x + y * y)
    if degradation.light_bands:
        rows = y if rng.random() < 0.6 else x  # the sensor's rows run along either side of the picture
        gain *= 1 + degradation.light_bands * np.sin(rows * rng.uniform(8, 60) + rng.uniform(0, 6.28))
    if degradation.shadow:
        gain *= 1 - degradation.shadow * _cast_shadow(rng, shape)
    return np.asarray(np.clip(gain, 0.02, None), np.float32)


def _cast_shadow(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """A half plane, band or a phone's outline with a soft or hard edge; (H, W) float32 in [0, 1]."""
    height, width = shape
    mask = np.zeros(shape, np.float32)
    centre = rng.uniform(0.1, 0.9, 2) * (width, height)
    direction = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(direction), np.sin(direction)]), np.array([-np.sin(direction), np.cos(direction)])
    kind = rng.random()
    reach = float(max(shape)) * (2 if kind < 0.85 else rng.uniform(0.2, 0.5))
    depth = reach if kind < 0.55 else rng.uniform(0.1, 0.5) * max(shape)
    bend = rng.normal(0, 0.06, 6) * max(shape)
    steps = np.linspace(-reach, reach, 6)
    edge = [centre + along * s + across * b for s, b in zip(steps, bend, strict=True)]
    far = [point + across * depth for point in reversed(edge)]
    cv2.fillPoly(mask, [np.round(np.array(edge + far)).astype(np.int32)], 1.0, cv2.LINE_AA)
    softness = max(0.5, float(np.exp(rng.uniform(np.log(0.003), np.log(0.06)))) * max(shape))
    return cv2.GaussianBlur(mask, (0, 0), softness).astype(np.float32)


def _glare(rng: np.random.Generator, shape: tuple[int, int], quad: NDArray[np.float64], size: float) -> Image:
    """A lamp's mirror image: a bright core (round, oval or a tube's stripe) with a halo; peak 1."""
    u0, v0 = rng.uniform(0.05, 0.95, 2)
    centre = quad[0] + (quad[1] - quad[0]) * u0 + (quad[3] - quad[0]) * v0
    radius = size * float(np.linalg.norm(quad[1] - quad[0]))
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    angle = rng.uniform(0, np.pi)
    stretch = rng.uniform(1, 1.8) if rng.random() < 0.7 else rng.uniform(2.5, 5)
    u = (np.cos(angle) * dx + np.sin(angle) * dy) / (radius * stretch)
    v = (-np.sin(angle) * dx + np.cos(angle) * dy) / (radius / stretch**0.5)
    distance = u * u + v * v
    sharpness = rng.uniform(1.0, 4.0)
    return np.asarray(np.exp(-np.minimum(distance**sharpness, 60)) * 0.8 + 0.2 * np.exp(-distance / 4), np.float32)
