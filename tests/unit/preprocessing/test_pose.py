"""A card's pose from its corners alone, against poses that a camera model drew."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ktp_preprocessing.pose import estimate_pose
from ktp_specimen.pose import Pose, project
from tests.unit.preprocessing.drawn_cards import view_of_card

SIZE_PX = (1600, 1200)
FOCAL_LENGTH = 1680.0 / 1600.0
"""Of `view_of_card`."""

ANGLES = st.floats(-50.0, 50.0)


@given(ANGLES, ANGLES, st.floats(-179.0, 179.0), st.floats(0.7, 2.0))
def test_a_known_camera_gives_the_exact_pose(pitch: float, yaw: float, roll: float, focal: float) -> None:
    """The renderer turns the card by its own angles first, the camera's axes last; the tilt is the same."""
    seen = Pose((700.0, 620.0), 500.0, roll, pitch, yaw, focal)
    quad = project(seen, (SIZE_PX[1], SIZE_PX[0]))
    found = estimate_pose(quad, SIZE_PX, focal)
    assert found.tilt_degrees == pytest.approx(seen.tilt_degrees, abs=0.01)
    right, top = np.radians([found.yaw_degrees, found.pitch_degrees])
    assert np.sin(right) ** 2 + np.sin(top) ** 2 == pytest.approx(np.sin(np.radians(found.tilt_degrees)) ** 2, abs=1e-6)


@given(ANGLES, ANGLES, st.floats(-30.0, 30.0), st.floats(0.75, 1.6))
def test_an_unknown_camera_gives_the_tilt_within_a_few_degrees(
    pitch: float, yaw: float, roll: float, focal: float
) -> None:
    seen = Pose((760.0, 600.0), 900.0, roll, pitch, yaw, focal)
    assume(seen.tilt_degrees < 50.0)
    found = estimate_pose(project(seen, (SIZE_PX[1], SIZE_PX[0])), SIZE_PX)
    assert found.tilt_degrees == pytest.approx(seen.tilt_degrees, abs=6.0)


@pytest.mark.parametrize("degrees", [-35.0, -10.0, 20.0, 45.0])
def test_each_angle_has_its_sign(degrees: float) -> None:
    """The drawing's positive angles move the bottom and the left side away."""
    pitched = estimate_pose(view_of_card(degrees, 0.0, 0.0), SIZE_PX, FOCAL_LENGTH)
    assert (pitched.pitch_degrees, pitched.yaw_degrees) == pytest.approx((-degrees, 0.0), abs=0.01)
    swung = estimate_pose(view_of_card(0.0, degrees, 0.0), SIZE_PX, FOCAL_LENGTH)
    assert (swung.pitch_degrees, swung.yaw_degrees) == pytest.approx((0.0, -degrees), abs=0.01)
    rolled = estimate_pose(view_of_card(0.0, 0.0, degrees), SIZE_PX)
    assert rolled.roll_degrees == pytest.approx(degrees, abs=0.01)
    assert rolled.tilt_degrees == pytest.approx(0.0, abs=0.01)


def test_a_degenerate_outline_has_finite_angles() -> None:
    pose = estimate_pose(np.zeros((4, 2)), SIZE_PX)
    assert np.isfinite([pose.pitch_degrees, pose.yaw_degrees, pose.roll_degrees, pose.tilt_degrees]).all()
