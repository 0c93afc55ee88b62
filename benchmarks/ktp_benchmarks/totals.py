"""Total degradation: what is known of a photograph's making, added up on one physical scale for all strata.

A ladder adds blur, darkness, light or glare to photographs that have some already: a hard one is noisier and farther
away than a clean one. Totals take that in. On each scale the curve from degradation to reading decides the grey zone:
up to `good_to` reading does not suffer (95 % and more is read of what the unharmed twin lets be read), from `bad_from`
on it really does (75 % and less); between, either answer of a check is right.

The zones of the first four were read off the curves of 129 cards, 43 of each stratum (seeds 7262 to 7267; either half
of them gives nearly the same), before any other seed was judged by them: `benchmarks/quality.py` prints what its own
cards give, and how much better the total tells reading than the added strength alone. The last two are no matter of
reading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.generate import CARD_FRAME_PX, Specimen
from ktp_specimen.ground import CARD_ASPECT
from ktp_specimen.sensor import tone_curve
from ktp_specimen.truth import VALUE_KINDS, CardTruth

__all__ = ["BLUR", "COPYING", "DARKNESS", "GLARE", "LIGHT", "PALENESS", "Total"]

_MOTION_VARIANCE = 0.85 / 12.0
"""Variance of a blur along a path, of its length squared: a straight one has 1 / 12, a bent one less."""

_PIXEL_VARIANCE = 1.0 / 12.0
"""Of a pixel's width squared."""

_ROUNDING_NOISE, _JPEG_NOISE = 0.8, 4.0
"""Noise, grey levels: what 8 bits leave; what JPEG of quality 50 leaves."""

_INK_SHARE, _GROUND_SHARE = 0.1, 0.5
"""Of a line's pixels this share is certainly ink, and more than the other is not."""

_GLARE_LIGHT, _GLARE_LIGHT_LEFT = 0.4, 0.6
"""Under glare there is so much more light than in the unharmed twin: of white, or of what is left to white."""

_GRAIN_PX = 3.0
"""Glare is smooth: grain is averaged away so far, card pixels."""

Measure = Callable[[Specimen, Specimen], float]
"""Tells the total degradation of a photograph, given its unharmed twin too."""


@dataclass(frozen=True, slots=True)
class Total:
    """A physical scale and its grey zone.

    Attributes:
        name: of the scale.
        unit: of its numbers.
        measure: tells where a photograph lies.
        good_to: up to here a check must pass.
        bad_from: from here on it must fail.
        reading_decides: whether the zone comes from the curve of reading.
    """

    name: str
    unit: str
    measure: Measure
    good_to: float
    bad_from: float
    reading_decides: bool = True

    def judge(self, total: float) -> bool | None:
        """Tell whether a photograph is good; None in the grey zone."""
        return True if total <= self.good_to else False if total >= self.bad_from else None


def _blur(shown: Specimen, twin: Specimen) -> float:
    known, pixel = shown.truth.degradation, _pixel_size(shown.truth.cards[0])
    pixels = _PIXEL_VARIANCE * (pixel * known["resample"]) ** 2
    variance = known["blur_card_px"] ** 2 + _MOTION_VARIANCE * known["motion_card_px"] ** 2 + pixels
    return sqrt(variance) * (1.0 + _noise(shown) / _print_contrast(twin))


def _darkness(shown: Specimen, twin: Specimen) -> float:
    return 2.0 * log2(_noise(shown) / _print_contrast(twin)) - shown.truth.degradation["exposure_stops"]


def _light(shown: Specimen, twin: Specimen) -> float:
    ink, _ = _ink_and_ground(twin)
    return shown.truth.degradation["exposure_stops"] + 2.0 * log2(max(float(np.median(ink)), 1.0) / 255.0)


def _glare(shown: Specimen, twin: Specimen) -> float:
    sigma = _GRAIN_PX / _pixel_size(twin.truth.cards[0])
    bright, plain = ((cv2.GaussianBlur(_grey(image), (0, 0), sigma) / 255.0) ** 2 for image in (shown, twin))
    is_lit = bright - plain > np.minimum(_GLARE_LIGHT, _GLARE_LIGHT_LEFT * (1.0 - plain))
    return float(is_lit[_inside(is_lit, _value_quads(twin))].mean())


def _paleness(shown: Specimen, _: Specimen) -> float:
    return 1.0 - shown.truth.degradation["saturation"]


def _copying(shown: Specimen, _: Specimen) -> float:
    return shown.truth.degradation["photocopy"]


BLUR = Total("blur", "px", _blur, 1.37, 1.9)
"""Standard deviation, pixels of a card 640 wide: of defocus, motion and the image's pixels together, and the greater
the more noise there is beside the print's contrast, since noise takes detail as blur does."""

DARKNESS = Total("darkness", "stops", _darkness, -2.6, -0.5)
"""Stops by which noise exceeds the print's contrast: darkness takes contrast and leaves noise."""

LIGHT = Total("light", "stops", _light, -0.5, 0.0)
"""Stops by which the print's ink is brighter than white."""

GLARE = Total("glare", "of the values' area", _glare, 0.02, 0.26)
"""Share of the area of printed values that lies under glare."""

PALENESS = Total("paleness", "of the colour lost", _paleness, 0.31, 1.0, reading_decides=False)
COPYING = Total("photocopy", "of its contrast", _copying, 0.0, 0.05, reading_decides=False)


def _pixel_size(card: CardTruth) -> float:
    """Card pixels in an image pixel, along the side that is seen with fewer."""
    sides = np.linalg.norm(np.roll(card.quad, -1, axis=0) - card.quad, axis=1)
    across, down = sides[::2].mean() / CARD_FRAME_PX, sides[1::2].mean() * CARD_ASPECT / CARD_FRAME_PX
    return 1.0 / float(min(across, down))


def _value_quads(specimen: Specimen) -> list[NDArray[np.float64]]:
    return [line.quad for line in specimen.truth.cards[0].lines if line.kind in VALUE_KINDS]


def _noise(shown: Specimen) -> float:
    """Noise of camera, rounding and compression together, grey levels in a card pixel."""
    known, pixel = shown.truth.degradation, _pixel_size(shown.truth.cards[0])
    quality = min(q for q in (known["jpeg_quality"], known["first_jpeg_quality"]) if q)
    jpeg_noise = _JPEG_NOISE * (2.0 - quality / 50.0)
    return sqrt(known["noise_sigma"] ** 2 * pixel + _ROUNDING_NOISE**2 + jpeg_noise**2)


def _print_contrast(specimen: Specimen) -> float:
    """What ink differs by from the ground, grey levels: the median of the printed values."""
    ink, ground = _ink_and_ground(specimen)
    return max(float(np.median(ground - ink)), 1.0)


def _ink_and_ground(specimen: Specimen) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels of each printed value's ink and of the ground beside it, as they were before the camera's tone curve."""
    known, grey = specimen.truth.degradation, _grey(specimen)
    lines = [grey[_inside(grey, [quad])] for quad in _value_quads(specimen)]
    levels = np.array([np.quantile(pixels, (_INK_SHARE, _GROUND_SHARE)) for pixels in lines if len(pixels)])
    curve = tone_curve(known["gamma"], known["contrast"], known["haze"])
    ink, ground = np.interp(levels, curve, np.arange(len(curve))).T
    return ink, ground


def _grey(specimen: Specimen) -> NDArray[np.float32]:
    encoded = np.frombuffer(specimen.jpeg, np.uint8)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.float32)


def _inside(image: NDArray[np.generic], quads: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    mask = np.zeros(image.shape, np.uint8)
    for quad in quads:
        cv2.fillPoly(mask, [np.round(quad).astype(np.int32)], 1)
    return mask > 0
