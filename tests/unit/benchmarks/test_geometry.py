"""Overlaps on shapes whose areas are known by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_benchmarks.geometry import corner_error, covers_ink, mask_iou, polygon_iou, score_boxes, text_turn
from ktp_preprocessing.crops import line_regions


def rectangle(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (rectangle(0, 0, 10, 10), 1.0),
        (rectangle(5, 0, 15, 10), 1 / 3),
        (rectangle(20, 0, 30, 10), 0.0),
        (np.array([[5, 0], [10, 5], [5, 10], [0, 5]], np.float64), 0.5),
    ],
)
def test_polygon_iou(other: NDArray[np.float64], iou: float) -> None:
    assert polygon_iou(rectangle(0, 0, 10, 10), other) == pytest.approx(iou)


@pytest.mark.parametrize("shift", [0.0, 8.0, -8.0])
def test_mask_iou_of_a_shifted_rectangle(shift: float) -> None:
    mask = np.ones((28, 28), np.float32)
    box = np.array([40.0, 60.0, 200.0, 160.0])
    quad = rectangle(40 + shift, 60, 200 + shift, 160)
    expected = (160 - abs(shift)) / (160 + abs(shift))
    assert mask_iou(mask, box, quad, np.array([320.0, 240.0])) == pytest.approx(expected, abs=0.012)


def test_mask_iou_counts_inside_the_image_only() -> None:
    mask = np.ones((28, 28), np.float32)
    box = np.array([0.0, 0.0, 100.0, 100.0])
    beyond = rectangle(-50, 0, 100, 100)
    assert mask_iou(mask, box, beyond, np.array([320.0, 320.0])) == pytest.approx(1.0, abs=0.02)


def test_mask_iou_of_half_a_mask() -> None:
    mask = np.zeros((28, 28), np.float32)
    mask[:, :14] = 1.0
    iou = mask_iou(mask, np.array([20.0, 20.0, 300.0, 300.0]), rectangle(20, 20, 300, 300), np.array([320.0, 320.0]))
    assert iou == pytest.approx(0.5, abs=0.01)


def test_corner_error_is_the_worst_corner_in_per_cent_of_the_width() -> None:
    true = rectangle(0, 0, 200, 126)
    found = true + np.array([[0, 0], [1, 0], [0, 0], [3, 4]])
    assert corner_error(found, true) == pytest.approx(2.5)


def test_text_turns_as_the_outline_does() -> None:
    true = rectangle(100, 100, 300, 226)
    angle = np.radians(2.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert text_turn(true, true) == pytest.approx(0.0, abs=1e-6)
    assert text_turn((true - 200) @ turn + 200, true) == pytest.approx(2.0, abs=0.05)
    assert text_turn(np.zeros((4, 2)), true) == 90.0


def test_boxes_are_matched_one_to_one_best_pairs_first() -> None:
    lines = [rectangle(0, 0, 100, 20), rectangle(0, 40, 100, 60)]
    found = [rectangle(0, 0, 100, 19), rectangle(0, 0, 100, 20), rectangle(0, 200, 100, 220)]
    score = score_boxes(found, lines, [])
    assert (score.true_count, score.found_count, score.matched_count) == (2, 3, 1)


def test_a_box_around_a_label_and_its_value_joins_them() -> None:
    label, value, below = rectangle(0, 0, 100, 20), rectangle(106, 0, 130, 20), rectangle(106, 30, 130, 50)
    score = score_boxes([rectangle(0, 0, 130, 20)], [label, value, below], [])
    assert (score.true_count, score.matched_count, score.joined_count) == (3, 1, 1)
    apart = score_boxes([rectangle(0, 0, 100, 20)], [label, value, below], [])
    assert (apart.matched_count, apart.joined_count) == (1, 0)


def test_a_box_over_ignored_print_counts_neither_way() -> None:
    score = score_boxes([rectangle(0, 0, 50, 20)], [], [rectangle(0, 0, 100, 20)])
    assert (score.true_count, score.found_count, score.matched_count) == (0, 0, 0)
    beside = score_boxes([rectangle(0, 0, 50, 20)], [], [rectangle(30, 0, 100, 20)])
    assert beside.found_count == 1


def test_ink_is_the_line_without_its_margin() -> None:
    line = rectangle(0, 0, 200, 20)  # ink from 2 to 198, and from 2 to 18
    assert covers_ink(rectangle(2, 2, 198, 18), line)
    assert not covers_ink(rectangle(6, 2, 198, 18), line)
    assert covers_ink(line_regions(rectangle(4, 2, 194, 18)[None])[0], line)
    assert not covers_ink(rectangle(0, 0, 200, 16), line)


def test_a_tilted_box_holds_a_tilted_line() -> None:
    turn = np.array([[0.96, -0.28], [0.28, 0.96]])
    line = rectangle(0, 0, 200, 20)
    assert covers_ink(line @ turn.T, line @ turn.T)
    assert not covers_ink(line @ turn.T, line)
