"""Where a flat rectangle lies before the camera, and where its corners appear in the image."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.ground import CARD_ASPECT


@dataclass(frozen=True, slots=True)
class Pose:
    """A flat rectangle before a pinhole camera whose optical axis passes through the image's centre.

    Attributes:
        centre: (x, y) of its centre, image pixels.
        width_px: length of its long side, were it seen frontally.
        rotation_degrees: clockwise turn in the image plane.
        pitch_degrees: tilt about the horizontal axis.
        yaw_degrees: tilt about the vertical axis.
        focal: focal length, of the image's longer side; 0.67 is a phone's 24 mm equivalent, 1.94 a 70 mm.
    """

    centre: tuple[float, float]
    width_px: float
    rotation_degrees: float
    pitch_degrees: float
    yaw_degrees: float
    focal: float = 1.2

    @property
    def tilt_degrees(self) -> float:
        """Angle between the rectangle's normal and the optical axis."""
        pitch, yaw = np.radians([self.pitch_degrees, self.yaw_degrees])
        return float(np.degrees(np.arccos(np.cos(pitch) * np.cos(yaw))))


def project(pose: Pose, shape: tuple[int, int], aspect: float = CARD_ASPECT) -> NDArray[np.float64]:
    """Corners of a rectangle in the image of (height, width): (4, 2), clockwise from its own top left.

    The further a card lies from the optical axis, the more its shape changes with its tilt, as in a photograph.
    """
    half = np.array([0.5, 0.5 / aspect]) * pose.width_px
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * np.array([*half, 1.0])
    roll, pitch, yaw = np.radians([pose.rotation_degrees, pose.pitch_degrees, pose.yaw_degrees])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    tip = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    swing = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    axis = np.array([shape[1] - 1, shape[0] - 1]) / 2
    distance = pose.focal * max(shape)
    points = corners @ (swing @ tip @ turn).T + np.array([*(np.array(pose.centre) - axis), distance])
    depth = np.maximum(points[:, 2:], 0.05 * distance)
    seen: NDArray[np.float64] = points[:, :2] * (distance / depth) + axis
    return seen


def homography(quad: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """3 × 3 from an upright picture of (width, height) to a quad in the scene."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    matrix: NDArray[np.float64] = cv2.getPerspectiveTransform(corners, quad.astype(np.float32)).astype(np.float64)
    return matrix
