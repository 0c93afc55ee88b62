"""The CPU work between the models, as plain functions of arrays; pipeline.py runs them in worker threads.

Coordinates: segmentation answers in letterbox pixels, detection in card-frame pixels. What is handed out is mapped back
to source-image pixels through the inverse of the homography that led there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.card import read_card
from ktp_postprocessing.checks import PhotoBackground
from ktp_postprocessing.coverage import find_covered_fields
from ktp_postprocessing.ctc import decode_lines
from ktp_postprocessing.frames import LineFrames
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.text_boxes import TextBoxSettings, find_text_boxes
from ktp_preprocessing.crops import LineCrop, crop_lines
from ktp_preprocessing.decode import DecodedImage, decode_image
from ktp_preprocessing.letterbox import Letterboxed, letterbox
from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.photo_background import find_photo_background
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
from ktp_server.handover import (
    field_results,
    finding_result,
    line_results,
    pose_result,
    quad_from,
    requirement_results,
    source_quad,
)
from ktp_server.results import CardResult, Quad, QualityScoreResult, RequirementResult
from ktp_server.stages import StageClock

__all__ = [
    "AlignedCard",
    "CardRules",
    "CutRules",
    "LineCrops",
    "LineReadings",
    "PreparedImage",
    "ReadCard",
    "ReadingRules",
    "align_card",
    "cut_lines",
    "prepare_image",
    "read_fields",
]

_MARGIN_COLUMN_COUNT = 2  # kept behind a line's end: a recogniser may emit its last character a column late


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
class CutRules:
    """How lines are cut out: how boxes come out of the map, and the recogniser's input widths in pixels."""

    boxes: TextBoxSettings
    widths: Sequence[int]


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How lines become fields.

    Attributes:
        knowledge: area list and vocabularies.
        text_confidence_min: lines read with less confidence are dropped.
        proof_count_min: fewer things that only a KTP says (`CardReading.proof_count`) are refused.
    """

    knowledge: CardKnowledge
    text_confidence_min: float
    proof_count_min: int = 2


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


@dataclass(frozen=True, slots=True)
class ReadCard:
    """A card that was read: what stands on it, its checks in that light, and the fields that glare covers."""

    card: CardResult
    quality: Mapping[str, QualityScoreResult]
    requirements: tuple[RequirementResult, ...]
    covered_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineCrops:
    """The text lines of a card: quads (N, 4, 2) float64 in card-frame pixels, and as many crops."""

    quads: NDArray[np.float64]
    crops: Sequence[LineCrop]

    def content_shares(self) -> list[float]:
        """Share of each crop's width that shows the line, (0, 1]."""
        return [crop.content_width_px / crop.pixels.shape[1] for crop in self.crops]


@dataclass(frozen=True, slots=True)
class LineReadings:
    """What the recogniser said.

    Attributes:
        log_probabilities: (T, C) float32 a line, the blank last.
        alphabet: characters in class order.
        content_shares: for each line the share of its crop's width, and so of its T columns, that shows the line.
    """

    log_probabilities: Sequence[NDArray[np.float32]]
    alphabet: str
    content_shares: Sequence[float]

    def read_lines(self, quads: NDArray[np.float64], confidence_min: float) -> list[TextLine]:
        """Decode the lines and keep their columns for a second decoding; doubtful lines are left out."""
        kept = [
            whole[: math.ceil(len(whole) * share) + _MARGIN_COLUMN_COUNT]
            for whole, share in zip(self.log_probabilities, self.content_shares, strict=True)
        ]
        lines = []
        for quad, columns, reading in zip(quads, kept, decode_lines(kept, self.alphabet), strict=True):
            if reading.text and reading.confidence >= confidence_min:
                frames = LineFrames.of_line(columns, self.alphabet, reading.character_columns)
                lines.append(TextLine(reading.text, reading.confidence, quad, reading.character_confidences, frames))
        return lines


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


def cut_lines(
    prepared: PreparedImage,
    aligned: AlignedCard,
    probability: NDArray[np.uint8],
    rules: CutRules,
    clock: StageClock,
) -> LineCrops:
    """Find the text lines and cut them out of the source image.

    Raises:
        RecognitionError: CARD_UNREADABLE without any line, or the deadline passed.
    """
    with clock.measure("text_boxes"):
        boxes = find_text_boxes(probability, rules.boxes)
    if not boxes:
        raise RecognitionError(ErrorReason.CARD_UNREADABLE, "a card was found, but no text on it")
    with clock.measure("crops"):
        quads = np.stack([box.quad for box in boxes])
        crops = crop_lines(prepared.image.pixels, aligned.rectified.homography, quads, rules.widths)
    return LineCrops(quads, crops)


def read_fields(
    aligned: AlignedCard, quads: NDArray[np.float64], readings: LineReadings, rules: ReadingRules, clock: StageClock
) -> ReadCard:
    """Decode the lines and make fields of them.

    Raises:
        RecognitionError: CARD_UNREADABLE when hardly anything of a KTP came out, or the deadline passed.
    """
    with clock.measure("fields"):
        lines = readings.read_lines(quads, rules.text_confidence_min)
        background = find_photo_background(aligned.rectified.pixels)
        card = read_card(lines, rules.knowledge, None if background is None else PhotoBackground(background.value))
        if card.proof_count < rules.proof_count_min:
            raise RecognitionError(
                ErrorReason.CARD_UNREADABLE, "a card was found, but it cannot be read, or it is no KTP"
            )
        to_source = aligned.to_source
        result = replace(
            aligned.result(),
            fields=field_results(card.fields, to_source),
            findings=tuple(finding_result(finding) for finding in card.findings),
            lines=line_results(lines, to_source),
            normalised=card.normalised,
        )
        assessment = aligned.assessment.with_proofs(card.proof_count)
        covered_fields = find_covered_fields(card.fields, assessment.glare_quads)
        return ReadCard(result, assessment.scores, aligned.requirements, covered_fields)


def _reject(report: RequirementReport, reason: ErrorReason) -> None:
    """Refuse an image for the first requirement whose failure rejects it."""
    for item in report.rejections:
        bound = "less than" if item.name.endswith("_below") else "at most" if item.name.endswith("_max") else "at least"
        measured = f"{item.name.replace('_', ' ')}: {item.measured:g} was measured"
        raise RecognitionError(reason, f"{measured}, {bound} {item.threshold:g} is needed")
