"""What the pipeline hands out: plain dataclasses, in source-image pixels; every front translates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ktp_postprocessing.normalised import NormalisedValues
from ktp_postprocessing.reading import FIELD_NAMES, Correction, Severity

__all__ = [
    "FIELD_NAMES",
    "QUALITY_NAMES",
    "AssessmentResult",
    "CardResult",
    "Correction",
    "FieldResult",
    "FindingResult",
    "LineResult",
    "NormalisedValues",
    "PoseResult",
    "Quad",
    "QualityScoreResult",
    "RecognitionResult",
    "RequirementResult",
    "Severity",
]

QUALITY_NAMES = (
    *("sharpness", "brightness", "specularity", "completeness", "tilt", "colour"),
    *("moire", "single_card", "ktp_likeness"),
)
"""Attributes of the card's picture that are scored."""

Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Four (x, y) corners, source-image pixels, clockwise from the object's own top left."""


@dataclass(frozen=True, slots=True)
class FieldResult:
    """One field.

    Attributes:
        value: corrected text; None when the field was found but could not be read.
        raw_value: text as recognised.
        confidence: [0, 1].
        correction: what turned raw_value into value.
        quad: where it stands; None for a derived field.
    """

    value: str | None
    raw_value: str
    confidence: float
    correction: Correction
    quad: Quad | None


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line of text, label or value: text, confidence [0, 1], place."""

    text: str
    confidence: float
    quad: Quad


@dataclass(frozen=True, slots=True)
class FindingResult:
    """Something that does not fit together; `fields` names those involved."""

    code: str
    severity: Severity
    message: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PoseResult:
    """How the card is turned before the camera, degrees.

    Attributes:
        pitch_degrees: about its horizontal axis, [-90, 90]; positive when its top is farther away.
        yaw_degrees: about its vertical axis, [-90, 90]; positive when its right side is farther away.
        roll_degrees: clockwise in the picture, (-180, 180].
        tilt_degrees: from right above, [0, 90].
    """

    pitch_degrees: float
    yaw_degrees: float
    roll_degrees: float
    tilt_degrees: float


@dataclass(frozen=True, slots=True)
class CardResult:
    """The card.

    Attributes:
        quad: its outline.
        rotation_degrees: clockwise angle of its top edge, (-180, 180].
        score: segmentation score, [0, 1].
        fields: those that were found, by name.
        findings: what does not fit together.
        lines: every line of text, from top to bottom.
        normalised: what the fields mean, in forms that programs compare.
        pose: how it is turned before the camera; None in answers of servers that do not tell.
    """

    quad: Quad
    rotation_degrees: float
    score: float
    fields: Mapping[str, FieldResult] = field(default_factory=dict)
    findings: tuple[FindingResult, ...] = ()
    lines: tuple[LineResult, ...] = ()
    normalised: NormalisedValues = field(default_factory=NormalisedValues)
    pose: PoseResult | None = None


@dataclass(frozen=True, slots=True)
class QualityScoreResult:
    """One quality attribute: score and threshold in [0, 1], whether it passed, and advice when it did not."""

    score: float
    threshold: float
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """One requirement.

    Attributes:
        name: stable snake-case name.
        threshold: the bound, in the rule's unit.
        measured: in the same unit; None when it cannot be measured.
        passed: met or not measurable.
        rejects: whether failing refuses the image rather than warns.
    """

    name: str
    threshold: float
    measured: float | None
    passed: bool
    rejects: bool


@dataclass(frozen=True, slots=True)
class AssessmentResult:
    """What was learnt without reading the text.

    Attributes:
        card: outline, rotation and score only.
        quality: scores by attribute, see `QUALITY_NAMES`.
        requirements: in a fixed order.
        timings_ms: duration by stage, in the order in which they ran; `total` last.
        glare_quads: where glare has wiped the card out.
    """

    card: CardResult
    quality: Mapping[str, QualityScoreResult]
    requirements: tuple[RequirementResult, ...]
    timings_ms: Mapping[str, float]
    glare_quads: tuple[Quad, ...] = ()


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """Everything learnt from one image; see `AssessmentResult`, with the card's fields.

    Attributes:
        covered_fields: names of fields that glare covers, at least in part, whether they were read or not.
    """

    card: CardResult
    quality: Mapping[str, QualityScoreResult]
    requirements: tuple[RequirementResult, ...]
    timings_ms: Mapping[str, float]
    glare_quads: tuple[Quad, ...] = ()
    covered_fields: tuple[str, ...] = ()
