"""Text boxes are found again from a map drawn as training labels are."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_postprocessing.text_boxes import find_text_boxes

MAP_SHAPE = (416, 640)
SHRINK_RATIO = 0.7


def make_quad(left: float, top: float, size: tuple[float, float], angle: float) -> NDArray[np.float64]:
    """A (4, 2) rectangle turned by `angle` about its top left."""
    width, height = size
    corners = np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    quad: NDArray[np.float64] = corners @ turn + np.array([left, top])
    return quad


def draw_core(image: NDArray[np.uint8], quad: NDArray[np.float64]) -> None:
    """Draw a quad's shrunk core: pixels whose centre lies D = A (1 - r^2) / L or more inside."""
    across, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = np.linalg.norm(across), np.linalg.norm(down)
    offset = width * height * (1 - SHRINK_RATIO**2) / (2 * (width + height))
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    points = np.stack([x, y], axis=-1) - quad[0]
    along, below = points @ (across / width), points @ (down / height)
    inside = (along >= offset) & (along <= width - offset) & (below >= offset) & (below <= height - offset)
    image[inside] = 255


@pytest.mark.parametrize("angle", [-0.05, 0.0, 0.02])
def test_lines_of_every_length_are_found_at_their_place_and_size(angle: float) -> None:
    image = np.zeros(MAP_SHAPE, np.uint8)
    sizes = [(11.0, 13.0), (30.0, 12.0), (80.0, 13.0), (200.0, 14.0), (420.0, 13.0), (300.0, 21.0)]
    quads = [make_quad(60.3, 60.6 + 30 * row, size, angle) for row, size in enumerate(sizes)]
    for quad in quads:
        draw_core(image, quad)
    boxes = find_text_boxes(image)
    assert len(boxes) == len(quads)
    for box, quad, (width, height) in zip(boxes, quads, sizes, strict=True):
        assert np.abs(box.quad.mean(axis=0) - quad.mean(axis=0)).max() < 1.0
        assert np.linalg.norm(box.quad[1] - box.quad[0]) == pytest.approx(width, abs=4)
        assert np.linalg.norm(box.quad[3] - box.quad[0]) == pytest.approx(height, rel=0.25)
        assert np.linalg.norm(box.quad - quad, axis=1).max() < 4.5
        assert box.score > 0.95


def test_an_empty_map_has_no_boxes() -> None:
    assert find_text_boxes(np.zeros(MAP_SHAPE, np.uint8)) == []


def test_faint_marks_are_no_text() -> None:
    image = np.zeros(MAP_SHAPE, np.uint8)
    cv2.rectangle(image, (100, 100), (200, 104), 90, cv2.FILLED)
    assert find_text_boxes(image) == []


def test_a_core_at_the_edge_of_the_map_is_found() -> None:
    image = np.zeros(MAP_SHAPE, np.uint8)
    cv2.rectangle(image, (0, 0), (639, 3), 255, cv2.FILLED)
    assert len(find_text_boxes(image)) == 1


def test_a_lone_mark_is_as_high_as_the_lines_beside_it() -> None:
    probability = np.zeros((120, 300), np.uint8)
    for top in (10, 30, 50, 70):
        probability[top : top + 7, 20:200] = 250
    probability[92:94, 240:246] = 250  # the core of a `-`
    boxes = find_text_boxes(probability)
    heights = [float(np.linalg.norm(box.quad[3] - box.quad[0])) for box in boxes]
    assert len(heights) == 5
    assert heights[-1] == pytest.approx(0.9 * heights[0], rel=0.02)
    assert boxes[-1].quad[:, 1].mean() == pytest.approx(93, abs=1.0)
