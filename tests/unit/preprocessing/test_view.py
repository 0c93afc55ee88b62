"""How a card was photographed: what is cut off, from which side, in which colours."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.pose import estimate_pose
from ktp_preprocessing.view import ViewReport, ViewThresholds, assess_view
from tests.unit.preprocessing.drawn_cards import card_in_frame, view_of_card

SIZE_PX = (1600, 1200)


def assess(
    quad: NDArray[np.float64] | None = None, visible_share: float = 1.0, card: NDArray[np.uint8] | None = None
) -> ViewReport:
    place = view_of_card(0, 0, 0) if quad is None else quad
    outline = CardOutline(place, 0.0, (1.0, 1.0, 1.0, 1.0), visible_share)
    return assess_view(outline, estimate_pose(place, SIZE_PX), card_in_frame() if card is None else card, None)


def test_a_frontal_card_passes() -> None:
    report = assess()
    assert report.tilt.passed
    assert report.completeness.passed
    assert report.colour.passed
    assert report.tilt.reason == ""


def test_a_card_seen_from_the_side_fails_with_advice() -> None:
    report = assess(view_of_card(-58.0, 0.0, 0.0))
    assert not report.tilt.passed
    assert "above" in report.tilt.reason


@pytest.mark.parametrize(("visible_share", "passed"), [(1.0, True), (0.99, True), (0.95, False), (0.7, False)])
def test_a_card_partly_out_of_the_picture_is_told(visible_share: float, passed: bool) -> None:
    report = assess(visible_share=visible_share)
    assert report.completeness.passed is passed
    assert bool(report.completeness.reason) is not passed


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.93, 0.8), (0.85, 0.95, 1.0)])
def test_a_copy_without_colour_is_told_in_any_light(tint: tuple[float, float, float]) -> None:
    grey = cv2.cvtColor(card_in_frame(), cv2.COLOR_RGB2GRAY)[..., None]
    noise = np.random.default_rng(1).normal(0.0, 4.0, (416, 640, 3))
    copy = np.clip(grey * np.array(tint) + noise, 0, 255).astype(np.uint8)
    assert not assess(card=copy).colour.passed
    coloured = np.clip(card_in_frame() * np.array(tint) + noise, 0, 255).astype(np.uint8)
    assert assess(card=coloured).colour.passed


def with_grey_photo(card: NDArray[np.uint8]) -> NDArray[np.uint8]:
    card = card.copy()
    photo = card[80:320, 440:630]
    photo[:] = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None]
    return card


def test_a_pale_card_with_a_grey_photo_has_its_ground_for_colour() -> None:
    card = with_grey_photo(card_in_frame()).astype(np.float64)
    pale = 0.5 * (card + card.mean(axis=2, keepdims=True))
    ground = np.linspace(0.985, 1.015, 640)[None, :, None] ** np.array([1.0, 0.0, -1.0])
    assert assess(card=np.clip(pale * ground, 0, 255).astype(np.uint8)).colour.passed


@pytest.mark.parametrize("haze", [0.0, 0.2])
def test_a_copy_in_haze_is_told(haze: float) -> None:
    """Haze leaves black its own colour while white takes on the light's."""
    grey = cv2.cvtColor(card_in_frame(), cv2.COLOR_RGB2GRAY)[..., None] / 255.0
    hard = np.clip(0.6 + 2.4 * (grey - 0.55), 0.02, 0.95)
    copy = 255.0 * (haze + (1.0 - haze) * hard * np.array([1.0, 0.88, 0.72]))
    assert not assess(card=copy.astype(np.uint8)).colour.passed


def test_a_black_picture_says_nothing_of_its_colour() -> None:
    assert assess(card=np.zeros((416, 640, 3), dtype=np.uint8)).colour.passed


def test_thresholds_decide() -> None:
    outline = CardOutline(view_of_card(20, 0, 0), 0.0, (1.0, 1.0, 1.0, 1.0), 1.0)
    pose = estimate_pose(outline.quad, SIZE_PX)
    assert not assess_view(outline, pose, card_in_frame(), ViewThresholds(tilt=0.95)).tilt.passed
