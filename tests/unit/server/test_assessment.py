"""What the checks say of a card, and what they make of one on which nothing could be read."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.decode import DecodedImage, decode_image
from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.rectify import rectify
from ktp_server.assessment import CardAssessment, CheckRules, assess_card
from ktp_server.cards import SelectedCard
from ktp_server.errors import ErrorReason
from ktp_server.models import CardInstance
from ktp_specimen.generate import draw_specimen
from ktp_specimen.strata import Stratum

SPECIMEN = draw_specimen(7219, 0, Stratum.CLEAN)
IMAGE = decode_image(SPECIMEN.jpeg)
CARD_SCORE = 0.9


def assess(image: DecodedImage, quad: NDArray[np.float64]) -> CardAssessment:
    instance = CardInstance(np.zeros(4, np.float32), CARD_SCORE, 0, np.ones((28, 28), np.float32))
    outline = CardOutline(quad, 0.0, (1.0, 1.0, 1.0, 1.0), 1.0)
    return assess_card(image, SelectedCard(instance, 0.0), outline, rectify(image.pixels, quad), CheckRules())


@pytest.fixture(name="quad")
def card_quad() -> NDArray[np.float64]:
    return SPECIMEN.truth.cards[0].quad


def test_a_good_picture_of_a_ktp_passes_every_check(quad: NDArray[np.float64]) -> None:
    assert all(score.passed for score in assess(IMAGE, quad).scores.values())


def test_a_ktp_that_cannot_be_read_is_told_what_spoils_its_picture(quad: NDArray[np.float64]) -> None:
    blurred = cv2.GaussianBlur(IMAGE.pixels, (0, 0), 3.0 * float(np.linalg.norm(quad[1] - quad[0])) / 640.0)
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(blurred, cv2.COLOR_RGB2BGR))[1].tobytes()
    refusal = assess(decode_image(jpeg), quad).refusal()
    assert refusal.reason is ErrorReason.CARD_UNREADABLE
    assert "the card is blurred" in refusal.message


def test_what_has_its_print_elsewhere_is_no_ktp(quad: NDArray[np.float64]) -> None:
    assessment = assess(IMAGE, np.roll(quad, 2, axis=0))  # upside down, its rows are not where a KTP has them
    assert not assessment.scores["ktp_likeness"].passed
    assert assessment.refusal().reason is ErrorReason.CARD_NOT_FOUND


@pytest.mark.parametrize(("turn", "proof_count", "proven"), [(0, 1, False), (0, 2, True), (2, 5, False), (2, 6, True)])
def test_print_in_other_places_needs_more_proof(
    quad: NDArray[np.float64], turn: int, proof_count: int, proven: bool
) -> None:
    assessment = assess(IMAGE, np.roll(quad, turn, axis=0))
    assert assessment.is_proven(proof_count, 2) is proven
    assert assessment.is_proven(0, 0)


def test_its_text_tells_more_than_its_layout(quad: NDArray[np.float64]) -> None:
    assessment = assess(IMAGE, np.roll(quad, 2, axis=0))
    assert assessment.with_proofs(10).scores["ktp_likeness"].score == CARD_SCORE
    assert not assessment.with_proofs(1).scores["ktp_likeness"].passed
