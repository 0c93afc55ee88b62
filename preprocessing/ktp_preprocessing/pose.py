"""From which direction a card is seen: its pose before the camera, from its corners and its known shape.

The homography from the card's plane is K [r1 r2 t] for a camera K: with the focal length, its columns are the card's
axes in space. Where the focal length is not known, the one counts for which the axes are perpendicular and in the ratio
of the card's sides; a card seen from above says little about it, but then it matters little.
Source: Zhang, "A flexible new technique for camera calibration", 2000.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import USUAL_FOCAL_LENGTH
from ktp_preprocessing.geometry import unit_square_homographies
from ktp_preprocessing.rectify import CARD_ASPECT

_FOCAL_LENGTHS = np.geomspace(0.6, 3.0, 33)
"""Focal lengths that are tried, in units of the image's longer side: from a wide phone to a tele or cropped picture."""

_MISFIT_DEVIATION = 0.004
_FOCAL_DEVIATION = 0.35
"""How much of a misfit the corners' own error makes, and how far (natural logarithm) focal lengths are from the usual
one: together they decide where the view says little."""


@dataclass(frozen=True, slots=True)
class CardPose:
    """How a card is turned before the camera, in degrees; all 0 when it is seen upright from right above.

    Attributes:
        pitch_degrees: turn about the card's horizontal axis, [-90, 90]; positive when its top is farther away.
        yaw_degrees: turn about its vertical axis, [-90, 90]; positive when its right side is farther away.
        roll_degrees: clockwise turn in the picture, (-180, 180].
        tilt_degrees: angle between the line that stands upright on the card and the camera's axis, [0, 90].
    """

    pitch_degrees: float
    yaw_degrees: float
    roll_degrees: float
    tilt_degrees: float


def estimate_pose(quad: NDArray[np.float64], size_px: tuple[int, int], focal_length: float | None = None) -> CardPose:
    """Estimate a card's pose.

    Args:
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        size_px: width and height of the source image, whose middle the optical axis is taken to meet.
        focal_length: of the camera, in units of the image's longer side; None where it is not known.

    Returns:
        The pose: within about a degree where the focal length is known and the picture is not cropped, within a few
        degrees otherwise.
    """
    middle = (np.array(size_px, dtype=np.float64) - 1.0) / 2.0
    square = unit_square_homographies((quad - middle)[None])[0]
    focals = _FOCAL_LENGTHS if focal_length is None else np.array([focal_length])
    cameras = np.column_stack([np.ones((len(focals), 2)), focals * max(size_px)])
    axes = square[:, :2].T * cameras[:, None]  # (F, 2, 3): right and down, for each focal length
    lengths = np.maximum(np.linalg.norm(axes, axis=2, keepdims=True), 1e-9)
    axes = axes / lengths
    aspect_error = np.log(lengths[:, 0, 0] / lengths[:, 1, 0] / CARD_ASPECT)
    cosine = (axes[:, 0] * axes[:, 1]).sum(axis=1)
    unusual = np.log(focals / USUAL_FOCAL_LENGTH)
    costs = (aspect_error**2 + cosine**2) / _MISFIT_DEVIATION**2 + (unusual / _FOCAL_DEVIATION) ** 2
    right, down = axes[int(np.argmin(costs))]
    normal = np.cross(right, down)
    depth = np.clip(normal[2] / max(float(np.linalg.norm(normal)), 1e-9), -1.0, 1.0)
    pitch, yaw = np.degrees(np.arcsin(np.clip([-down[2], right[2]], -1.0, 1.0)))
    roll = float(np.degrees(np.arctan2(right[1] - down[0], right[0] + down[1])))
    tilt = float(np.degrees(np.arccos(depth)))
    return CardPose(float(pitch), float(yaw), 180.0 if roll <= -180.0 else roll, tilt)
