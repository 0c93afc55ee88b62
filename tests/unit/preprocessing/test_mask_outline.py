"""A coarse mask gives a quadrilateral finer than its cells."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.letterbox import Letterboxed
from ktp_preprocessing.mask_outline import (
    CardMask,
    MaskOutline,
    fit_mask_outline,
    intersect_sides,
    line_through,
    order_clockwise,
)
from tests.unit.preprocessing.drawn_cards import simulate_mask

SIZE_PX = (320, 240)
PLAIN = Letterboxed(np.zeros((320, 320, 3), dtype=np.uint8), np.eye(3))
QUADS = [
    np.array([[60.0, 50.0], [250.0, 60.0], [245.0, 180.0], [55.0, 170.0]]),
    np.array([[90.0, 40.0], [240.0, 90.0], [200.0, 200.0], [45.0, 140.0]]),
    np.array([[130.0, 20.0], [230.0, 40.0], [200.0, 215.0], [95.0, 190.0]]),
]


def fit(mask: NDArray[np.float32], box: NDArray[np.float64]) -> MaskOutline:
    return fit_mask_outline(CardMask(mask, box, 0, np.eye(3)), SIZE_PX)


def largest_error(found: NDArray[np.float64], quad: NDArray[np.float64]) -> float:
    return min(float(np.linalg.norm(np.roll(found, turn, axis=0) - quad, axis=1).max()) for turn in range(4))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("quad", QUADS)
def test_corners_are_within_a_cell(quad: NDArray[np.float64], seed: int) -> None:
    mask, box = simulate_mask(quad, PLAIN, SIZE_PX, seed)
    outline = fit(mask, box)
    assert largest_error(outline.quad, quad) < 1.6 * (box[2:] - box[:2]).max() / 28
    assert outline.visible.all()


def test_specks_and_holes_are_ignored() -> None:
    mask, box = simulate_mask(QUADS[0], PLAIN, SIZE_PX)
    clean = fit(mask, box)
    dirty = mask.copy()
    dirty[12:16, 10:15] = 0.1
    dirty[0, 27] = dirty[27, 0] = 0.1
    dirty[27, 27] = 0.1
    outline = fit(dirty, box)
    assert largest_error(outline.quad, clean.quad) < 3.0


def test_sides_at_the_image_border_are_told_and_put_on_it() -> None:
    quad = np.array([[-20.0, 50.0], [170.0, 55.0], [168.0, 175.0], [-25.0, 170.0]])
    mask, box = simulate_mask(quad, PLAIN, SIZE_PX)
    outline = fit(mask, box)
    hidden = np.flatnonzero(~outline.visible)
    assert len(hidden) == 1
    ends = outline.quad[[hidden[0], (hidden[0] + 1) % 4]]
    np.testing.assert_allclose(ends[:, 0], -0.5, atol=1e-6)


def test_empty_mask_gives_the_box() -> None:
    outline = fit(np.zeros((28, 28), dtype=np.float32), np.array([10.0, 20.0, 50.0, 60.0]))
    np.testing.assert_allclose(outline.quad, [[10.0, 20.0], [50.0, 20.0], [50.0, 60.0], [10.0, 60.0]])
    assert not outline.visible.any()


def test_sides_at_the_border_are_told_in_a_turned_view() -> None:
    """The image's border lies askew in a view that turned the card upright."""
    quad = np.array([[-20.0, 50.0], [170.0, 55.0], [168.0, 175.0], [-25.0, 170.0]])
    angle = np.radians(30.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 80.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    seen = np.clip(quad, -0.5, 319.5)  # what is out of the image shows in no view of it
    mask, box = simulate_mask(seen, Letterboxed(PLAIN.pixels, turn), SIZE_PX)
    outline = fit_mask_outline(CardMask(mask, box, 0, turn), SIZE_PX)
    assert outline.visible.tolist() == [True, True, True, False]
    np.testing.assert_allclose(outline.quad[[0, 3], 0], -0.5, atol=1e-6)
    assert np.abs(outline.quad - seen).max() < 10.0


def test_order_is_clockwise_in_the_image() -> None:
    ordered = order_clockwise(np.array([[10.0, 10.0], [0.0, 0.0], [0.0, 10.0], [10.0, 0.0]]))
    edges = np.roll(ordered, -1, axis=0) - ordered
    following = np.roll(edges, -1, axis=0)
    assert (edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > 0).all()


def test_lines_intersect_in_the_corners_they_came_from() -> None:
    quad = QUADS[1]
    lines = np.array([line_through(quad[side], quad[(side + 1) % 4]) for side in range(4)])
    corners = intersect_sides(lines)
    assert corners is not None
    np.testing.assert_allclose(corners, quad, atol=1e-9)
    assert intersect_sides(lines[[0, 0, 1, 1]]) is None
