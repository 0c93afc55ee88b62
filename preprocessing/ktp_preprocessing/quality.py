"""Image quality assessment (IQA) of the upright card: sharpness, brightness, specularity.

Each attribute is measured on what every card has, so that its own content does not matter: sharpness on the strongest
edges only, brightness as print against noise where values begin, specularity as blown-out areas where values are
printed, or that hide a side. Measures are physical (blur in card-frame pixels, print over noise, share of the area or
of a side); a score maps one onto [0, 1], and 0.5 lies where reading goes from unharmed (95 % of the fields) to harmed
(75 %). The numbers were settled on photographs of 129 drawn cards, ever more degraded (seeds 7262 to 7267);
`benchmarks/quality.py` measures others.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.rectify import CARD_FRAME_MARGIN_PX, CARD_FRAME_SIZE_PX
from ktp_preprocessing.sampling import halve
from ktp_preprocessing.sharpness import blur_sigma_px

__all__ = ["QualityReport", "QualityScore", "QualityThresholds", "assess_quality", "judge"]

_UNREADABLE_BLUR_PX = 2.5
"""Blur, card-frame pixels, that scores 0 where print is much stronger than noise: hardly a field is read there. Half of
its variance, a score of 0.5, lies between the blur that leaves reading unharmed and the one that harms it."""

_NOISE_BLUR = 1.0
"""Noise counts as blur, since each takes detail: blur is multiplied by 1 + this over the strength of print."""

_LEAST_STRENGTH = 0.1
_CLEAR_STRENGTH = 7.5
"""Strength of print, in units of noise, that scores 1. Darkness alone harms no reading, noise does: at half of it, a
score of 0.5, whole fields begin to be lost."""

_NOISE_FLOOR = 0.75
"""Noise, in grey levels, that compression and rounding leave in the quietest picture."""

_INK_REACH_PX, _INK_SIGMA_PX = 11, 0.8
"""Strokes are narrower than this; print is looked at as softly as a reader does, so that grain is no print."""

_INK_SHARE, _GROUND_SHARE = 0.1, 0.4
"""Shares of the values' column that print certainly covers, and ground."""

_FINE_LEVELS = 64
"""Steps of a grey level: in a dark picture print and grain are a few levels deep."""

_LAPLACIAN_GAIN = 0.6745 * 20.0**0.5
"""Median absolute Laplacian of white noise with standard deviation 1 (weights 4 and four times -1)."""

_VALUE_COLUMN = (0.26, 0.24, 0.4, 0.9)
"""Where every value begins, so that print is never far: left, top, right, bottom as fractions of the card."""

_WASHED_LEVEL, _WASHED_NOISE = 230, 3.2
"""Ground from this level on is near the end of the scale: strokes are thinned there, and noise is cut off with the
light, so that at least this much of it, grey levels, is taken for granted."""

_GLARE_LEVEL, _BLOWN_OUT_LEVEL = 236.0, 253.0
_GLARE_EXCESS = 15.0
_UNLIT_SHARE, _WHITE_LEVEL = 0.15, 250.0
"""Glare is brighter than the ground where no glare is, or blown out, and leaves at least this share of the card. Where
even that part of the card is white, the whole card is too bright, which is no glare."""

_WORST_GLARE_SHARE = 0.16
"""Blown-out share of the values' places that scores 0. Up to half of it, hardly a field is lost."""

_HIDDEN_SHARE = 0.7
"""Light hides a place of the card's side where this share of the pixels before it, and behind it, is blown out."""

_SMALLEST_GLARE_SHARE = 0.0015
_GLARE_HALVING_COUNT = 2
_GLARE_CELL_PX = 2**_GLARE_HALVING_COUNT

_DROWNED_CONTRAST = 28
_DROWNED_LEVEL = 150
"""Print is drowned in light where nothing nearby is darker than this, and the lightest pixel there is by less than this
contrast lighter than the darkest; elsewhere it is legible through the reflection."""

_DROWNED_HALVING_COUNT = 1
_PRINT_REACH_PX = 9
"""Neighbourhood in which print shows, halved pixels: about one text row."""

_BEND_STEP, _LEVEL_STEP, _SIDE_STEP = 2, 4, 4
"""Every so many rows and columns are enough to tell noise, the median of grey levels, and light along a side."""

_PHOTO_LEFT, _PHOTO_TOP, _PHOTO_BOTTOM = 0.70, 0.22, 0.77
"""The photo panel, as fractions of the card: dark hair and white shirts there say nothing about the light."""


_VALUE_BOXES = (
    (0.25, 0.04, 0.75, 0.16),  # province and regency
    (0.26, 0.24, 0.45, 0.92),  # values
    (0.45, 0.24, 0.68, 0.45),  # long ones, the NIK's end, the blood type
    (0.72, 0.78, 0.96, 0.88),  # place and date of issue
)
"""Where a KTP's values are printed: left, top, right, bottom as fractions of the card. Glare on the photo, on labels or
on blank ground costs no field: labels are told by their rows."""


@dataclass(frozen=True, slots=True)
class QualityThresholds:
    """Lowest scores that pass, 0 to 1 each.

    Attributes:
        sharpness: raise it to refuse softer images.
        brightness: raise it to refuse darker and more washed-out images.
        specularity: raise it to refuse smaller glare spots.
    """

    sharpness: float = 0.5
    brightness: float = 0.5
    specularity: float = 0.5


@dataclass(frozen=True, slots=True)
class QualityScore:
    """One attribute.

    Attributes:
        score: 0 (unusable) to 1 (faultless).
        threshold: lowest score that passes.
        passed: score >= threshold.
        reason: what a person can do about it, one plain sentence; empty where it passed.
    """

    score: float
    threshold: float
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class QualityReport:
    """All attributes of one card.

    Attributes:
        sharpness: low when out of focus, shaken, or too far away.
        brightness: low when too dark or too bright.
        specularity: low when a lamp or the sky is mirrored in the card, or hides one of its sides.
        glare_quads: (N, 4, 2) float64 rectangles around blown-out areas, in any direction, card-frame pixels, clockwise
            from the top left.
        blur_px: blur as a Gaussian's standard deviation in card-frame pixels.
    """

    sharpness: QualityScore
    brightness: QualityScore
    specularity: QualityScore
    glare_quads: NDArray[np.float64] = field(repr=False)
    blur_px: float


def assess_quality(card_pixels: NDArray[np.uint8], thresholds: QualityThresholds | None = None) -> QualityReport:
    """Assess a card's image quality.

    Args:
        card_pixels: (416, 640, 3) uint8 RGB, the card frame.
        thresholds: lowest scores that pass; the defaults where None.

    Returns:
        Scores with advice.
    """
    limits = thresholds if thresholds is not None else QualityThresholds()
    margin_x_px, margin_y_px = CARD_FRAME_MARGIN_PX
    card = card_pixels[margin_y_px:-margin_y_px, margin_x_px:-margin_x_px]
    grey = np.asarray(cv2.cvtColor(card, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    is_washed = _median_level(grey) >= _WASHED_LEVEL
    strength = _print_strength(grey, _WASHED_NOISE if is_washed else _NOISE_FLOOR)
    blur_px = blur_sigma_px(grey)
    lost_detail_px = blur_px * (1.0 + _NOISE_BLUR / max(strength, _LEAST_STRENGTH))
    sharpness = float(np.clip(1.0 - (lost_detail_px / _UNREADABLE_BLUR_PX) ** 2, 0.0, 1.0))
    brightness = min(strength / _CLEAR_STRENGTH, 1.0)
    drowned, unlit_level = _find_drowned(grey)
    share, glare_quads = _find_glare(card, drowned, unlit_level)
    # A side that cannot be seen may lie elsewhere, and what it cuts off under the same light.
    hidden = _find_hidden_side(card_pixels) if unlit_level < _WHITE_LEVEL else 0.0
    specularity = float(np.clip(1.0 - max(share / _WORST_GLARE_SHARE, hidden), 0.0, 1.0))
    light = "the card is too bright: reduce light or exposure" if is_washed else "the card is too dark: add light"
    return QualityReport(
        sharpness=judge(sharpness, limits.sharpness, "the card is blurred: hold still, focus on it, move closer"),
        brightness=judge(brightness, limits.brightness, light),
        specularity=judge(
            specularity, limits.specularity, "light is mirrored in the card: tilt it or move away from the lamp"
        ),
        glare_quads=glare_quads,
        blur_px=blur_px,
    )


def judge(score: float, threshold: float, reason: str) -> QualityScore:
    """Compare a score with its threshold.

    Args:
        score: 0 to 1.
        threshold: lowest score that passes.
        reason: advice for a score below it.
    """
    passed = score >= threshold
    return QualityScore(score, threshold, passed, "" if passed else reason)


def _photo_panel(height_px: int, width_px: int) -> NDArray[np.bool_]:
    """Where the photo is: (H, W) bool."""
    panel = np.zeros((height_px, width_px), dtype=np.bool_)
    panel[int(_PHOTO_TOP * height_px) : int(_PHOTO_BOTTOM * height_px), int(_PHOTO_LEFT * width_px) :] = True
    return panel


def _boxes(boxes: tuple[tuple[float, float, float, float], ...], height_px: int, width_px: int) -> NDArray[np.bool_]:
    """What lies in boxes, given as fractions: (H, W) bool."""
    inside = np.zeros((height_px, width_px), dtype=np.bool_)
    for left, top, right, bottom in boxes:
        inside[int(top * height_px) : int(bottom * height_px), int(left * width_px) : int(right * width_px)] = True
    return inside


def _median_level(grey: NDArray[np.uint8]) -> float:
    """Median grey level of the card beside the photo."""
    sample = grey[::_LEVEL_STEP, ::_LEVEL_STEP]
    return float(np.median(sample[~_photo_panel(*sample.shape)]))


def _noise_level(grey: NDArray[np.uint8]) -> float:
    """Standard deviation of the noise, grey levels; print and ground structure leave the median alone."""
    bends = np.abs(cv2.Laplacian(grey, cv2.CV_16S)[1:-1:_BEND_STEP, 1:-1:_BEND_STEP])
    shares = np.cumsum(np.bincount(bends.ravel())) / bends.size
    # A bend of n stands for n - 0.5 to n + 0.5: in quiet pictures the median lies between few values.
    median = float(np.interp(0.5, np.concatenate([[0.0], shares]), np.arange(len(shares) + 1) - 0.5))
    return max(median, 0.0) / _LAPLACIAN_GAIN


def _print_strength(grey: NDArray[np.uint8], least_noise: float) -> float:
    """Contrast of print to the ground where values begin, in units of noise, of which there is some always."""
    height, width = grey.shape
    left, top, right, bottom = _VALUE_COLUMN
    column = grey[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
    soft = cv2.GaussianBlur(column.astype(np.uint16) * _FINE_LEVELS, (0, 0), _INK_SIGMA_PX)
    depth = cv2.morphologyEx(soft, cv2.MORPH_BLACKHAT, np.ones((_INK_REACH_PX, _INK_REACH_PX), dtype=np.uint8))
    # Grain that a camera has smoothed shows in no single pixel, but as deep as itself between letters.
    ink, grain = np.quantile(depth, (1.0 - _INK_SHARE, _GROUND_SHARE)) / _FINE_LEVELS
    return float(ink / np.hypot(max(grain, _noise_level(grey)), least_noise))


def _find_drowned(grey: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], float]:
    """Find cells around which light leaves no print, (H / 4, W / 4) bool, and the ground's level beside glare."""
    size = grey.shape[1] // _GLARE_CELL_PX, grey.shape[0] // _GLARE_CELL_PX
    small, reach = halve(grey, _DROWNED_HALVING_COUNT), np.ones((_PRINT_REACH_PX, _PRINT_REACH_PX), dtype=np.uint8)
    darkest, lightest = cv2.erode(small, reach), cv2.dilate(small, reach)
    is_drowned = (cv2.subtract(lightest, darkest) < _DROWNED_CONTRAST) & (darkest >= _DROWNED_LEVEL)
    cells = np.asarray(cv2.resize(is_drowned.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0
    ground = np.asarray(lightest)[::_PRINT_REACH_PX, ::_PRINT_REACH_PX]
    return cells, float(np.quantile(ground[~_photo_panel(*ground.shape)], _UNLIT_SHARE))


def _find_glare(
    card: NDArray[np.uint8], drowned: NDArray[np.bool_], unlit_level: float
) -> tuple[float, NDArray[np.float64]]:
    """Find blown-out areas: their share of the values' places, and (N, 4, 2) quads in card-frame pixels."""
    height, width = drowned.shape
    red, green, blue = cv2.split(halve(card, _GLARE_HALVING_COUNT))
    lowest = cv2.min(cv2.min(red, green), blue)
    bright = np.asarray(lowest) >= max(_GLARE_LEVEL, min(unlit_level + _GLARE_EXCESS, _BLOWN_OUT_LEVEL))
    bright &= (unlit_level < _WHITE_LEVEL) & drowned & ~_photo_panel(height, width)
    closed = cv2.morphologyEx(bright.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), dtype=np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    areas = stats[:, cv2.CC_STAT_AREA]
    spots = [number for number in range(1, count) if areas[number] >= _SMALLEST_GLARE_SHARE * bright.size]
    corners = np.array([_enclose(np.asarray(labels == number)) for number in spots]).reshape(-1, 4, 2)
    quads = corners * _GLARE_CELL_PX + np.array(CARD_FRAME_MARGIN_PX) - 0.5
    share = float(np.isin(labels, spots)[_boxes(_VALUE_BOXES, height, width)].mean())
    return share, np.clip(quads, -0.5, np.array(CARD_FRAME_SIZE_PX) - 0.5)


def _find_hidden_side(card_pixels: NDArray[np.uint8]) -> float:
    """Share of the side that light hides most of, blown out within the card and beyond."""
    margin_x_px, margin_y_px = CARD_FRAME_MARGIN_PX
    lying = card_pixels.transpose(1, 0, 2)
    return max(
        *(
            _hidden_share(strip[: 2 * margin_y_px, margin_x_px:-margin_x_px])
            for strip in (card_pixels, card_pixels[::-1])
        ),
        *(_hidden_share(strip[: 2 * margin_x_px, margin_y_px:-margin_y_px]) for strip in (lying, lying[::-1])),
    )


def _hidden_share(strip: NDArray[np.uint8]) -> float:
    """Share of the length of a strip, (2 W, L, 3) with the side in its middle, along which light hides the side."""
    places = np.ascontiguousarray(strip[:, ::_SIDE_STEP])
    is_blown_out = np.asarray(cv2.inRange(places, (_BLOWN_OUT_LEVEL,) * 3, (255.0,) * 3)) > 0
    beyond, within = (half.mean(axis=0) >= _HIDDEN_SHARE for half in np.split(is_blown_out, 2))
    return float((beyond & within).mean())


def _enclose(spot: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Smallest rectangle in any direction around the set cells: (4, 2), clockwise from the top left."""
    centre, size, degrees = cv2.minAreaRect(np.argwhere(spot)[:, ::-1].astype(np.float32) + 0.5)
    box = cv2.boxPoints((centre, (size[0] + 1.0, size[1] + 1.0), degrees)).astype(np.float64)
    return np.roll(box, -int(box.sum(axis=1).argmin()), axis=0)
