"""The card's known shape: views of it match, others do not, and a missing side can be placed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import infer_side, shape_mismatch
from tests.unit.preprocessing.drawn_cards import view_of_card

SIZE_PX = (1600, 1200)
AXIS_PX = np.array([799.5, 599.5])
FOCAL_PX = 1680.0


VIEWS = [
    view_of_card(0, 0, 0),
    view_of_card(20, 0, 0),
    view_of_card(0, -25, 90),
    view_of_card(15, 20, -30),
    view_of_card(-30, 10, 200),
]


@pytest.mark.parametrize("quad", VIEWS)
def test_views_of_a_card_match(quad: NDArray[np.float64]) -> None:
    assert shape_mismatch(quad[None], SIZE_PX)[0] < 1e-6


@pytest.mark.parametrize("quad", [VIEWS[0], VIEWS[3], VIEWS[4]])
def test_a_moved_side_matches_worse(quad: NDArray[np.float64]) -> None:
    """Where only one axis is tilted, another focal length explains a moved side as well."""
    moved = quad.copy()
    moved[[0, 3]] += 0.06 * (quad[[0, 3]] - quad[[1, 2]])
    both = shape_mismatch(np.stack([quad, moved]), SIZE_PX)
    assert both[1] > both[0] + 0.01


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("quad", VIEWS)
def test_missing_side_is_placed_by_the_others(quad: NDArray[np.float64], side: int) -> None:
    first, second, before, after = side, (side + 1) % 4, (side + 3) % 4, (side + 2) % 4
    cut = quad.copy()
    cut[first] += 0.07 * (quad[before] - quad[first])
    cut[second] += 0.11 * (quad[after] - quad[second])
    np.testing.assert_allclose(infer_side(cut, side, AXIS_PX, FOCAL_PX), quad, atol=0.5)
