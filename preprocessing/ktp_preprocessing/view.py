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

_COLOUR_HALVING_COUNT = 3
_COLOUR_CENTRE, _COLOUR_SCALE = 0.04, 0.004
"""Spread of chromaticity that scores 0.5, and the step around it."""


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
    small = halve(card_pixels, _COLOUR_HALVING_COUNT)[2:-2, 2:-2].reshape(-1, 3).astype(np.float64)
    lit = small[small.max(axis=1) > 24.0]  # darker places hold noise only
    lit = lit[lit.max(axis=1) < 235.0]  # beyond, a clipped channel changes the hue of white itself
    if len(lit) < len(small) // 10:
        return 1.0
    shares = lit / lit.sum(axis=1, keepdims=True)
    spread = float(np.hypot(*np.subtract(*np.percentile(shares[:, [0, 2]], [97.0, 3.0], axis=0))))
    return float(1.0 / (1.0 + np.exp(np.clip((_COLOUR_CENTRE - spread) / _COLOUR_SCALE, -50.0, 50.0))))
