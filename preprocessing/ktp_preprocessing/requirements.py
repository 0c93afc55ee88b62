"""Requirements on an image and on the card in it: bounds, each with an action.

The defaults are the job API's: a file of 100 KB to 2 MB, an image of at least 300 x 400 and below 4000 x 3000 pixels in
either orientation, a camera above 2 megapixels, JPEG quality 80 or better, a card of at least 300 x 400 pixels.
"""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.decode import DecodedImage, DecodeLimits
from ktp_preprocessing.geometry import side_lengths

__all__ = [
    "Requirement",
    "RequirementAction",
    "RequirementReport",
    "RequirementRule",
    "RequirementRules",
    "check_card_size",
    "check_requirements",
]

DECODE_CEILING = DecodeLimits(
    max_bytes=32 * 1024 * 1024, min_short_px=1, min_long_px=1, below_short_px=7000, below_long_px=9000
)
"""What is decoded where a rule only warns: 63 megapixels, 32 MiB; any picture of a phone's camera passes."""


class RequirementAction(StrEnum):
    """What a failed rule leads to."""

    REJECT = "REJECT"
    WARN = "WARN"


@dataclass(frozen=True, slots=True)
class RequirementRule:
    """One bound.

    Attributes:
        threshold: in the rule's own unit: bytes, pixels, megapixels, JPEG quality.
        action: what a failure leads to.
    """

    threshold: float
    action: RequirementAction


@dataclass(frozen=True, slots=True)
class RequirementRules:
    """All bounds.

    A rule's name says how it binds: what is measured must reach a `_min`, must not exceed a `_max`, and must stay below
    a `_below`.

    Attributes:
        file_size_min: bytes; smaller files are usually thumbnails or were compressed by a messenger.
        file_size_max: bytes.
        short_side_min: pixels of the image's shorter side.
        long_side_min: pixels of the image's longer side.
        short_side_below: pixels of the image's shorter side.
        long_side_below: pixels of the image's longer side.
        megapixels_min: millions of pixels.
        jpeg_quality_min: 1 to 100, estimated; does not apply to other formats.
        card_short_side_min: pixels of the card's shorter sides in the source image.
        card_long_side_min: pixels of the card's longer sides in the source image.
    """

    file_size_min: RequirementRule = RequirementRule(100 * 1024, RequirementAction.WARN)
    file_size_max: RequirementRule = RequirementRule(2 * 1024 * 1024, RequirementAction.REJECT)
    short_side_min: RequirementRule = RequirementRule(300, RequirementAction.REJECT)
    long_side_min: RequirementRule = RequirementRule(400, RequirementAction.REJECT)
    short_side_below: RequirementRule = RequirementRule(3000, RequirementAction.REJECT)
    long_side_below: RequirementRule = RequirementRule(4000, RequirementAction.REJECT)
    megapixels_min: RequirementRule = RequirementRule(2.0, RequirementAction.WARN)
    jpeg_quality_min: RequirementRule = RequirementRule(80, RequirementAction.WARN)
    card_short_side_min: RequirementRule = RequirementRule(300, RequirementAction.REJECT)
    card_long_side_min: RequirementRule = RequirementRule(400, RequirementAction.REJECT)

    def decode_limits(self) -> DecodeLimits:
        """Derive the decoder's limits: what would be rejected is never decoded, what only warns is.

        Returns:
            The limits; where a rule warns, the ceiling of what is decoded at all.

        Raises:
            ValueError: a bound is not positive, or beyond what can be decoded.
        """
        ceiling = DECODE_CEILING
        return DecodeLimits(
            max_bytes=_limit(self.file_size_max, ceiling.max_bytes),
            min_short_px=_limit(self.short_side_min, ceiling.min_short_px),
            min_long_px=_limit(self.long_side_min, ceiling.min_long_px),
            below_short_px=_limit(self.short_side_below, ceiling.below_short_px),
            below_long_px=_limit(self.long_side_below, ceiling.below_long_px),
        )


@dataclass(frozen=True, slots=True)
class Requirement:
    """One bound and how an image meets it.

    Attributes:
        name: the rule's name.
        threshold: the bound, in the rule's unit.
        measured: what was measured, in the same unit; None where the rule does not apply.
        passed: the bound is met, or does not apply.
        action: what a failure leads to.
    """

    name: str
    threshold: float
    measured: float | None
    passed: bool
    action: RequirementAction


@dataclass(frozen=True, slots=True)
class RequirementReport:
    """Every requirement that was checked, in the order of the rules."""

    requirements: tuple[Requirement, ...]

    @property
    def rejections(self) -> tuple[Requirement, ...]:
        """The failed requirements whose action is to reject."""
        return tuple(item for item in self.requirements if not item.passed and item.action is RequirementAction.REJECT)

    @property
    def warnings(self) -> tuple[Requirement, ...]:
        """The failed requirements whose action is to warn."""
        return tuple(item for item in self.requirements if not item.passed and item.action is RequirementAction.WARN)


def check_requirements(image: DecodedImage, rules: RequirementRules | None = None) -> RequirementReport:
    """Check a decoded image against the rules on files and images.

    Args:
        image: the image.
        rules: the bounds; the defaults where None.

    Returns:
        One requirement per rule except those on the card.
    """
    height_px, width_px = image.pixels.shape[:2]
    short_px, long_px = min(width_px, height_px), max(width_px, height_px)
    measured = {
        "file_size_min": float(image.size_bytes),
        "file_size_max": float(image.size_bytes),
        "short_side_min": float(short_px),
        "long_side_min": float(long_px),
        "short_side_below": float(short_px),
        "long_side_below": float(long_px),
        "megapixels_min": width_px * height_px / 1e6,
        "jpeg_quality_min": None if image.jpeg_quality is None else float(image.jpeg_quality),
    }
    return _report(measured, rules if rules is not None else RequirementRules())


def check_card_size(quad: NDArray[np.float64], rules: RequirementRules | None = None) -> RequirementReport:
    """Check how many source pixels a card has.

    Args:
        quad: (4, 2) float64 corners in source pixels.
        rules: the bounds; the defaults where None.

    Returns:
        One requirement per rule on the card. Opposite sides, which perspective makes unequal, are averaged.
    """
    sides = side_lengths(quad)
    extents = sorted((float(sides[0] + sides[2]) / 2.0, float(sides[1] + sides[3]) / 2.0))
    measured: dict[str, float | None] = {"card_short_side_min": extents[0], "card_long_side_min": extents[1]}
    return _report(measured, rules if rules is not None else RequirementRules())


def _report(measured: dict[str, float | None], rules: RequirementRules) -> RequirementReport:
    """Compare measurements with their rules, in the order of the rules."""
    requirements = []
    for field in fields(rules):
        if field.name not in measured:
            continue
        rule: RequirementRule = getattr(rules, field.name)
        value = measured[field.name]
        passed = value is None or _meets(field.name, value, rule.threshold)
        requirements.append(Requirement(field.name, float(rule.threshold), value, passed, rule.action))
    return RequirementReport(tuple(requirements))


def _meets(name: str, value: float, threshold: float) -> bool:
    """Compare by the kind of bound that the rule's name states."""
    if name.endswith("_min"):
        return value >= threshold
    return value < threshold if name.endswith("_below") else value <= threshold


def _limit(rule: RequirementRule, ceiling: int) -> int:
    """The rule's bound where it rejects, else the ceiling."""
    return int(rule.threshold) if rule.action is RequirementAction.REJECT else ceiling
