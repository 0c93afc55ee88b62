"""The photo's background colour, on drawn cards under light of several colours and strengths."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.photo_background import BackgroundColour, find_photo_background

GROUND = (178, 203, 222)
RED, BLUE, GREEN = (190, 30, 40), (30, 80, 180), (40, 160, 60)
LEFT, TOP, RIGHT, BOTTOM = 451, 105, 620, 306
"""The photo on the card frame, pixels."""


def draw_card(background: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A card with a photo: background, hair, face, shirt."""
    card = np.full((416, 640, 3), GROUND, dtype=np.uint8)
    cv2.rectangle(card, (LEFT, TOP), (RIGHT, BOTTOM), background, thickness=-1)
    cv2.ellipse(card, (535, 180), (42, 55), 0, 0, 360, (30, 25, 22), thickness=-1)
    cv2.ellipse(card, (535, 190), (32, 42), 0, 0, 360, (170, 120, 95), thickness=-1)
    cv2.rectangle(card, (475, 250), (595, BOTTOM), (240, 240, 245), thickness=-1)
    noise = np.random.default_rng(1).normal(0.0, 6.0, card.shape)
    return np.asarray(np.clip(card + noise, 0, 255), dtype=np.uint8)


def light(card: NDArray[np.uint8], *gains: float) -> NDArray[np.uint8]:
    return np.asarray(np.clip(card * np.array(gains), 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("gains", [(1, 1, 1), (1.1, 1.0, 0.8), (0.85, 1.0, 1.15), (0.5, 0.5, 0.5), (1.3, 1.3, 1.3)])
@pytest.mark.parametrize(("colour", "found"), [(RED, BackgroundColour.RED), (BLUE, BackgroundColour.BLUE)])
def test_red_and_blue_are_told_under_any_usual_light(
    colour: tuple[int, int, int], found: BackgroundColour, gains: tuple[float, float, float]
) -> None:
    assert find_photo_background(light(draw_card(colour), *gains)) is found


@pytest.mark.parametrize("colour", [GREEN, GROUND, (128, 128, 128), (35, 30, 28), (250, 250, 250)])
def test_other_colours_tell_nothing(colour: tuple[int, int, int]) -> None:
    assert find_photo_background(draw_card(colour)) is None


def test_a_grey_copy_tells_nothing() -> None:
    grey = cv2.cvtColor(draw_card(RED), cv2.COLOR_RGB2GRAY)
    assert find_photo_background(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), dtype=np.uint8)) is None


def test_a_photo_half_red_and_half_blue_tells_nothing() -> None:
    card = draw_card(RED)
    card[:, 535:] = draw_card(BLUE)[:, 535:]
    assert find_photo_background(card) is None
