"""A screen's lattice is told from print, guilloche, noise and JPEG blocks."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_preprocessing.screen import score_screen
from ktp_specimen.lens import motion_kernel
from tests.unit.preprocessing.drawn_cards import card_in_frame

WIDTH_PX, HEIGHT_PX = 960, 624
QUAD = np.array([[12.0, 16.0], [948.0, 16.0], [948.0, 608.0], [12.0, 608.0]])


def photo(seed: int = 0, noise: float = 3.0) -> NDArray[np.float64]:
    card = cv2.resize(card_in_frame(seed), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(card + np.random.default_rng(seed).normal(0.0, noise, card.shape), dtype=np.float64)


def wave(period_px: float, degrees: float, phase: float = 0.0) -> NDArray[np.float64]:
    rows, columns = np.indices((HEIGHT_PX, WIDTH_PX))
    turn = np.radians(degrees)
    along = np.cos(turn) * columns + np.sin(turn) * rows
    return np.asarray(np.cos(2 * np.pi * along / period_px + phase))


def on_screen(pixels: NDArray[np.float64], period_px: float, degrees: float, depth: float) -> NDArray[np.float64]:
    """Stripes of red, green and blue, as deep as `depth` of the light."""
    stripes = [1 + depth * wave(period_px, degrees, 2 * np.pi * channel / 3) for channel in range(3)]
    return pixels * np.stack(stripes, axis=-1)


def as_image(pixels: NDArray[np.float64], quality: int = 88) -> NDArray[np.uint8]:
    image = np.clip(pixels, 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quality", [60, 75, 95])
def test_a_card_itself_passes(seed: int, quality: int) -> None:
    assert score_screen(as_image(photo(seed), quality), QUAD) > 0.5


@pytest.mark.parametrize("degrees", [0.0, 3.0, 31.0, 90.0, 117.0])
@pytest.mark.parametrize("period_px", [2.3, 3.1, 4.4])
def test_a_lattice_fails_in_every_direction(degrees: float, period_px: float) -> None:
    assert score_screen(as_image(on_screen(photo(), period_px, degrees, 0.12)), QUAD) < 0.4


@pytest.mark.parametrize("period_px", [12.0, 18.0, 40.0])
def test_guilloche_is_no_lattice(period_px: float) -> None:
    printed = photo() + 8.0 * np.sign(wave(period_px, 20.0))[..., None]
    soft = np.asarray(cv2.GaussianBlur(printed, (0, 0), 1.2), dtype=np.float64)
    assert score_screen(as_image(soft), QUAD) > 0.5


def test_print_smeared_at_a_slant_is_no_lattice() -> None:
    """It leaves a ridge across the spectrum, neither along a row nor along a column."""
    smeared = np.asarray(cv2.filter2D(photo(noise=0.0), -1, motion_kernel(16.0, 20.0, 0.0)), dtype=np.float64)
    grain = np.random.default_rng(1).normal(0.0, 1.0, smeared.shape)
    assert score_screen(as_image(smeared + grain), QUAD) > 0.6


@given(depth=st.floats(0.05, 0.3), period_px=st.floats(2.2, 4.8), degrees=st.floats(0.0, 180.0))
@settings(max_examples=20, deadline=None)
def test_a_lattice_never_looks_better_than_none(depth: float, period_px: float, degrees: float) -> None:
    clean = score_screen(as_image(photo()), QUAD)
    score = score_screen(as_image(on_screen(photo(), period_px, degrees, depth)), QUAD)
    assert 0.0 <= score <= clean + 0.02


def test_the_lattice_counts_on_the_card_only() -> None:
    pixels = on_screen(photo(), 3.1, 10.0, 0.2)
    inside = photo()
    inside[:, :200] = pixels[:, :200]
    assert score_screen(as_image(inside), QUAD + np.array([[260.0, 0], [0, 0], [0, 0], [260.0, 0]])) > 0.6


def test_an_image_without_room_for_a_patch_says_nothing() -> None:
    assert score_screen(np.zeros((50, 90, 3), dtype=np.uint8), QUAD / 20.0) == 1.0


def test_an_even_image_shows_no_lattice() -> None:
    assert score_screen(np.full((400, 600, 3), 255, dtype=np.uint8), QUAD / 2.0) > 0.9
