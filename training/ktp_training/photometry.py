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


def defocus(pixels: NDArray[np.uint8], rng: np.random.Generator, largest_radius_px: float) -> NDArray[np.uint8]:
    """Blur by a disc, the image of a point out of focus; any (H, W[, C])."""
    radius = rng.uniform(0.5, largest_radius_px)
    reach = int(np.ceil(radius))
    offsets = np.arange(-reach, reach + 1)
    distance = np.hypot(offsets[:, None], offsets[None])
    kernel = np.clip(radius + 0.5 - distance, 0.0, 1.0)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), dtype=np.uint8)


def move(pixels: NDArray[np.uint8], rng: np.random.Generator, longest_px: float) -> NDArray[np.uint8]:
    """Blur along a straight path of any direction, as a shaking hand does; any (H, W[, C])."""
    length, angle = rng.uniform(1.0, longest_px), rng.uniform(0.0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    for step in np.linspace(-length / 2, length / 2, 9):
        x, y = reach + step * np.cos(angle), reach + step * np.sin(angle)
        column, row = int(x), int(y)
        right, down = x - column, y - row
        kernel[row, column] += (1 - right) * (1 - down)
        kernel[row, column + 1] += right * (1 - down)
        kernel[row + 1, column] += (1 - right) * down
        kernel[row + 1, column + 1] += right * down
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), dtype=np.uint8)


def sharpen(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay the bright and dark halos of a phone's sharpening around edges (unsharp mask); any (H, W[, C])."""
    smooth = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.8, 2.0))
    amount = rng.uniform(0.3, 1.6)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, smooth, -amount, 0.0), dtype=np.uint8)


def add_grating(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Modulate brightness by a sine grating: moiré of a photographed screen, halftone, a guilloche ground; (H, W)."""
    height_px, width_px = pixels.shape[:2]
    angle, period_px = rng.uniform(0.0, np.pi), np.exp(rng.uniform(np.log(2.2), np.log(24.0)))
    along = np.cos(angle) * np.arange(width_px)[None] + np.sin(angle) * np.arange(height_px)[:, None]
    wave = np.sin(2 * np.pi * along / period_px + rng.uniform(0, 2 * np.pi)) * rng.uniform(3.0, 18.0)
    return np.clip(pixels + wave, 0, 255).astype(np.uint8)


def wear(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Fade ink in blotches: dark pixels move towards the ground's brightness; (H, W)."""
    height_px, width_px = pixels.shape[:2]
    coarse = rng.random((max(2, height_px // 8), max(2, width_px // 8)), dtype=np.float32)
    blotches = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    fading = np.clip(blotches * rng.uniform(0.3, 1.1), 0.0, 0.75)
    ground = float(np.percentile(pixels, 80))
    return np.clip(pixels + fading * np.maximum(ground - pixels, 0.0), 0, 255).astype(np.uint8)


def add_glare(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay a soft bright spot over a part: the text under it stays just readable; (H, W)."""
    height_px, width_px = pixels.shape[:2]
    x, y = rng.uniform(0, width_px), rng.uniform(0, height_px)
    across = (np.arange(width_px)[None] - x) / (height_px * rng.uniform(0.6, 3.0))
    down = (np.arange(height_px)[:, None] - y) / (height_px * rng.uniform(0.5, 1.5))
    light = np.exp(-(across**2 + down**2)) * rng.uniform(0.3, 0.8)
    return np.clip(pixels + light * (255.0 - pixels), 0, 255).astype(np.uint8)


def vary_photo(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Show (H, W, 3) RGB as other cameras, lights and copies would: every effect with a probability of its own."""
    if rng.random() < 0.5:
        pixels = vary_tone(pixels, rng)
    if rng.random() < 0.5:
        pixels = vary_colour(pixels, rng)
    if rng.random() < 0.15:
        pixels = cast_shade(pixels, rng)
    if rng.random() < 0.1:
        pixels = add_spot(pixels, rng)
    if rng.random() < 0.1:
        pixels = add_moire(pixels, rng)
    if rng.random() < 0.05:
        pixels = photocopy(pixels, rng)
    if rng.random() < 0.2:
        pixels = blur(pixels, rng, 1.5)
    if rng.random() < 0.12:
        pixels = sharpen(pixels, rng)
    if rng.random() < 0.3:
        pixels = add_noise(pixels, rng, 10.0)
    if rng.random() < 0.15:
        pixels = compress(pixels, rng)
    return pixels


def cast_shade(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Darken what lies on one side of a straight, soft shadow edge; (H, W, 3)."""
    height_px, width_px = pixels.shape[:2]
    angle = rng.uniform(0.0, 2 * np.pi)
    x = np.arange(width_px, dtype=np.float32)[None] - rng.uniform(0.15, 0.85) * width_px
    y = np.arange(height_px, dtype=np.float32)[:, None] - rng.uniform(0.15, 0.85) * height_px
    softness = width_px * rng.uniform(0.003, 0.06)
    lit = np.clip((np.cos(angle) * x + np.sin(angle) * y) / softness, -0.5, 0.5) + 0.5
    return np.asarray(pixels * (1 - rng.uniform(0.2, 0.6) * (1 - lit))[..., None], dtype=np.uint8)


def add_spot(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay a soft bright spot, as lamination mirrors a lamp; what is under it stays just visible; (H, W, 3)."""
    height_px, width_px = pixels.shape[:2]
    reach_px = height_px * rng.uniform(0.08, 0.4, 2)
    x = (np.arange(width_px, dtype=np.float32) - rng.uniform(0, width_px)) / reach_px[0]
    y = (np.arange(height_px, dtype=np.float32) - rng.uniform(0, height_px)) / reach_px[1]
    light = np.exp(-(y**2))[:, None] * np.exp(-(x**2))[None] * rng.uniform(0.3, 0.7)
    return np.asarray(pixels + light[..., None] * (255.0 - pixels), dtype=np.uint8)


def add_moire(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Overlay a photographed screen's coloured stripes: one grating, out of step in the three colours; (H, W, 3)."""
    height_px, width_px = pixels.shape[:2]
    angle, period_px = rng.uniform(0.0, np.pi), np.exp(rng.uniform(np.log(2.3), np.log(40.0)))
    x, y = np.arange(width_px, dtype=np.float32)[None], np.arange(height_px, dtype=np.float32)[:, None]
    bend = rng.uniform(-0.3, 0.3) * (x / width_px) * (y / height_px) * width_px
    phase = (np.cos(angle) * x + np.sin(angle) * y + bend) * np.float32(2 * np.pi / period_px)
    steps = rng.uniform(0, 2 * np.pi) + rng.uniform(0.0, 1.5) * np.arange(3)
    waves = np.stack([np.sin(phase + np.float32(step)) for step in steps], -1)
    return np.clip(pixels + waves * rng.uniform(3.0, 20.0), 0, 255).astype(np.uint8)


def photocopy(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Show (H, W, 3) as a copier prints it: grey, steep, with specks of toner."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dark, bright = np.percentile(grey[::4, ::4], [2, 90])
    middle = dark + rng.uniform(0.35, 0.75) * (bright - dark)
    copied = 255.0 / (1 + np.exp((middle - grey) / max(4.0, (bright - dark) * rng.uniform(0.06, 0.25))))
    specks = rng.random(grey.shape, dtype=np.float32) < rng.uniform(0.0, 0.003)
    copied[specks] = rng.uniform(0, 120)
    return np.repeat(copied.astype(np.uint8)[..., None], 3, axis=2)
