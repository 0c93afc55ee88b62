"""A KTP's rows are where every KTP has them; other cards' are not."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.print_layout import score_layout
from ktp_preprocessing.rectify import CARD_FRAME_MARGIN_PX, CARD_FRAME_SIZE_PX
from ktp_specimen.card import draw_style, print_card
from ktp_specimen.fonts import STANDARD
from ktp_specimen.other_cards import (
    draw_back,
    draw_bank_card,
    draw_blank,
    draw_licence,
    draw_member_card,
    draw_passport,
)
from ktp_specimen.people import PersonRecipe, invent_person
from ktp_specimen.reproduction import copy_card
from ktp_specimen.sheet import Image

SEEDS = range(6)


def in_frame(card: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Put a drawn card into the card frame."""
    margin_x, margin_y = CARD_FRAME_MARGIN_PX
    size = CARD_FRAME_SIZE_PX[0] - 2 * margin_x, CARD_FRAME_SIZE_PX[1] - 2 * margin_y
    inner = cv2.resize(np.clip(card, 0, 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    bordered = cv2.copyMakeBorder(
        inner, margin_y, margin_y, margin_x, margin_x, cv2.BORDER_CONSTANT, value=(60, 60, 60)
    )
    return np.asarray(bordered, dtype=np.uint8)


def ktp(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return print_card(rng, invent_person(rng, PersonRecipe()), draw_style(rng, STANDARD, 0.5), 1000).pixels


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ktp_is_like_one_dark_blurred_or_copied(seed: int) -> None:
    card = ktp(seed)
    frame = in_frame(card)
    assert score_layout(frame) > 0.7
    assert score_layout(np.asarray(frame // 4, dtype=np.uint8)) > 0.6
    assert score_layout(np.asarray(cv2.GaussianBlur(frame, (0, 0), 2.0), dtype=np.uint8)) > 0.6
    assert score_layout(in_frame(copy_card(np.random.default_rng(seed), card, 0.3))) > 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ktp_upside_down_is_unlike_one(seed: int) -> None:
    assert score_layout(np.ascontiguousarray(in_frame(ktp(seed))[::-1, ::-1])) < 0.5


@pytest.mark.parametrize("draw", [draw_back, draw_bank_card, draw_blank, draw_licence, draw_member_card, draw_passport])
def test_other_cards_have_their_print_elsewhere(draw: Callable[[np.random.Generator, int], Image]) -> None:
    scores = [score_layout(in_frame(draw(np.random.default_rng(seed), 1000))) for seed in range(12)]
    assert sum(score < 0.5 for score in scores) >= 9
    assert max(scores) < 0.65  # below every KTP above


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_nothing_has_no_layout(level: int) -> None:
    assert score_layout(np.full((*CARD_FRAME_SIZE_PX[::-1], 3), level, dtype=np.uint8)) == 0.0
