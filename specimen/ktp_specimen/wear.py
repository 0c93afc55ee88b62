"""What happens to a printed card: worn ink, scratches, bubbles, stains, a hologram, notices written across a copy."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ktp_specimen.fonts import load_font
from ktp_specimen.ground import value_noise
from ktp_specimen.names import compose_word, pick
from ktp_specimen.typesetting import PrintedLine

Image = NDArray[np.float32]
NOTICES = (
    "UNTUK VERIFIKASI",
    "HANYA UNTUK KYC",
    "Untuk pembukaan rekening",
    "COPY",
    "FOTOKOPI",
    "FOTOKOPI KTP",
    "Untuk verifikasi data",
    "SPECIMEN",
    "UNTUK KYC {}",
    "Hanya untuk {}",
    "KHUSUS PENGAJUAN KREDIT",
    "Tidak untuk disebarluaskan",
    "UNTUK {} {:02d}-{:02d}-20{:02d}",
)


@dataclass(frozen=True, slots=True)
class Wear:
    """How a card has aged.

    Attributes:
        rubbed: share of the ink rubbed off where it is rubbed, [0, 1].
        scratches: number of light or dark hairlines.
        bubbles: number of bubbles in the lamination.
        stains: number of smears, dirt or fingerprints.
        yellowing: how far the lamination has yellowed or bleached, [-1, 1].
        hologram: opacity of an iridescent patch, 0 none.
        notice: text written across a copy, "" none.
        notice_count: how many times it is written.
    """

    rubbed: float = 0.0
    scratches: int = 0
    bubbles: int = 0
    stains: int = 0
    yellowing: float = 0.0
    hologram: float = 0.0
    notice: str = ""
    notice_count: int = 1


def draw_wear(rng: np.random.Generator, variety: float) -> Wear:
    """Draw how a card has aged; `variety` in [0, 1] scales how likely each sign of age is."""

    def chance(probability: float) -> bool:
        return bool(rng.random() < probability * variety)

    return Wear(
        rubbed=float(rng.uniform(0.1, 0.6)) if chance(0.35) else 0.0,
        scratches=int(rng.integers(1, 14)) if chance(0.3) else 0,
        bubbles=int(rng.integers(1, 9)) if chance(0.1) else 0,
        stains=int(rng.integers(1, 6)) if chance(0.2) else 0,
        yellowing=float(rng.uniform(-1, 1)) if chance(0.4) else 0.0,
        hologram=float(rng.uniform(0.1, 0.35)) if chance(0.2) else 0.0,
        notice=_compose_notice(rng) if rng.random() < 0.16 * max(0.0, variety - 0.3) else "",
        notice_count=int(rng.integers(2, 6)) if rng.random() < 0.3 else 1,
    )


def _compose_notice(rng: np.random.Generator) -> str:
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(15, 27)
    return pick(rng, NOTICES, None).format(compose_word(rng), day, month, year)


def wear_ink(rng: np.random.Generator, ink: NDArray[np.uint8], boldness: float, rubbed: float) -> Image:
    """Thicken or thin strokes and rub ink off.

    Args:
        rng: draws where.
        ink: (H, W) uint8 coverage.
        boldness: above 0 thicker, below 0 thinner strokes, about [-1, 1].
        rubbed: share of ink lost where it is rubbed.

    Returns:
        (H, W) float32 coverage in [0, 1].
    """
    coverage = ink.astype(np.float32) / np.float32(255)
    if boldness:
        soft = cv2.GaussianBlur(coverage, (0, 0), ink.shape[1] / 1600)
        gain = np.float32(1.0 + abs(boldness))
        coverage = np.clip(soft * gain - (0 if boldness > 0 else (gain - 1) * np.float32(0.8)), 0, 1)
    if rubbed:
        fine = cv2.resize(rng.random((160, 250), dtype=np.float32), ink.shape[::-1], interpolation=cv2.INTER_LINEAR)
        where = value_noise(rng, (ink.shape[0], ink.shape[1]), int(rng.integers(3, 12)))
        coverage *= np.clip(1.0 - rubbed * (fine > 0.5) * fine * (0.3 + where), 0, 1)
    return coverage.astype(np.float32)


def age_surface(rng: np.random.Generator, card: Image, wear: Wear) -> None:
    """Age the lamination of a card, (H, W, 3) float32 RGB in [0, 255], in place."""
    if wear.yellowing:
        tone = np.array([1.0, 0.995, 0.9] if wear.yellowing > 0 else [1.06, 1.05, 1.04], np.float32)
        card *= 1 + np.float32(abs(wear.yellowing)) * (tone - 1)
    if wear.hologram:
        _lay_hologram(rng, card, wear.hologram)
    for _ in range(wear.stains):
        _lay_stain(rng, card)
    for _ in range(wear.bubbles):
        _lay_bubble(rng, card)
    for _ in range(wear.scratches):
        _scratch(rng, card)


def _lay_hologram(rng: np.random.Generator, card: Image, opacity: float) -> None:
    height, width = card.shape[:2]
    centre, size = rng.uniform(0.2, 0.8, 2) * (width, height), rng.uniform(0.1, 0.3) * width
    low = np.clip(centre - 1.4 * size, 0, None).astype(int)
    window = card[low[1] : int(centre[1] + 1.4 * size), low[0] : int(centre[0] + 1.4 * size)]
    y, x = np.mgrid[0 : window.shape[0], 0 : window.shape[1]].astype(np.float32)
    distance = np.hypot(x + np.float32(low[0] - centre[0]), y + np.float32(low[1] - centre[1])) / np.float32(size)
    phase = distance * np.float32(rng.uniform(2, 12)) + value_noise(rng, (window.shape[0], window.shape[1]), 3) * 4
    rainbow = 150 + 90 * np.stack([np.cos(phase), np.cos(phase + 2.1), np.cos(phase + 4.2)], -1)
    window += np.clip(1.4 - distance, 0, 1)[..., None] * np.float32(opacity) * (rainbow - window)


def _lay_stain(rng: np.random.Generator, card: Image) -> None:
    """Dirt, a greasy smear or the ridges of a fingerprint; text stays readable through it."""
    height, width = card.shape[:2]
    size = int(rng.uniform(0.05, 0.2) * width)
    left, top = int(rng.uniform(0, width - size)), int(rng.uniform(0, max(1, height - size)))
    window = card[top : top + size, left : left + size]
    y, x = np.mgrid[0 : window.shape[0], 0 : window.shape[1]].astype(np.float32) / np.float32(size) - 0.5
    distance = x * x / np.float32(rng.uniform(0.1, 0.25)) + y * y / np.float32(rng.uniform(0.05, 0.25))
    opacity = np.clip(1 - distance, 0, 1) * value_noise(rng, (window.shape[0], window.shape[1]), 6)
    if rng.random() < 0.4:
        ridges = np.hypot(x + rng.normal(0, 0.1), y + rng.normal(0, 0.1)) * rng.uniform(60, 120)
        opacity *= 0.5 + 0.5 * np.sin(ridges + 4 * x)
    colour = np.float32(rng.choice((235.0, 110.0, 70.0)))
    window += (opacity * np.float32(rng.uniform(0.1, 0.5)))[..., None] * (colour - window)


def _lay_bubble(rng: np.random.Generator, card: Image) -> None:
    """An air bubble under the lamination: a bright and a dark rim, the inside a little lighter."""
    height, width = card.shape[:2]
    centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    radius = rng.uniform(0.004, 0.03) * width
    axes = (max(2, int(radius * rng.uniform(0.7, 1.6))), max(2, int(radius)))
    low = (max(0, centre[0] - 3 * axes[0]), max(0, centre[1] - 3 * axes[1]))
    window = card[low[1] : centre[1] + 3 * axes[1], low[0] : centre[0] + 3 * axes[0]]
    at = (centre[0] - low[0], centre[1] - low[1])
    mask = np.zeros(window.shape[:2], np.float32)
    cv2.ellipse(mask, at, axes, rng.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.7, 0.15 * radius))
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) + cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    window += (soft * 12 + slope * np.float32(rng.uniform(8, 40)))[..., None]


def _scratch(rng: np.random.Generator, card: Image) -> None:
    height, width = card.shape[:2]
    start = rng.uniform(0, 1, 2) * (width, height)
    end = start + rng.normal(0, 0.25, 2) * width
    low = np.clip(np.minimum(start, end) - 4, 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.maximum(start, end) + 5, low + 1, (width, height)).astype(int)
    window = card[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(window.shape[:2], np.uint8)
    middle = (start + end) / 2 + rng.normal(0, 0.01, 2) * width
    path = np.round((np.stack([start, middle, end]) - low) * 8).astype(np.int32)
    thickness = max(1, round(width * rng.uniform(0.0008, 0.002)))
    cv2.polylines(mask, [path], isClosed=False, color=255, thickness=thickness, lineType=cv2.LINE_AA, shift=3)
    shade = np.float32(rng.choice((245.0, 90.0)))
    window += (mask.astype(np.float32) / np.float32(255 / rng.uniform(0.1, 0.6)))[..., None] * (shade - window)


def write_notice(rng: np.random.Generator, pixels: Image, wear: Wear, font_name: str) -> list[PrintedLine]:
    """Write a translucent notice across a copy of the card, in place, once or several times."""
    height, width = pixels.shape[:2]
    size = rng.uniform(0.06, 0.12) if wear.notice_count == 1 else rng.uniform(0.04, 0.06)
    font = load_font(font_name, round(height * size))
    left, top, right, bottom = font.getbbox(wear.notice, anchor="ls")
    canvas = Pillow.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), wear.notice, fill=255, font=font, anchor="ls")
    glyphs, middle = np.asarray(canvas), (canvas.width / 2, canvas.height / 2)
    corners = np.array([[0, 0], [canvas.width, 0], [canvas.width, canvas.height], [0, canvas.height]], np.float64)
    degrees, scale = rng.uniform(-8, 42), min(1.0, 0.85 * width / canvas.width)
    colour = np.asarray(((90, 90, 90), (190, 30, 30), (30, 60, 160), (250, 250, 250))[int(rng.integers(4))], np.float32)
    opacity = np.float32(rng.uniform(0.15, 0.5))
    lines = []
    for i in range(wear.notice_count):
        turn = np.asarray(cv2.getRotationMatrix2D(middle, degrees, scale), np.float64)
        share = 0.5 if wear.notice_count == 1 else 0.15 + 0.7 * i / (wear.notice_count - 1)
        turn[:, 2] += np.array([rng.uniform(0.4, 0.6) * width, (share + rng.uniform(-0.05, 0.05)) * height]) - middle
        stamped = cv2.warpAffine(glyphs, turn, (width, height)).astype(np.float32)
        pixels += (stamped * (opacity / np.float32(255)))[..., None] * (colour - pixels)
        lines.append(PrintedLine(wear.notice, "watermark", "", corners @ turn[:, :2].T + turn[:, 2]))
    return lines
