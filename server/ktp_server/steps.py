"""The CPU work between the models, as plain functions of arrays; pipeline.py runs them in worker threads.

Coordinates: segmentation answers in letterbox pixels, detection in card-frame pixels. What is handed out is mapped back
to source-image pixels through the inverse of the homography that led there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.decode import DecodedImage, decode_image
from ktp_preprocessing.letterbox import Letterboxed, letterbox
from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.rectify import RectifiedCard, rectify
from ktp_preprocessing.requirements import (
    RequirementReport,
    RequirementRules,
    check_card_size,
    check_requirements,
)
from ktp_server.assessment import CardAssessment, CheckRules, assess_card
from ktp_server.card_finding import FoundCard
from ktp_server.cards import CardSelection
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.handover import pose_result, quad_from, requirement_results, source_quad
from ktp_server.results import CardResult, Quad, QualityScoreResult, RequirementResult
from ktp_server.stages import StageClock

__all__ = ["AlignedCard", "CardRules", "PreparedImage", "align_card", "prepare_image"]


@dataclass(frozen=True, slots=True)
class CardRules:
    """What a card must satisfy.

    Attributes:
        selection: how sure segmentation must be.
        requirements: how large it must be.
        checks: lowest scores of its picture.
    """

    selection: CardSelection
    requirements: RequirementRules
    checks: CheckRules = field(default_factory=CheckRules)


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image that may be read: its pixels, the segmentation model's input, and how it meets the requirements."""

    image: DecodedImage
    letterboxed: Letterboxed
    requirements: RequirementReport


@dataclass(frozen=True, slots=True)
class AlignedCard:
    """A card that was found: its place in the source, its upright picture, its checks, and every requirement."""

    outline: CardOutline
    score: float
    rectified: RectifiedCard
    assessment: CardAssessment
    requirements: tuple[RequirementResult, ...]

    @property
    def quality(self) -> Mapping[str, QualityScoreResult]:
        """Scores by attribute, see `QUALITY_NAMES`."""
        return self.assessment.scores

    @property
    def to_source(self) -> NDArray[np.float64]:
        """3 x 3 homography, card-frame to source pixels."""
        return np.asarray(np.linalg.inv(self.rectified.homography), dtype=np.float64)

    @property
    def glare_quads(self) -> tuple[Quad, ...]:
        """Where glare has wiped the card out."""
        return tuple(source_quad(quad, self.to_source) for quad in self.assessment.glare_quads)

    def result(self) -> CardResult:
        """Give the card as far as it is known without its text."""
        pose = pose_result(self.assessment.pose)
        return CardResult(quad_from(self.outline.quad), self.outline.rotation_degrees, self.score, pose=pose)


def prepare_image(data: bytes, rules: RequirementRules, input_size_px: int, clock: StageClock) -> PreparedImage:
    """Decode an image, check the requirements, fit it into the segmentation model's input.

    Raises:
        ImageError: the image cannot be used.
        RecognitionError: it is empty or fails a requirement, or the deadline passed.
    """
    if not data:
        raise RecognitionError(ErrorReason.REQUEST_INVALID, "the image is empty", field="image")
    with clock.measure("decode"):
        image = decode_image(data, rules.decode_limits())
    with clock.measure("requirements"):
        report = check_requirements(image, rules)
        _reject(report, ErrorReason.QUALITY_REJECTED)
    with clock.measure("letterbox"):
        letterboxed = letterbox(image.pixels, input_size_px)
    return PreparedImage(image, letterboxed, report)


def align_card(prepared: PreparedImage, found: FoundCard, rules: CardRules, clock: StageClock) -> AlignedCard:
    """Turn a card upright and judge its quality.

    Raises:
        RecognitionError: CARD_TOO_SMALL, or the deadline passed.
    """
    outline = found.outline
    with clock.measure("rectify"):
        card_report = check_card_size(outline.quad, rules.requirements)
        _reject(card_report, ErrorReason.CARD_TOO_SMALL)
        rectified = rectify(prepared.image.pixels, outline.quad)
    with clock.measure("quality"):
        assessment = assess_card(prepared.image, found.selected, outline, rectified, rules.checks)
    requirements = requirement_results(prepared.requirements) + requirement_results(card_report)
    return AlignedCard(outline, found.selected.instance.score, rectified, assessment, requirements)


def _reject(report: RequirementReport, reason: ErrorReason) -> None:
    """Refuse an image for the first requirement whose failure rejects it."""
    for item in report.rejections:
        bound = "less than" if item.name.endswith("_below") else "at most" if item.name.endswith("_max") else "at least"
        measured = f"{item.name.replace('_', ' ')}: {item.measured:g} was measured"
        raise RecognitionError(reason, f"{measured}, {bound} {item.threshold:g} is needed")
