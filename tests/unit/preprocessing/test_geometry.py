"""Homographies from quadrilaterals, and points through them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_preprocessing.geometry import map_points, quad_homography, side_lengths

UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@given(st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8))
def test_quad_homography_maps_corners_onto_corners(offsets: list[float]) -> None:
    target = 100.0 * (UNIT + np.array(offsets).reshape(4, 2))

    homography = quad_homography(UNIT, target)

    np.testing.assert_allclose(map_points(homography, UNIT), target, atol=1e-6)


def test_degenerate_quad_is_refused() -> None:
    line = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    with pytest.raises(ValueError, match="degenerate"):
        quad_homography(line, UNIT)


def test_side_lengths_start_with_the_top() -> None:
    quad = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]])
    np.testing.assert_allclose(side_lengths(quad), [3.0, 2.0, 3.0, 2.0])
