"""Rectification into the card frame."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import CARD_ASPECT, CARD_FRAME_SIZE_PX, card_frame_quad, rectify


def textured_card() -> NDArray[np.uint8]:
    """A smooth picture in the card frame with nothing symmetric about it."""
    rows, columns = np.indices((CARD_FRAME_SIZE_PX[1], CARD_FRAME_SIZE_PX[0]))
    red = 128 + 100 * np.sin(columns / 23.0) * np.cos(rows / 31.0)
    green = 128 + 100 * np.sin(columns / 61.0 + rows / 47.0)
    blue = columns / 640 * 200 + rows / 416 * 50
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.6, 1.0, 2.5])
@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_rectify_undoes_a_projection(scale: float, quarter_turns: int) -> None:
    card = textured_card()
    upright = np.array([[210.0, 160.0], [840.0, 205.0], [800.0, 640.0], [150.0, 575.0]])
    turns = [np.eye(2), np.array([[0.0, 1.0], [-1.0, 0.0]]), -np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]])]
    quad = ((upright - 500.0) @ turns[quarter_turns] + 500.0) * scale
    size_px = round(1000 * scale)
    to_source = quad_homography(card_frame_quad(), quad)
    source = np.asarray(cv2.warpPerspective(card, to_source, (size_px, size_px), flags=cv2.INTER_CUBIC), np.uint8)

    rectified = rectify(source, quad)

    assert rectified.pixels.shape == (416, 640, 3)
    np.testing.assert_allclose(map_points(rectified.homography, quad), card_frame_quad(), atol=1e-6)
    inside = (slice(20, 396), slice(20, 620))
    error = np.abs(rectified.pixels[inside].astype(int) - card[inside].astype(int))
    assert error.mean() < 1.5
    assert np.percentile(error, 99) < 8


def test_shrinking_does_not_alias() -> None:
    rows, columns = np.indices((3000, 4000))
    checker = ((rows + columns) % 2 * 255).astype(np.uint8)
    source = np.repeat(checker[:, :, None], 3, axis=2)
    quad = np.array([[101.0, 103.0], [3899.0, 105.0], [3905.0, 2495.0], [99.0, 2503.0]])

    rectified = rectify(source, quad)

    assert np.abs(rectified.pixels.astype(int) - 127).max() < 20


def test_card_frame_keeps_the_card_aspect() -> None:
    quad = card_frame_quad()
    aspect = (quad[1, 0] - quad[0, 0]) / (quad[3, 1] - quad[0, 1])
    assert abs(aspect / CARD_ASPECT - 1.0) < 0.003


def test_quad_outside_the_image_repeats_the_border() -> None:
    source = np.full((300, 400, 3), 90, dtype=np.uint8)
    quad = np.array([[-200.0, -100.0], [600.0, -100.0], [600.0, 400.0], [-200.0, 400.0]])
    assert (rectify(source, quad).pixels == 90).all()


def test_degenerate_quad_is_refused() -> None:
    with pytest.raises(ValueError, match="degenerate"):
        rectify(np.zeros((10, 10, 3), dtype=np.uint8), np.zeros((4, 2)))
