"""Ladders of known physical degradation: the same scene photographed worse and worse in one respect.

What a step means is physical: lengths are pixels of a card 640 wide, as in the reader's card frame; light is in stops.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ktp_benchmarks.totals import BLUR, COPYING, DARKNESS, GLARE, LIGHT, PALENESS, Total
from ktp_specimen.camera import Degradation

__all__ = ["LADDERS", "Ladder", "unharmed"]

_HARMLESS_BLUR_PX = 0.6
_LEAST_SATURATION = 0.7
_LAMP = 1.2
"""Peak of the lamp's mirror image, in units of white: print under it is gone."""

_DISC_RADIUS = 2.0
"""Radius of an out-of-focus disc over the standard deviation that the renderer is given."""

Step = Callable[[Degradation, float, float], Degradation]
"""Worsens conditions: these, image pixels in a card-frame pixel, and the ladder's strength."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """How a photograph gets worse.

    Attributes:
        name: of the degradation.
        attribute: the check that must tell it.
        unit: of the strengths.
        strengths: what is tried, rising; 0, the unharmed photograph, is part of every ladder.
        step: makes the conditions.
        total: the scale on which its photographs are judged.
    """

    name: str
    attribute: str
    unit: str
    strengths: tuple[float, ...]
    step: Step
    total: Total


def unharmed(conditions: Degradation, scale: float) -> Degradation:
    """Give conditions without what the ladders look at; noise, tone, compression and the like stay as they were drawn.

    Args:
        conditions: as drawn.
        scale: image pixels in a card-frame pixel.
    """
    return replace(
        conditions,
        blur_sigma_px=min(conditions.blur_sigma_px, _HARMLESS_BLUR_PX * scale),
        motion_px=0.0,
        glare=0.0,
        exposure_stops=0.0,
        saturation=max(conditions.saturation, _LEAST_SATURATION),
        photocopy=0.0,
        halftone=0.0,
        screen=0.0,
    )


def _defocus(conditions: Degradation, scale: float, radius_px: float) -> Degradation:
    return replace(conditions, blur_sigma_px=radius_px / _DISC_RADIUS * scale)


def _shake(conditions: Degradation, scale: float, length_px: float) -> Degradation:
    return replace(conditions, motion_px=length_px * scale)


def _darken(conditions: Degradation, _: float, stops: float) -> Degradation:
    return replace(conditions, exposure_stops=-stops)


def _brighten(conditions: Degradation, _: float, stops: float) -> Degradation:
    return replace(conditions, exposure_stops=stops)


def _dazzle(conditions: Degradation, _: float, radius: float) -> Degradation:
    return replace(conditions, glare=_LAMP, glare_radius=radius)


def _bleach(conditions: Degradation, _: float, share: float) -> Degradation:
    return replace(conditions, saturation=1.0 - share)


def _copy(conditions: Degradation, _: float, contrast: float) -> Degradation:
    return replace(conditions, photocopy=contrast)


LADDERS = (
    Ladder("defocus", "sharpness", "px radius", (1.0, 2.0, 2.5, 3.0, 4.0, 5.0), _defocus, BLUR),
    Ladder("motion", "sharpness", "px length", (2.0, 4.0, 6.0, 8.0, 11.0), _shake, BLUR),
    Ladder("too dark", "brightness", "stops less", (2.0, 4.0, 5.0, 6.0, 7.0, 8.0), _darken, DARKNESS),
    Ladder("too bright", "brightness", "stops more", (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5), _brighten, LIGHT),
    Ladder("glare", "specularity", "card widths radius", (0.03, 0.06, 0.1, 0.15, 0.2, 0.25), _dazzle, GLARE),
    Ladder("pale", "colour", "of the colour lost", (0.3, 0.6, 0.9, 1.0), _bleach, PALENESS),
    Ladder("photocopy", "colour", "of its contrast", (0.05, 0.3, 0.6), _copy, COPYING),
)
