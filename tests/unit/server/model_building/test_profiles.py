"""Shapes that plans are tuned for, and how exact they must be."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_server.engines.port import TensorBatch
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.model_building.deviations import find_deviations
from ktp_server.model_building.profiles import calibration_items, plan_profiles, span_profiles

SPECS = read_model_repository(find_model_repository())


def test_every_width_has_a_profile_of_its_own() -> None:
    profiles = plan_profiles(SPECS["ktp_text_recognition"])
    widths = [int(width) for width in SPECS["ktp_text_recognition"].parameters["widths"].split(",")]
    assert [profile.smallest["image"] for profile in profiles] == [(1, 32, width, 1) for width in widths]
    assert [profile.best["image"] for profile in profiles] == [(32, 32, width, 1) for width in widths]
    assert [profile.largest["image"] for profile in profiles] == [(64, 32, width, 1) for width in widths]


def test_fixed_shapes_need_one_profile() -> None:
    (profile,) = plan_profiles(SPECS["ktp_segmentation"])
    assert (profile.smallest["image"], profile.largest["image"]) == ((1, 320, 320, 3), (8, 320, 320, 3))


def test_one_profile_for_all_widths_spans_them() -> None:
    span = span_profiles(plan_profiles(SPECS["ktp_text_recognition"]))
    assert [shapes["image"] for shapes in (span.smallest, span.best, span.largest)] == [
        (1, 32, 96, 1),
        (32, 32, 384, 1),
        (64, 32, 1024, 1),
    ]


def answer(**outputs: NDArray[np.generic]) -> TensorBatch:
    return TensorBatch(outputs)


RNG = np.random.default_rng(7)
VALUES = RNG.normal(size=(2, 5000)).astype(np.float32)


def test_rounding_is_no_deviation() -> None:
    assert find_deviations(answer(y=VALUES), answer(y=VALUES.astype(np.float16).astype(np.float32))) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (VALUES * np.float32(1.2), "of y differ by more than 2%"),
        (VALUES[:, ::-1].copy(), "of y differ"),
        (VALUES.astype(np.float64), "y is float64"),
        (VALUES[:, :10], r"y is float32 \(2, 10\) instead of float32 \(2, 5000\)"),
    ],
)
def test_wrong_answers_are_deviations(found: NDArray[np.generic], message: str) -> None:
    (deviation,) = find_deviations(answer(y=VALUES), answer(y=found))
    assert re.search(message, deviation)


def cards(*slots: tuple[float, int, tuple[float, float, float, float]]) -> TensorBatch:
    """A segmentation's answer: score, quarter turns and box of each slot, whose mask fills the box."""
    return answer(
        scores=np.array([[score for score, _, _ in slots]], dtype=np.float32),
        labels=np.array([[turns for _, turns, _ in slots]], dtype=np.int64),
        boxes=np.array([[box for _, _, box in slots]], dtype=np.float32),
        masks=np.ones((1, len(slots), 28, 28), dtype=np.float32),
    )


LEFT, RIGHT = (10.0, 20.0, 110.0, 90.0), (150.0, 20.0, 250.0, 90.0)


def test_order_and_empty_slots_of_cards_do_not_count() -> None:
    expected = cards((0.99, 1, LEFT), (0.98, 0, RIGHT), (0.0, 0, LEFT))
    assert find_deviations(expected, cards((0.985, 0, RIGHT), (0.98, 1, LEFT), (0.01, 3, RIGHT))) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (cards((0.99, 1, LEFT), (0.1, 0, RIGHT)), "1 cards instead of 2"),
        (cards((0.99, 2, LEFT), (0.98, 0, RIGHT)), "2 quarter turns"),
        (cards((0.9, 1, LEFT), (0.98, 0, RIGHT)), "score 0.900 instead of"),
        (cards((0.99, 1, (30.0, 20.0, 130.0, 90.0)), (0.98, 0, RIGHT)), "overlap of 0.6"),
    ],
)
def test_other_cards_are_deviations(found: TensorBatch, message: str) -> None:
    deviations = find_deviations(cards((0.99, 1, LEFT), (0.98, 0, RIGHT)), found)
    assert any(message in deviation for deviation in deviations)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([2, 3, 5])), max_size=8))
def test_calibration_uses_single_items_of_the_commonest_shape(shapes: list[tuple[int, int]]) -> None:
    batches = [answer(x=np.full(shape, index, dtype=np.int32)) for index, shape in enumerate(shapes)]
    counts = {extent: sum(n for n, other in shapes if other == extent) for _, extent in shapes}
    items = calibration_items(batches)
    assert len(items) == max(counts.values(), default=0)
    assert len({item.tensors["x"].shape for item in items}) <= 1
    assert all(item.item_count == 1 for item in items)
