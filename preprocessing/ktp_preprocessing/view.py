"""How a card was photographed and what of it: advisory checks beside the quality of the picture itself.

Each gives a score, a threshold and advice, as quality does; none refuses an image by itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.pose import CardPose
from ktp_preprocessing.quality import QualityScore, judge
from ktp_preprocessing.sampling import halve

__all__ = ["ViewReport", "ViewThresholds", "assess_view"]

_WORST_HIDDEN_SHARE = 0.1
"""Share of the card outside the image that scores 0: print begins about 4 % inside the card."""

_WORST_TILT_DEGREES = 90.0
"""A tilt of half of it scores 0.5: print is then seen at 70 % of its width or height."""

_COLOUR_HALVING_COUNT = 4
"""Cells of 16 px: noise and the fringes that a camera leaves along print average out."""

_UNLIT_LEVEL, _CLIPPED_LEVEL = 24.0, 245.0
"""Cells whose brightest channel lies between have a colour: darker ones hold noise only, and beyond, a clipped channel
changes the hue of white itself."""

_COLOURED_SHARE_MIN = 0.3
"""Where fewer of the cells have a colour, nothing is said of it: what is left may be a grey photo and print alone."""

_SHADE_SHARE = 0.4
"""Cells darker than this share of the median cell are left out too: haze gives black another colour than the light."""

_COLOUR_CENTRE, _COLOUR_SCALE = 0.0245, 0.002
"""Spread of chromaticity that scores 0.5, and the step around it. Of 209 copies and grey pictures 207 have less, of 875
coloured ones, degraded in all ways and from two renderers, 852 have more; the others are four stops too dark and more,
or cards with a grey photo."""


@dataclass(frozen=True, slots=True)
class ViewThresholds:
    """Lowest scores that pass, 0 to 1 each.

    Attributes:
        completeness: raise it to refuse cards of which less is out of the frame; 0.8 is 2 % of the card.
        tilt: raise it to refuse cards seen less from the side; 0.5 is 45 degrees.
        colour: raise it to refuse paler pictures with black-and-white copies.
    """

    completeness: float = 0.8
    tilt: float = 0.5
    colour: float = 0.5


@dataclass(frozen=True, slots=True)
class ViewReport:
    """How one card was photographed.

    Attributes:
        completeness: low when a part of the card is out of the frame.
        tilt: low when the card is seen from the side.
        colour: low for photocopies and pictures without colour.
    """

    completeness: QualityScore
    tilt: QualityScore
    colour: QualityScore


def assess_view(
    outline: CardOutline, pose: CardPose, card_pixels: NDArray[np.uint8], thresholds: ViewThresholds | None
) -> ViewReport:
    """Assess how a card was photographed.

    Args:
        outline: where it lies.
        pose: how it is turned before the camera.
        card_pixels: (416, 640, 3) uint8 RGB, the card frame.
        thresholds: lowest scores that pass; the defaults where None.

    Returns:
        Scores with advice.
    """
    limits = thresholds if thresholds is not None else ViewThresholds()
    hidden_share = 1.0 - outline.visible_share
    return ViewReport(
        completeness=judge(
            float(np.clip(1.0 - hidden_share / _WORST_HIDDEN_SHARE, 0.0, 1.0)),
            limits.completeness,
            "a part of the card is out of the picture: show all four corners",
        ),
        tilt=judge(
            float(np.clip(1.0 - pose.tilt_degrees / _WORST_TILT_DEGREES, 0.0, 1.0)),
            limits.tilt,
            "the card is seen from the side: hold the camera right above it",
        ),
        colour=judge(
            _score_colour(card_pixels),
            limits.colour,
            "the picture has no colour: photograph the card, not a copy of it",
        ),
    )


def _score_colour(card_pixels: NDArray[np.uint8]) -> float:
    """Score how much chromaticity varies over the card; a tint of the light is the same all over and counts nothing."""
    cells = halve(card_pixels, _COLOUR_HALVING_COUNT)[1:-1, 1:-1].reshape(-1, 3).astype(np.float32)
    brightest = cells.max(axis=1)
    lit = cells[(brightest > _UNLIT_LEVEL) & (brightest < _CLIPPED_LEVEL)]
    if len(lit) < _COLOURED_SHARE_MIN * len(cells):
        return 1.0
    levels = lit.sum(axis=1)
    shares = (lit / levels[:, None])[levels > _SHADE_SHARE * np.median(levels)]
    spread = float(np.hypot(*np.subtract(*np.percentile(shares[:, [0, 2]], [95.0, 5.0], axis=0))))
    return float(1.0 / (1.0 + np.exp(np.clip((_COLOUR_CENTRE - spread) / _COLOUR_SCALE, -50.0, 50.0))))
