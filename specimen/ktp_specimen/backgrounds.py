"""Procedural surfaces for cards to lie on: (H, W, 3) float32 RGB in [0, 255]."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.fonts import STANDARD, load_font
from ktp_specimen.ground import blend_colours, value_noise

Image = NDArray[np.float32]
PHOTOS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "page.png",
    "rocket.jpg",
    "text.png",
)
OUT_OF_FOCUS = 0.6
"""Share of surfaces drawn at half the size: what lies behind a card is seldom as sharp, and it is much faster."""
Surface = Callable[[np.random.Generator, tuple[int, int]], Image]


def draw_background(rng: np.random.Generator, shape: tuple[int, int], training: bool) -> Image:
    """Draw a random surface of (height, width), sometimes two of them meeting at an edge; in training also photos."""
    photos = find_photos() if training else ()
    if photos and rng.random() < 0.25:
        return _crop_photo(rng, photos[int(rng.integers(len(photos)))], shape)
    if rng.random() < OUT_OF_FOCUS:
        half = _draw_surface(rng, (shape[0] // 2, shape[1] // 2))
        return np.asarray(cv2.resize(half, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return _draw_surface(rng, shape)


def _draw_surface(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    surface = SURFACES[int(rng.integers(len(SURFACES)))](rng, shape)
    if rng.random() < 0.25:
        other = SURFACES[int(rng.integers(len(SURFACES)))](rng, shape)
        mask = np.zeros(shape, np.uint8)
        centre, angle = rng.uniform(0.15, 0.85, 2) * (shape[1], shape[0]), rng.uniform(0, 2 * np.pi)
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        reach = 3 * max(shape)
        corners = [
            centre - along * reach,
            centre + along * reach,
            centre + along * reach + across * reach,
            centre - along * reach + across * reach,
        ]
        cv2.fillPoly(mask, [np.round(np.array(corners)).astype(np.int32)], 1, cv2.LINE_AA)
        surface = np.where(mask[..., None] > 0, other, surface)
    return np.clip(surface, 0, 255)


@lru_cache(maxsize=1)
def find_photos() -> tuple[Path, ...]:
    """Freely licensed photographs that an installed scikit-image carries (public domain or CC0); none without it."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        return ()
    folder = Path(package.origin).parent / "data"
    return tuple(path for name in PHOTOS if (path := folder / name).is_file())


@lru_cache(maxsize=16)
def _read_photo(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def _crop_photo(rng: np.random.Generator, path: Path, shape: tuple[int, int]) -> Image:
    """A random part of a photograph, turned, mirrored and tinted, enlarged to (height, width)."""
    photo = _read_photo(path)
    share = rng.uniform(0.4, 1.0)
    height, width = (round(side * share) for side in photo.shape[:2])
    top, left = int(rng.integers(photo.shape[0] - height + 1)), int(rng.integers(photo.shape[1] - width + 1))
    part = np.rot90(photo[top : top + height, left : left + width], int(rng.integers(4)))
    enlarged = cv2.resize(np.ascontiguousarray(part), shape[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float32)
    tinted: Image = enlarged * rng.uniform(0.6, 1.2, 3).astype(np.float32) + np.float32(rng.normal(0, 15))
    return np.clip(tinted, 0, 255)


def _colour(rng: np.random.Generator) -> Image:
    """A plausible surface colour: mostly muted, sometimes vivid, sometimes black or white."""
    grey = rng.uniform(8, 250)
    spread = rng.choice((6.0, 25.0, 70.0), p=(0.4, 0.4, 0.2))
    return np.clip(grey + rng.normal(0, spread, 3), 2, 253).astype(np.float32)


def _plain(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    colour = _colour(rng)
    return blend_colours(value_noise(rng, shape, 2), colour, colour + rng.normal(0, 12, 3).astype(np.float32))


def _clouds(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Several octaves of noise: carpet, stone, leather."""
    blend = np.zeros(shape, np.float32)
    cells = int(rng.integers(3, 12))
    for octave in range(int(rng.integers(2, 6))):
        blend += value_noise(rng, shape, cells * 2**octave) * np.float32(0.5 ** (octave * rng.uniform(0.3, 1.0)))
    blend = (blend - blend.min()) / max(1e-6, float(np.ptp(blend)))
    return blend_colours(blend, _colour(rng), _colour(rng))


def _wood(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    height, width = shape
    stretched = cv2.resize(value_noise(rng, (max(2, height // 2), max(2, width // 24)), 6), (width, height))
    grain = 0.5 + 0.5 * np.sin(stretched * rng.uniform(10, 60) + value_noise(rng, shape, 4) * 6)
    base = np.array([rng.uniform(60, 200)] * 3) * (1.0, rng.uniform(0.65, 0.9), rng.uniform(0.35, 0.75))
    wood = blend_colours(
        grain.astype(np.float32), base.astype(np.float32), (base * rng.uniform(0.6, 0.95)).astype(np.float32)
    )
    if rng.random() < 0.5:  # gaps between planks
        for y in np.arange(rng.uniform(0, height * 0.3), height, height * rng.uniform(0.15, 0.4)):
            cv2.line(wood, (0, int(y)), (width, int(y)), (base * 0.4).tolist(), max(1, height // 300))
    return wood if rng.random() < 0.5 else _turned(wood, shape)


def _turned(image: Image, shape: tuple[int, int]) -> Image:
    return cv2.resize(np.ascontiguousarray(image.transpose(1, 0, 2)), shape[::-1]).astype(np.float32)


def _weave(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Cloth, batik-like stripes and checks."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.006, 0.08) * shape[1]
    u, v = np.cos(angle) * x + np.sin(angle) * y, -np.sin(angle) * x + np.cos(angle) * y
    waves = np.sin(u / period * 6.28) + (np.sin(v / period * 6.28) if rng.random() < 0.6 else 0)
    blend = np.clip(waves * rng.uniform(0.5, 4) * 0.5 + 0.5, 0, 1).astype(np.float32)
    blend = blend * 0.9 + 0.1 * value_noise(rng, shape, 200)
    return blend_colours(blend, _colour(rng), _colour(rng))


def _tiles(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    image = _clouds(rng, shape) * 0.25 + _colour(rng) * 0.75
    joint, size = _colour(rng).tolist(), rng.uniform(0.12, 0.5) * shape[1]
    thickness = max(1, int(shape[1] * rng.uniform(0.002, 0.01)))
    image = np.ascontiguousarray(image, np.float32)
    for x in np.arange(rng.uniform(0, size), shape[1], size):
        cv2.line(image, (int(x), 0), (int(x + rng.normal(0, 0.02) * size), shape[0]), joint, thickness, cv2.LINE_AA)
    for y in np.arange(rng.uniform(0, size), shape[0], size):
        cv2.line(image, (0, int(y)), (shape[1], int(y)), joint, thickness, cv2.LINE_AA)
    return image


def _page(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """A printed or handwritten page, a form, a keyboard's rows: text-like clutter."""
    image = np.full((*shape, 3), _colour(rng) if rng.random() < 0.3 else rng.uniform(190, 250, 3), np.float32)
    ink = rng.uniform(10, 120, 3).tolist()
    pitch = max(8, int(shape[0] * rng.uniform(0.02, 0.06)))
    if rng.random() < 0.5:
        draw_paragraph(rng, image, (0, 0, shape[1], shape[0]), pitch)
        return image
    for y in range(pitch, shape[0], pitch):
        if rng.random() < 0.12:
            continue
        x = int(rng.uniform(0, 0.1) * shape[1])
        while x < shape[1] * rng.uniform(0.7, 1.0):
            length = int(pitch * rng.uniform(0.6, 4))
            cv2.rectangle(image, (x, y), (x + length, y + int(pitch * 0.45)), ink, -1 if rng.random() < 0.8 else 1)
            x += length + int(pitch * 0.5)
    return image


def draw_paragraph(rng: np.random.Generator, image: Image, box: tuple[int, int, int, int], pitch_px: int) -> None:
    """Fill a box (left, top, right, bottom) of an image with lines of invented words, in place."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    left, top, right, bottom = box
    canvas = Pillow.new("L", (max(1, right - left), max(1, bottom - top)))
    draw, font = ImageDraw.Draw(canvas), load_font(STANDARD.text[0][0], max(7, int(pitch_px * 0.62)))
    letters = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    for y in range(int(pitch_px * 0.2), canvas.height - pitch_px, pitch_px):
        words = (
            "".join(rng.choice(letters, int(rng.integers(2, 10)))) for _ in range(1 + canvas.width // (pitch_px * 4))
        )
        draw.text((pitch_px * 0.4, y), " ".join(words), fill=255, font=font)
    coverage = (np.asarray(canvas, np.float32) / 255)[..., None]
    target = image[top:bottom, left:right]
    target += coverage * (rng.uniform(10, 110, 3).astype(np.float32) - target)


def _gradient(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """A strong fall-off, as a dark room behind a card held up to the camera."""
    ramp = np.linspace(0, 1, shape[1], dtype=np.float32)[None] * np.ones((shape[0], 1), np.float32)
    return blend_colours(np.clip(ramp * rng.uniform(0.5, 2), 0, 1), _colour(rng), _colour(rng)) + value_noise(
        rng, shape, 90
    )[..., None] * np.float32(rng.uniform(0, 15))


def _clutter(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Boxes, discs and sticks lying about."""
    image = np.ascontiguousarray(_clouds(rng, shape))
    for _ in range(int(rng.integers(4, 25))):
        centre, size = rng.uniform(0, 1, 2) * (shape[1], shape[0]), rng.uniform(0.02, 0.35) * shape[1]
        colour = _colour(rng).tolist()
        if rng.random() < 0.5:
            box = cv2.boxPoints((tuple(centre), (size, size * rng.uniform(0.1, 1)), rng.uniform(0, 180)))
            cv2.fillPoly(image, [np.round(box).astype(np.int32)], colour, cv2.LINE_AA)
        else:
            cv2.ellipse(
                image,
                np.round(centre).astype(int).tolist(),
                (int(size / 2), int(size * rng.uniform(0.1, 0.5))),
                rng.uniform(0, 180),
                0,
                360,
                colour,
                -1,
                cv2.LINE_AA,
            )
    return image


SURFACES: tuple[Surface, ...] = (
    _plain,
    _plain,
    _clouds,
    _clouds,
    _wood,
    _wood,
    _weave,
    _tiles,
    _page,
    _gradient,
    _clutter,
)
