"""The card's known shape: views of it match, others do not, and a missing side can be placed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import infer_side, shape_mismatch

SIZE_PX = (1600, 1200)
AXIS_PX = np.array([799.5, 599.5])
FOCAL_PX = 1.05 * 1600


def view(pitch_degrees: float, yaw_degrees: float, roll_degrees: float) -> NDArray[np.float64]:
    """Corners of a card in the middle of a pinhole camera's image, focal length 1.05 of the longer side."""
    half = np.array([450.0, 450.0 * 53.98 / 85.60])
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * np.array([*half, 1.0])
    roll, pitch, yaw = np.radians([roll_degrees, pitch_degrees, yaw_degrees])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    tip = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    swing = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    points = corners @ (swing @ tip @ turn).T
    seen = points[:, :2] * (FOCAL_PX / (FOCAL_PX + points[:, 2:])) + AXIS_PX
    return np.asarray(seen, dtype=np.float64)


VIEWS = [view(0, 0, 0), view(20, 0, 0), view(0, -25, 90), view(15, 20, -30), view(-30, 10, 200)]


@pytest.mark.parametrize("quad", VIEWS)
def test_views_of_a_card_match(quad: NDArray[np.float64]) -> None:
    assert shape_mismatch(quad[None], SIZE_PX)[0] < 0.012


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
