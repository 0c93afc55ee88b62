"""Quality scores follow the physical degradation, not the card's content."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.quality import QualityThresholds, assess_quality
from ktp_specimen.lens import motion_kernel
from tests.unit.preprocessing.drawn_cards import card_in_frame

SEEDS = (0, 1, 2)


def exposed(card: NDArray[np.uint8], stops: float) -> NDArray[np.uint8]:
    return np.asarray(np.clip(card.astype(np.float64) * 2.0**stops, 0, 255), dtype=np.uint8)


def with_glare(card: NDArray[np.uint8], x: int, y: int, radius_px: float, peak: float = 300.0) -> NDArray[np.uint8]:
    rows, columns = np.indices(card.shape[:2])
    spot = peak * np.exp(-((((columns - x) ** 2 + (rows - y) ** 2) / radius_px**2) ** 2))
    return np.asarray(np.clip(card + spot[..., None], 0, 255), dtype=np.uint8)


def noisy(card: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(5).normal(0.0, sigma, card.shape)
    return np.asarray(np.clip(card + noise, 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_good_card_passes(seed: int) -> None:
    report = assess_quality(noisy(card_in_frame(seed), 3.0))
    for score in (report.sharpness, report.brightness, report.specularity):
        assert score.passed
        assert score.score > 0.7
        assert score.reason == ""
    assert len(report.glare_quads) == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", [0.0, 6.0])
def test_blur_is_measured_in_card_pixels(seed: int, noise: float) -> None:
    estimates = []
    for blur_px in (1.0, 1.5, 2.0, 2.5, 3.5):
        blurred = np.asarray(cv2.GaussianBlur(card_in_frame(seed), (0, 0), blur_px), dtype=np.uint8)
        estimates.append(assess_quality(noisy(blurred, noise)).blur_px)
    assert estimates == sorted(estimates)
    assert estimates[0] < 1.4
    assert 1.5 < estimates[2] < 2.5
    assert estimates[4] > 2.6


@pytest.mark.parametrize("seed", SEEDS)
def test_blurred_card_fails_with_advice(seed: int) -> None:
    report = assess_quality(np.asarray(cv2.GaussianBlur(card_in_frame(seed), (0, 0), 3.0), dtype=np.uint8))
    assert not report.sharpness.passed
    assert "focus" in report.sharpness.reason
    assert report.brightness.passed
    assert report.specularity.passed


@pytest.mark.parametrize("degrees", [0.0, 22.5, 45.0, 67.5, 90.0, 112.5, 135.0, 157.5])
def test_motion_blur_counts_in_every_direction_and_the_longer_the_more(degrees: float) -> None:
    scores = []
    for length_px in (2.0, 7.0, 9.0):
        kernel = motion_kernel(length_px, degrees, bend=0.0)
        shaken = np.asarray(cv2.filter2D(card_in_frame(), -1, kernel), dtype=np.uint8)
        scores.append(assess_quality(shaken).sharpness)
    assert [score.passed for score in scores] == [True, False, False]
    assert scores[0].score > scores[1].score > scores[2].score


@pytest.mark.parametrize("degrees", [25.0, 65.0, 115.0, 155.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_motion_at_a_slant_counts_although_stroke_ends_stay_sharp(seed: int, degrees: float) -> None:
    kernel = motion_kernel(8.0, degrees, bend=0.2)
    shaken = np.asarray(cv2.filter2D(card_in_frame(seed), -1, kernel), dtype=np.uint8)
    assert assess_quality(noisy(shaken, 1.0)).sharpness.score < 0.45


@pytest.mark.parametrize("seed", SEEDS)
def test_the_soft_edge_of_a_shadow_is_no_blur(seed: int) -> None:
    light = np.ones((416, 640, 1))
    light[90:] = 0.3
    shaded = card_in_frame(seed) * np.asarray(cv2.GaussianBlur(light, (0, 0), 4.0))[..., None]
    assert assess_quality(noisy(shaded.astype(np.uint8), 1.0)).sharpness.score > 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_dark_card_fails_with_advice_once_its_print_drowns_in_noise(seed: int) -> None:
    cards = [noisy(exposed(card_in_frame(seed), stops), 3.0) for stops in (0.0, -1.0, -2.0, -3.5, -4.5)]
    scores = [assess_quality(card).brightness for card in cards]
    assert [score.score for score in scores] == sorted((score.score for score in scores), reverse=True)
    assert [score.passed for score in scores] == [True, True, True, False, False]
    assert "dark" in scores[3].reason


def test_a_dark_card_without_noise_can_be_read() -> None:
    assert assess_quality(exposed(card_in_frame(), -2.0)).brightness.passed


def test_grain_alone_calls_for_light() -> None:
    grainy = assess_quality(noisy(exposed(card_in_frame(), -1.0), 24.0)).brightness
    assert not grainy.passed
    assert "add light" in grainy.reason


@pytest.mark.parametrize("seed", SEEDS)
def test_washed_out_card_fails_with_advice(seed: int) -> None:
    report = assess_quality(exposed(card_in_frame(seed), 2.0))
    assert not report.brightness.passed
    assert "bright" in report.brightness.reason


@pytest.mark.parametrize("seed", SEEDS)
def test_glare_is_found_where_it_is(seed: int) -> None:
    report = assess_quality(with_glare(card_in_frame(seed), 250, 200, 70.0))
    assert not report.specularity.passed
    assert "lamp" in report.specularity.reason
    assert report.brightness.passed
    assert len(report.glare_quads) == 1
    centre = report.glare_quads[0].mean(axis=0)
    assert np.abs(centre - (250, 200)).max() < 15


def test_bigger_glare_scores_lower() -> None:
    scores = [
        assess_quality(with_glare(card_in_frame(), 200, 200, radius)).specularity.score for radius in (10, 35, 90)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.5 > scores[2]


def test_glare_that_leaves_little_of_the_card_is_still_glare() -> None:
    assert not assess_quality(with_glare(card_in_frame(), 250, 200, 210.0)).specularity.passed


@pytest.mark.parametrize("seed", SEEDS)
def test_glare_on_a_card_that_is_nearly_white_is_told_from_it(seed: int) -> None:
    bright = np.asarray(255.0 - (255.0 - card_in_frame(seed)) * 0.1, dtype=np.uint8)
    assert assess_quality(bright).specularity.passed
    assert not assess_quality(with_glare(bright, 250, 200, 90.0)).specularity.passed


@pytest.mark.parametrize(("lit_rows", "passes"), [(416, False), (150, True)])
def test_a_side_most_of_which_is_lost_in_light_fails_for_it_may_lie_elsewhere(lit_rows: int, passes: bool) -> None:
    lit = card_in_frame()
    lit[:lit_rows, 610:] = 255
    assert assess_quality(lit).specularity.passed == passes


def test_glare_on_the_photo_is_no_obstacle() -> None:
    assert assess_quality(with_glare(card_in_frame(), 560, 180, 30.0)).specularity.passed


def test_black_card_without_any_edge_is_blurred_and_dark() -> None:
    report = assess_quality(np.zeros((416, 640, 3), dtype=np.uint8))
    assert not report.sharpness.passed
    assert not report.brightness.passed


def test_thresholds_decide() -> None:
    card = np.asarray(cv2.GaussianBlur(card_in_frame(), (0, 0), 1.2), dtype=np.uint8)
    score = assess_quality(card).sharpness.score
    strict = assess_quality(card, QualityThresholds(sharpness=score + 0.01)).sharpness
    lax = assess_quality(card, QualityThresholds(sharpness=score - 0.01)).sharpness
    assert not strict.passed
    assert strict.reason
    assert lax.passed
