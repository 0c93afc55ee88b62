"""What documents other than a KTP are drawn with: tinted sheets, lines of text, rows, barcodes, pictures."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ktp_specimen.fonts import load_font
from ktp_specimen.ground import blend_colours, value_noise

Image = NDArray[np.float32]
Colour = tuple[float, float, float]
SANS, BOLD = "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"
SERIF, MONOSPACED, OCR = "LiberationSerif-Regular.ttf", "LiberationMono-Regular.ttf", "OCRA.ttf"
DARK: Colour = (30.0, 32.0, 38.0)
SIZE_STEP = 1.12  # type sizes are rounded to this ladder, so that a few open fonts serve all pictures


def write(image: Image, at: tuple[float, float], text: str, font: tuple[str, float], colour: Colour) -> float:
    """Write one line in place, its top left at `at` (pixels), by font (name, size in pixels); returns its width."""
    face = _open_rung(font[0], round(float(np.log(max(6.0, font[1])) / np.log(SIZE_STEP))))
    _, _, right, bottom = face.getbbox(text)
    x, y = round(at[0]), round(at[1])
    height, width = image.shape[:2]
    if not text or not (0 <= x < width and 0 <= y < height):
        return float(right)
    canvas = Pillow.new("L", (min(int(right) + 2, width - x), min(int(bottom) + 2, height - y)))
    ImageDraw.Draw(canvas).text((0, 0), text, fill=255, font=face)
    coverage = np.asarray(canvas, np.float32)[..., None] / np.float32(255)
    target = image[y : y + canvas.height, x : x + canvas.width]
    target += coverage * (np.asarray(colour, np.float32) - target)
    return float(right)


@lru_cache(maxsize=512)
def _open_rung(name: str, rung: int) -> ImageFont.FreeTypeFont:
    return load_font(name, round(SIZE_STEP**rung))


def write_centred(image: Image, y: float, text: str, font: tuple[str, float], colour: Colour) -> None:
    """Write one line in place, centred across the picture, smaller where it would not fit."""
    width = write(image[:0], (0, 0), text, font, colour)
    shrunk = font[1] * min(1.0, 0.94 * image.shape[1] / max(1.0, width))
    x = (image.shape[1] - width * shrunk / font[1]) / 2
    write(image, (max(1.0, x), y), text, (font[0], shrunk), colour)


def write_rows(
    image: Image, box: tuple[float, float, float, float], rows: list[tuple[str, str]], ink: Colour, font: str = SANS
) -> None:
    """Write `label : value` rows in place into a box (left, top, right, bottom; pixels), colons below each other."""
    left, top, right, bottom = box
    pitch = (bottom - top) / max(1, len(rows))
    size = min(pitch * 0.8, (right - left) * 0.065)
    gap = 0.36 * (right - left)
    for i, (label, value) in enumerate(rows):
        y = top + pitch * i
        write(image, (left, y), label, (font, size), ink)
        if value:
            write(image, (left + gap, y), f": {value}", (font, size), ink)


def tint(rng: np.random.Generator, shape: tuple[int, int], base: Colour, spread: float) -> Image:
    """A sheet of one colour that drifts by about `spread` grey levels; (H, W, 3) float32."""
    first = np.asarray(base, np.float32)
    second = first + rng.normal(0, spread, 3).astype(np.float32)
    return blend_colours(value_noise(rng, shape, 3), first, second)


def fill(image: Image, box: tuple[float, float, float, float], colour: Colour, thickness: int = -1) -> None:
    """Fill or outline a box (left, top, right, bottom; fractions) in place."""
    height, width = image.shape[:2]
    corner = (round(box[0] * width), round(box[1] * height))
    cv2.rectangle(image, corner, (round(box[2] * width), round(box[3] * height)), colour, thickness)


def draw_barcode(rng: np.random.Generator, image: Image, box: tuple[float, float, float, float], square: bool) -> None:
    """Draw a bar code or a square code in place into a box (fractions)."""
    height, width = image.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    if right - left < 8 or bottom - top < 4:
        return
    cells = rng.random((29, 29) if square else (1, 95)) < 0.5
    if square:
        for y, x in ((0, 0), (0, 22), (22, 0)):
            cells[y : y + 7, x : x + 7] = True
            cells[y + 1 : y + 6, x + 1 : x + 6] = False
            cells[y + 2 : y + 5, x + 2 : x + 5] = True
    bars = cv2.resize(cells.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
    image[top:bottom, left:right] = (250 - 230 * bars)[..., None]


def draw_picture(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Something photographic: soft coloured regions with a few shapes; (H, W, 3) float32."""
    one, two, three = (rng.uniform(0, 255, 3).astype(np.float32) for _ in range(3))
    first, second = value_noise(rng, shape, 3)[..., None], value_noise(rng, shape, 7)[..., None]
    picture = np.ascontiguousarray((one * (1 - first) + two * first) * (1 - second) + three * second)
    for _ in range(int(rng.integers(0, 5))):
        centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        axes = (int(rng.uniform(0.05, 0.35) * shape[1]), int(rng.uniform(0.05, 0.35) * shape[0]))
        colour = rng.uniform(0, 255, 3).tolist()
        cv2.ellipse(picture, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    return picture


def pick_colour(rng: np.random.Generator, options: tuple[Colour, ...]) -> Colour:
    """Draw one of the colours, evenly."""
    return options[int(rng.integers(len(options)))]
