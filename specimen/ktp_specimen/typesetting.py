"""Sets text into an ink mask and keeps every line's quad."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ktp_specimen.fonts import load_font
from ktp_specimen.ground import CARD_ASPECT

LINE_MARGIN = 0.12  # of the cap height, around the glyphs, in every line's quad
MEASURING_SIZE_PX = 100
GLUE_GAP = 0.25  # of the cap height: runs closer than this read as one line


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """One line of text on a card.

    Attributes:
        text: as printed; a value carries its colon when that is printed next to it.
        kind: `header`, `label`, `value`, `issue` or `watermark`.
        name: the field the line belongs to, or an empty string.
        quad: (4, 2) float64, card pixels, clockwise from the line's own top left.
    """

    text: str
    kind: str
    name: str
    quad: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PressSettings:
    """How evenly a press prints.

    Attributes:
        stretch: horizontal scale of all glyphs.
        jitter: standard deviation of each line's place, of the card's width (down: half of it, of the height).
        uneven_ink: a line loses up to this share of its ink.
    """

    stretch: float = 1.0
    jitter: float = 0.0
    uneven_ink: float = 0.0


@lru_cache(maxsize=8192)
def _length(font: str, text: str) -> float:
    """Length of a text at an em of 1."""
    return load_font(font, MEASURING_SIZE_PX).getlength(text) / MEASURING_SIZE_PX


class Typesetter:
    """Sets runs of text on one card.

    Attributes:
        ink: (H, W) uint8, the coverage of ink.
        lines: what was set so far, in order.
    """

    def __init__(self, rng: np.random.Generator, width_px: int, press: PressSettings) -> None:
        self.rng, self.press, self.stretch = rng, press, press.stretch
        self.width, self.height = width_px, round(width_px / CARD_ASPECT)
        self.ink = np.zeros((self.height, self.width), np.uint8)
        self.lines: list[PrintedLine] = []
        self.tracking: dict[str, float] = {}  # extra space between letters by font, of the em

    def measure(self, text: str, font: str, em: float) -> float:
        """Width in pixels of a text at an em given as a fraction of the card's height."""
        tracked = _length(font, text) + self.tracking.get(font, 0.0) * len(text)
        return tracked * em * self.height * self.stretch

    def set(self, run: tuple[str, str, str], at: tuple[float, float], font_em: tuple[str, float]) -> float:
        """Set one run with its baseline's left end at `at`; returns the x (fraction) where it ends."""
        text, kind, name = run
        size_px = font_em[1] * self.height
        font = load_font(font_em[0], max(6, round(size_px)))
        scale = size_px / max(6, round(size_px))
        stretch = self.stretch * scale
        cap = -font.getbbox("H0", anchor="ls")[1]
        left, top, right, bottom = font.getbbox(text, anchor="ls")
        spacing = self.tracking.get(font_em[0], 0.0) * size_px / scale
        right += spacing * (len(text) - 1)
        length = font.getlength(text) + spacing * len(text)
        pad = 3
        canvas = Image.new("L", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad))
        pen, at_pen = ImageDraw.Draw(canvas), (pad - left, pad - top)
        if spacing:
            x_pen = at_pen[0]
            for letter in text:
                pen.text((x_pen, at_pen[1]), letter, fill=255, font=font, anchor="ls")
                x_pen += _length(font_em[0], letter) * size_px / scale + spacing
        else:
            pen.text(at_pen, text, fill=255, font=font, anchor="ls")
        jitter = self.rng.normal(0, self.press.jitter + 1e-9, 2) * (1.0, 0.5)
        x, y = (at[0] + jitter[0]) * self.width, (at[1] + jitter[1]) * self.height
        glyphs = np.asarray(canvas)
        if self.press.uneven_ink:
            glyphs = (glyphs * np.float32(1 - self.press.uneven_ink * self.rng.random())).astype(np.uint8)
        self._blend(glyphs, x + (left - pad) * stretch, y + (top - pad) * scale, (stretch, scale))
        margin = LINE_MARGIN * cap * scale
        x0, x1 = x + left * stretch - margin, x + right * stretch + margin
        y0, y1 = y - cap * scale - margin, y + max(0, bottom) * scale + margin
        quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
        if kind == "value" and self.lines and self._glued(quad, cap * scale):
            self.lines.append(PrintedLine(text, kind, name, quad))
            self.join(len(self.lines) - 2)
        else:
            self.lines.append(PrintedLine(text, kind, name, quad))
        return float(at[0] + length * stretch / self.width)

    def _glued(self, quad: NDArray[np.float64], cap_px: float) -> bool:
        last = self.lines[-1].quad
        same_row = abs(last[:, 1].mean() - quad[:, 1].mean()) < 0.5 * cap_px
        return bool(same_row and quad[0, 0] - last[1, 0] < GLUE_GAP * cap_px - 2 * LINE_MARGIN * cap_px)

    def join(self, start: int) -> None:
        """Make one line of the lines from `start` on."""
        parts = self.lines[start:]
        points = np.concatenate([part.quad for part in parts])
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        self.lines[start:] = [PrintedLine(" ".join(part.text for part in parts), parts[-1].kind, parts[-1].name, quad)]

    def _blend(self, mask: NDArray[np.uint8], x: float, y: float, scale: tuple[float, float]) -> None:
        """Lay a glyph mask at a sub-pixel position."""
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        height, width = int(mask.shape[0] * scale[1]) + 2, int(mask.shape[1] * scale[0]) + 2
        move = np.array([[scale[0], 0, x - x0], [0, scale[1], y - y0]])
        laid = cv2.warpAffine(mask, move, (width, height), flags=cv2.INTER_LINEAR)
        x1, y1 = min(x0 + width, self.width), min(y0 + height, self.height)
        if x0 < 0 or y0 < 0 or x1 <= x0 or y1 <= y0:
            return
        target = self.ink[y0:y1, x0:x1]
        np.maximum(target, laid[: y1 - y0, : x1 - x0], out=target)
