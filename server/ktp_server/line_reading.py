"""The lines of an upright card, as plain functions of arrays: cut out, decoded, made into fields.

Coordinates are card-frame pixels; what is handed out is mapped back to source-image pixels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
from ktp_preprocessing.photo_background import find_photo_background
from ktp_server.handover import field_results, finding_result, line_results
from ktp_server.results import CardResult, QualityScoreResult, RequirementResult
from ktp_server.stages import StageClock
from ktp_server.steps import AlignedCard, PreparedImage

__all__ = [
    "CutRules",
    "LineCrops",
    "LineReadings",
    "ReadCard",
    "ReadingRules",
    "cut_lines",
    "cut_unread",
    "read_fields",
]

_MARGIN_COLUMN_COUNT = 2  # kept behind a line's end: a recogniser may emit its last character a column late


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
        unseen_confidence_min: the same where detection saw no line; what is blank may look like a letter.
    """

    knowledge: CardKnowledge
    text_confidence_min: float
    proof_count_min: int = 2
    unseen_confidence_min: float = 0.25


@dataclass(frozen=True, slots=True)
class ReadCard:
    """A card that was read: what stands on it, its checks in that light, and the fields that glare covers.

    Attributes:
        lines: what it was read from, in card-frame pixels.
        unread: (4, 2) float64 quads in card-frame pixels where values should stand that no line was found for.
    """

    card: CardResult
    quality: Mapping[str, QualityScoreResult]
    requirements: tuple[RequirementResult, ...]
    covered_fields: tuple[str, ...]
    lines: Sequence[TextLine]
    unread: Sequence[NDArray[np.float64]]


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
        quads: (N, 4, 2) float64 card-frame pixels, where the lines stand.
        log_probabilities: (T, C) float32 a line, the blank last.
        alphabet: characters in class order.
        content_shares: for each line the share of its crop's width, and so of its T columns, that shows the line.
    """

    quads: NDArray[np.float64]
    log_probabilities: Sequence[NDArray[np.float32]]
    alphabet: str
    content_shares: Sequence[float]

    def read_lines(self, confidence_min: float) -> list[TextLine]:
        """Decode the lines and keep their columns for a second decoding; doubtful lines are left out."""
        kept = [
            whole[: math.ceil(len(whole) * share) + _MARGIN_COLUMN_COUNT]
            for whole, share in zip(self.log_probabilities, self.content_shares, strict=True)
        ]
        lines = []
        for quad, columns, reading in zip(self.quads, kept, decode_lines(kept, self.alphabet), strict=True):
            if reading.text and reading.confidence >= confidence_min:
                frames = LineFrames.of_line(columns, self.alphabet, reading.character_columns)
                lines.append(TextLine(reading.text, reading.confidence, quad, reading.character_confidences, frames))
        return lines


def cut_lines(
    prepared: PreparedImage,
    aligned: AlignedCard,
    probability: NDArray[np.uint8],
    rules: CutRules,
    clock: StageClock,
) -> LineCrops:
    """Find the text lines and cut them out of the source image.

    Raises:
        RecognitionError: without any line, see `CardAssessment.refusal`, or the deadline passed.
    """
    with clock.measure("text_boxes"):
        boxes = find_text_boxes(probability, rules.boxes)
    if not boxes:
        raise aligned.assessment.refusal()
    with clock.measure("crops"):
        quads = np.stack([box.quad for box in boxes])
        crops = crop_lines(prepared.image.pixels, aligned.rectified.homography, quads, rules.widths)
    return LineCrops(quads, crops)


def cut_unread(
    prepared: PreparedImage, aligned: AlignedCard, read: ReadCard, rules: CutRules, clock: StageClock
) -> LineCrops:
    """Cut out the places of a card that was read, at least one, where values should stand that were not found.

    Raises:
        RecognitionError: the deadline passed.
    """
    with clock.measure("crops"):
        quads = np.stack(read.unread)
        crops = crop_lines(prepared.image.pixels, aligned.rectified.homography, quads, rules.widths)
    return LineCrops(quads, crops)


def read_fields(
    aligned: AlignedCard,
    readings: LineReadings,
    rules: ReadingRules,
    clock: StageClock,
    known: Sequence[TextLine] = (),
) -> ReadCard:
    """Decode the lines and make fields of them.

    Args:
        aligned: the card.
        readings: of the lines that detection saw; of the places of `cut_unread` where the card was read before.
        rules: how lines become fields.
        clock: times the stage.
        known: the lines from which the card was read before.

    Raises:
        RecognitionError: too little of a KTP came out, see `CardAssessment.refusal`, or the deadline passed.
    """
    with clock.measure("fields"):
        least = rules.unseen_confidence_min if known else rules.text_confidence_min
        lines = [*known, *readings.read_lines(least)]
        background = find_photo_background(aligned.rectified.pixels)
        card = read_card(lines, rules.knowledge, None if background is None else PhotoBackground(background.value))
        if not aligned.assessment.is_proven(card.proof_count, rules.proof_count_min):
            raise aligned.assessment.refusal()
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
        return ReadCard(result, assessment.scores, aligned.requirements, covered_fields, lines, card.unread)
