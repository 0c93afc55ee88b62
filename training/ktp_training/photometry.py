"""Light, lens and sensor variations, applied to crops while training (the pool already carries a camera's own)."""

import cv2
import numpy as np
from numpy.typing import NDArray


def vary_tone(pixels: NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0) -> NDArray[np.uint8]:
    """Change contrast, brightness and gamma: any (..., C) uint8 shape, one lookup table."""
    gamma = np.exp(rng.normal(0.0, 0.2 * strength))
    contrast = np.exp(rng.normal(0.0, 0.2 * strength))
    brightness = rng.normal(0.0, 18.0 * strength)
    levels = 255.0 * (np.arange(256) / 255.0) ** gamma
    table = np.clip((levels - 128.0) * contrast + 128.0 + brightness, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), table))


def vary_colour(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change white balance and saturation of (H, W, 3) uint8 RGB; one image in ten becomes grey (a photocopy)."""
    if rng.random() < 0.1:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    mix = np.eye(3) * rng.uniform(0.5, 1.3)
    mix += (1 - mix[0, 0]) / 3
    mix *= np.exp(rng.normal(0.0, 0.07, 3))[:, None]
    return np.asarray(cv2.transform(pixels, mix), dtype=np.uint8)


def add_noise(pixels: NDArray[np.uint8], rng: np.random.Generator, largest_sigma: float) -> NDArray[np.uint8]:
    """Add Gaussian sensor noise of a random strength."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(1.0, largest_sigma)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def blur(pixels: NDArray[np.uint8], rng: np.random.Generator, largest_sigma: float) -> NDArray[np.uint8]:
    """Blur by defocus (Gaussian) or by motion along one axis."""
    if rng.random() < 0.75:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, largest_sigma)), dtype=np.uint8)
    length = int(rng.integers(2, 4))
    size = (length, 1) if rng.random() < 0.5 else (1, length)
    return np.asarray(cv2.blur(pixels, size), dtype=np.uint8)


def compress(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Encode as JPEG of quality 30 to 90 and decode again; grey or RGB."""
    flag = cv2.IMREAD_GRAYSCALE if pixels.ndim == 2 else cv2.IMREAD_COLOR
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])[1]
    return np.asarray(cv2.imdecode(encoded, flag), dtype=np.uint8)


def lose_resolution(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shrink and enlarge again, as a card far away or a resampled upload shows it."""
    height_px, width_px = pixels.shape[:2]
    scale = rng.uniform(0.45, 0.9)
    small = (max(2, round(width_px * scale)), max(2, round(height_px * scale)))
    shrunk = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width_px, height_px), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def add_gradient(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay a linear light or shadow gradient over a grey crop (H, W)."""
    height_px, width_px = pixels.shape[:2]
    across = np.linspace(rng.normal(0, 30), rng.normal(0, 30), width_px, dtype=np.float32)
    down = np.linspace(rng.normal(0, 12), rng.normal(0, 12), height_px, dtype=np.float32)
    return np.clip(pixels + across[None] + down[:, None], 0, 255).astype(np.uint8)


def erase_strip(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint a thin streak (scratch, glint, watermark stroke) over a grey crop: the text stays readable."""
    height_px, width_px = pixels.shape[:2]
    start = (int(rng.integers(0, width_px)), int(rng.integers(0, height_px)))
    reach = int(rng.integers(8, 60))
    angle = rng.uniform(0, 2 * np.pi)
    stop = (int(start[0] + reach * np.cos(angle)), int(start[1] + reach * np.sin(angle)))
    painted = pixels.copy()
    cv2.line(painted, start, stop, int(rng.integers(0, 256)), int(rng.integers(1, 3)), cv2.LINE_AA)
    return painted
