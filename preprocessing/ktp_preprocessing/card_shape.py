"""What a card's known shape says about its outline, seen by a camera of about a phone's focal length.

A homography from the card's plane is K [r1 r2 t] for a camera K: the back-projected axes r1 and r2 must be
perpendicular, and their lengths in the ratio of the card's sides.
Source: Zhang, "A flexible new technique for camera calibration", 2000.
"""

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import unit_square_homographies
from ktp_preprocessing.rectify import CARD_ASPECT

USUAL_FOCAL_LENGTH = 1.05
"""Of a phone's camera, in units of the image's longer side."""

FOCAL_RANGE = (0.6, 2.8)
"""Shortest and longest focal length of a phone's camera, in units of the image's longer side: 0.7 to 1 at wide angle,
up to 2.4 at tele or when cropped."""


def shape_mismatch(quads: NDArray[np.float64], size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Tell how far outlines are from any view of an ID-1 card.

    The optical axis is not known in a cropped image: the image's middle and the card's own are both tried.

    Args:
        quads: (N, 4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        size_px: width and height of the source image.

    Returns:
        (N,) float64: the smallest sum, over axes and a phone's focal lengths, of the relative error of the aspect and
        the cosine between the card's axes; 0 for a perfect view, about 0.03 where one side is off by 3 % of the card.
    """
    middle = (np.array(size_px, dtype=np.float64) - 1.0) / 2.0
    homographies = unit_square_homographies(np.concatenate([quads - middle, quads - quads.mean(axis=1, keepdims=True)]))
    right, down = homographies[:, :, 0], homographies[:, :, 1]
    # With the axes' third components stretched by the focal length, two numbers each: in the image plane, and along it.
    across, along, product = (_plane_and_depth(pair) for pair in ((right, right), (down, down), (right, down)))
    # The sum of two absolute values is least where one of them is 0, or at an end of the range.
    lowest, highest = ((focal * max(size_px)) ** 2 for focal in FOCAL_RANGE)
    stretch = np.array([_zero_of(product), _zero_of(across - CARD_ASPECT**2 * along)]).clip(lowest, highest)
    stretch = np.concatenate([stretch, np.broadcast_to([[lowest], [highest]], stretch.shape)])
    across, along, product = (terms[0] + stretch * terms[1] for terms in (across, along, product))
    across, along = np.maximum(across, 1e-18), np.maximum(along, 1e-18)
    mismatch = np.abs(0.5 * np.log(across / along) - np.log(CARD_ASPECT)) + np.abs(product) / np.sqrt(across * along)
    best: NDArray[np.float64] = mismatch.reshape(-1, len(quads)).min(axis=0)
    return best


def _plane_and_depth(axes: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Give the two parts of axes' (N, 3) scalar products: (2, N), the second grows with the focal length's square."""
    products = axes[0] * axes[1]
    return np.stack([products[:, :2].sum(axis=1), products[:, 2]])


def _zero_of(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the squares of the focal length at which constant and growing terms (2, N) add up to 0."""
    growing = np.where(np.abs(terms[1]) < 1e-18, 1e-18, terms[1])
    return np.asarray(-terms[0] / growing, dtype=np.float64)


def infer_side(
    quad: NDArray[np.float64], missing_side: int, axis_px: NDArray[np.float64], focal_px: float
) -> NDArray[np.float64]:
    """Place a side that is out of the frame where the card's aspect and the three other sides put it.

    Args:
        quad: (4, 2) float64 corners; those of the missing side lie anywhere on its neighbours' lines.
        missing_side: 0 top, 1 right, 2 bottom, 3 left.
        axis_px: (2,) where the optical axis meets the image, source pixels.
        focal_px: the camera's focal length, source pixels.

    Returns:
        (4, 2) float64 corners, those of the missing side replaced.
    """
    rolled = np.roll(quad, -((missing_side + 2) % 4), axis=0)  # the known side runs from corner 0 to 1
    rays = np.column_stack([rolled - axis_px, np.full(4, focal_px)])
    sides = np.cross(rays, np.roll(rays, -1, axis=0))  # planes through the camera and each side
    across = np.cross(sides[1], sides[3])  # direction shared by the two neighbours, away from the known side
    if across @ (rays[2] - rays[1]) < 0:
        across = -across
    along = np.cross(sides[0], across)
    normal = np.cross(along, across)
    depths = rays[:2] @ normal
    if np.linalg.norm(across) < 1e-9 or np.abs(depths).min() < 1e-9:
        return quad
    known = rays[:2] / depths[:, None] * depths[0]
    ratio = 1.0 / CARD_ASPECT if missing_side % 2 == 0 else CARD_ASPECT
    reach = np.linalg.norm(known[1] - known[0]) * ratio * across / np.linalg.norm(across)
    far = known + reach
    if far[:, 2].min() <= 1e-9:
        return quad
    placed = far[:, :2] / far[:, 2:] * focal_px + axis_px
    return np.asarray(np.roll(np.vstack([rolled[:2], placed[::-1]]), (missing_side + 2) % 4, axis=0), dtype=np.float64)
