"""Every check of a card's picture in one place: what preprocessing measures, and what the models say about the card."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.decode import DecodedImage
from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.pose import CardPose, estimate_pose
from ktp_preprocessing.print_layout import score_layout
from ktp_preprocessing.quality import QualityThresholds, assess_quality, judge
from ktp_preprocessing.rectify import RectifiedCard
from ktp_preprocessing.screen import score_screen
from ktp_preprocessing.view import ViewThresholds, assess_view
from ktp_server.cards import SelectedCard
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.handover import quality_result
from ktp_server.results import QUALITY_NAMES, QualityScoreResult

__all__ = ["CardAssessment", "CheckRules", "assess_card"]

_ENOUGH_PROOFS = 6
"""Things that only a KTP says (`CardReading.proof_count`) from which on its reading leaves no doubt; a readable KTP has
ten or more, another card hardly ever one."""

_DOUBTFUL_PROOF_FACTOR = 3
"""By how much more is asked of the text where print lies elsewhere than a KTP's: on a form of many rows two lines may
look like a KTP's by chance."""

_READING_CHECKS = ("sharpness", "brightness", "specularity", "completeness", "tilt")
"""What a card needs to be read: advice where nothing on it could be."""


@dataclass(frozen=True, slots=True)
class CheckRules:
    """Lowest scores that pass.

    Attributes:
        quality: of the card's picture.
        view: of how it was photographed.
        moire: of not being shown on a screen.
        single_card: of being alone.
        ktp_likeness: of being a KTP.
    """

    quality: QualityThresholds = field(default_factory=QualityThresholds)
    view: ViewThresholds = field(default_factory=ViewThresholds)
    moire: float = 0.5
    single_card: float = 0.05
    ktp_likeness: float = 0.5


@dataclass(frozen=True, slots=True)
class CardAssessment:
    """The checks of a card.

    Attributes:
        scores: by attribute, in the order of `QUALITY_NAMES`.
        glare_quads: (N, 4, 2) float64 around blown-out areas, card-frame pixels.
        pose: how the card is turned before the camera.
        card_score: how sure segmentation is of the card, 0 to 1.
    """

    scores: Mapping[str, QualityScoreResult]
    glare_quads: NDArray[np.float64]
    pose: CardPose
    card_score: float

    def with_proofs(self, proof_count: int) -> "CardAssessment":
        """Judge again how much the card is like a KTP, now that it was read: its text tells more than its layout."""
        score = self.card_score * min(1.0, proof_count / _ENOUGH_PROOFS)
        read = _judge_likeness(score, self.scores["ktp_likeness"].threshold)
        return replace(self, scores={**self.scores, "ktp_likeness": read})

    def is_proven(self, proof_count: int, least_count: int) -> bool:
        """Tell whether enough of a KTP was read: `least_count` proofs, more where print lies elsewhere than a KTP's."""
        factor = 1 if self.scores["ktp_likeness"].passed else _DOUBTFUL_PROOF_FACTOR
        return proof_count >= factor * least_count

    def refusal(self) -> RecognitionError:
        """Say why nothing of a KTP was read: it is none, since its print lies elsewhere, or what spoils the picture."""
        if not self.scores["ktp_likeness"].passed:
            return RecognitionError(ErrorReason.CARD_NOT_FOUND, "what was found is no KTP: photograph the front of one")
        spoils = [self.scores[name].reason for name in _READING_CHECKS if not self.scores[name].passed]
        message = "; ".join(["a card was found, but nothing that only a KTP says can be read on it", *spoils])
        return RecognitionError(ErrorReason.CARD_UNREADABLE, message)


def assess_card(
    image: DecodedImage,
    selected: SelectedCard,
    outline: CardOutline,
    rectified: RectifiedCard,
    rules: CheckRules,
) -> CardAssessment:
    """Run every check that needs no reading.

    Args:
        image: the source image.
        selected: the card among the detections.
        outline: where it lies.
        rectified: its upright picture.
        rules: lowest scores that pass.
    """
    quality = assess_quality(rectified.pixels, rules.quality)
    pose = estimate_pose(outline.quad, (image.pixels.shape[1], image.pixels.shape[0]), image.focal_length)
    view = assess_view(outline, pose, rectified.pixels, rules.view)
    reports = {
        **{name: getattr(quality, name) for name in ("sharpness", "brightness", "specularity")},
        **{name: getattr(view, name) for name in ("completeness", "tilt", "colour")},
        "moire": judge(
            score_screen(image.pixels, outline.quad),
            rules.moire,
            "the card is shown on a screen: photograph the card itself",
        ),
        "single_card": judge(
            1.0 - selected.other_score,
            rules.single_card,
            "there is another card in the picture: photograph one card alone",
        ),
    }
    scores = {name: quality_result(report) for name, report in reports.items()}
    card_score = selected.instance.score
    scores["ktp_likeness"] = _judge_likeness(min(card_score, score_layout(rectified.pixels)), rules.ktp_likeness)
    return CardAssessment({name: scores[name] for name in QUALITY_NAMES}, quality.glare_quads, pose, card_score)


def _judge_likeness(score: float, threshold: float) -> QualityScoreResult:
    return quality_result(judge(score, threshold, "this does not look like a KTP: photograph the front of the card"))
