"""Choosing the card among detections."""

import numpy as np
import pytest

from ktp_server.cards import CardSelection, select_card, shows_card
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.models import CardInstance

SELECTION = CardSelection(score_min=0.5, extra_score_min=0.8)
LENIENT = CardSelection(score_min=0.5, extra_score_min=0.8, refuses_several=False)


def instance(box: tuple[float, float, float, float], score: float, quarter_turns: int = 0) -> CardInstance:
    return CardInstance(np.array(box, dtype=np.float32), score, quarter_turns, np.ones((28, 28), dtype=np.float32))


CARD = (100.0, 100.0, 260.0, 200.0)
ASIDE = (0.0, 0.0, 90.0, 90.0)


def test_best_detection_is_the_card() -> None:
    assert shows_card([instance(CARD, 0.9, 2), instance(CARD, 0.6, 1)], SELECTION)
    selected = select_card([instance(CARD, 0.9, 2), instance(CARD, 0.6, 1)], SELECTION)
    assert selected.instance.quarter_turns == 2
    assert selected.other_score == 0.0


@pytest.mark.parametrize("instances", [[], [instance(CARD, 0.49)], [instance((50.0, 50.0, 50.0, 80.0), 0.9)]])
def test_nothing_sure_enough_is_no_card(instances: list[CardInstance]) -> None:
    assert not shows_card(instances, SELECTION)
    with pytest.raises(RecognitionError) as caught:
        select_card(instances, SELECTION)
    assert caught.value.reason is ErrorReason.CARD_NOT_FOUND


def test_second_card_elsewhere_is_one_too_many() -> None:
    with pytest.raises(RecognitionError, match="2 identity cards") as caught:
        select_card([instance(CARD, 0.9), instance(ASIDE, 0.85)], SELECTION)
    assert caught.value.reason is ErrorReason.TOO_MANY_CARDS


def test_where_several_only_warn_the_largest_sure_one_is_taken() -> None:
    selected = select_card([instance(ASIDE, 0.99), instance(CARD, 0.9), instance((0, 300, 400, 600), 0.6)], LENIENT)
    assert np.array_equal(selected.instance.box, np.array(CARD, dtype=np.float32))
    assert selected.other_score == pytest.approx(0.99)


def test_a_small_sure_card_in_the_background_does_not_replace_the_one_in_front() -> None:
    selected = select_card([instance((0.0, 0.0, 40.0, 30.0), 0.99), instance(CARD, 0.9)], SELECTION)
    assert np.array_equal(selected.instance.box, np.array(CARD, dtype=np.float32))
    assert selected.other_score == 0.0


@pytest.mark.parametrize(
    ("other", "other_score"),
    [
        (instance(ASIDE, 0.7), 0.7),
        (instance((0.0, 0.0, 40.0, 30.0), 0.99), 0.0),
        (instance((110.0, 105.0, 250.0, 190.0), 0.99), 0.0),
    ],
    ids=["unsure", "small, far away", "the same card again"],
)
def test_what_is_no_second_card(other: CardInstance, other_score: float) -> None:
    selected = select_card(sorted([instance(CARD, 0.995), other], key=lambda one: -one.score), SELECTION)
    assert selected.instance.score == 0.995
    assert selected.other_score == pytest.approx(other_score)
