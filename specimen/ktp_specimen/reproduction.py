"""Cards that are not there themselves: photocopies, printed halftones, and screens photographed again."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.pose import homography
from ktp_specimen.sensor import LUMINANCE

Image = NDArray[np.float32]


def copy_card(rng: np.random.Generator, pixels: Image, contrast: float) -> Image:
    """Photocopy or scan a card in black and white.

    Args:
        rng: draws toner, dirt and where the ground drops out to white.
        pixels: (H, W, 3) float32 RGB in [0, 255].
        contrast: 0 a grey scan to 1 nearly two tones.
    """
    grey = pixels @ LUMINANCE
    middle = float(np.percentile(grey, 60)) * rng.uniform(0.68, 0.92)
    toned = np.clip(150 + (grey - np.float32(middle)) * np.float32(1 + 3.5 * contrast), 12, 246)
    height, width = grey.shape
    for _ in range(int(rng.uniform(0, 40 * contrast + 2))):  # dirt on the glass
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(toned, centre, max(1, round(width * rng.uniform(0.0005, 0.002))), float(rng.uniform(20, 120)), -1)
    if rng.random() < 0.2:  # a streak of the drum
        x = int(rng.integers(width))
        toned[:, x : x + max(1, width // 300)] *= np.float32(rng.uniform(0.6, 0.95))
    return np.repeat(toned.astype(np.float32)[..., None], 3, axis=2)


def print_halftone(rng: np.random.Generator, pixels: Image, strength: float) -> Image:
    """Screen a card into dots of ink at three angles, as printers do; `strength` in [0, 1] mixes it with the original.

    The screen has 90 to 180 lines an inch, on a card 3.37 inches wide.
    """
    height, width = pixels.shape[:2]
    period = width / (3.37 * rng.uniform(90, 180))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dots = np.empty_like(pixels)
    for channel, degrees in enumerate((15.0, 75.0, 45.0)):
        turn, scale = np.radians(degrees), np.float32(2 * np.pi / period)
        along = (np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y) * scale
        across = (np.float32(np.cos(turn)) * y - np.float32(np.sin(turn)) * x) * scale
        dots[..., channel] = np.cos(along) + np.cos(across)
    # A dot's threshold swings about the tone; a soft step keeps the tone on the average.
    screened = np.clip(128 + (pixels - 128 + 55 * dots) * np.float32(1.6), 15, 245)
    return np.asarray(pixels + np.float32(strength) * (screened - pixels), np.float32)


def light_screen(rng: np.random.Generator, scene: Image, quad: NDArray[np.float64], strength: float) -> None:
    """Show what lies inside a quad on a screen of red, green and blue stripes, in place.

    The stripes are sampled at the camera's pixels: finer than two pixels they alias to moiré.

    Args:
        rng: draws the screen's pixel pitch and its angle to the card.
        scene: (H, W, 3) float32 RGB in [0, 255].
        quad: the screen, scene pixels.
        strength: depth of the grid, [0, 1].
    """
    height, width = scene.shape[:2]
    low = np.clip(np.floor(quad.min(0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(quad.max(0)), 0, (width, height)).astype(int)
    if (high <= low).any():
        return
    pitch_px = float(np.exp(rng.uniform(np.log(0.75), np.log(4.5))))
    length = float(np.linalg.norm(quad[1] - quad[0]))
    tilt = rng.normal(0, 0.01)  # the photo on the screen was itself a little turned
    across_count, down_count = length / pitch_px, float(np.linalg.norm(quad[3] - quad[0])) / pitch_px
    to_screen = np.linalg.inv(homography(quad, (1000, 1000)))
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    w = np.float32(to_screen[2, 0]) * x + np.float32(to_screen[2, 1]) * y + np.float32(to_screen[2, 2])
    u, v = (
        (np.float32(row[0]) * x + np.float32(row[1]) * y + np.float32(row[2])) / w / np.float32(1000)
        for row in to_screen[:2]
    )
    mask = ((u > 0) & (u < 1) & (v > 0) & (v < 1)).astype(np.float32)
    columns = (u + np.float32(tilt) * v) * np.float32(2 * np.pi * across_count)
    rows = (v - np.float32(tilt) * u) * np.float32(2 * np.pi * down_count)
    # A camera pixel averages over its own area: fine grids lose depth.
    depth = np.float32(strength * np.sinc(min(0.9, 0.5 / pitch_px)))
    window = scene[low[1] : high[1], low[0] : high[0]]
    line = 1 + 0.25 * depth * np.cos(rows)
    for channel in range(3):
        stripes = 1 + 0.55 * depth * np.cos(columns - np.float32(2 * np.pi * channel / 3))
        window[..., channel] *= 1 + mask * (stripes * line - 1)
    window += mask[..., None] * (np.array([4, 8, 16], np.float32) * np.float32(strength))  # black glows
