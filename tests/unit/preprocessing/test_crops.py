"""Line crops: the right pixels, at the right size, without aliasing."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.crops import LINE_HEIGHT_PX, crop_lines, line_regions
from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import card_frame_quad, rectify

WIDTHS = (128, 256, 384, 512, 768, 1024)


def rectangle(left: float, top: float, width: float, height: float) -> NDArray[np.float64]:
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


def test_crop_shows_the_line_and_repeats_its_last_column() -> None:
    source = np.full((416, 640, 3), 200, dtype=np.uint8)
    cv2.putText(source, "NIK 3171", (100, 116), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 2)

    (crop,) = crop_lines(source, np.eye(3), rectangle(98.0, 98.0, 110.0, 20.0)[None], WIDTHS)

    grown_height, grown_width = 20.0 * 1.3, 110.0 + 20.0 * (0.15 + 0.28)
    assert crop.pixels.shape == (LINE_HEIGHT_PX, 256, 1)
    assert crop.pixels.dtype == np.uint8
    assert crop.content_width_px == round(32 * grown_width / grown_height)
    ink = crop.pixels[:, : crop.content_width_px, 0] < 100
    assert ink.mean() > 0.1
    assert not ink[:2].any()
    assert not ink[-2:].any()
    assert (
        crop.pixels[:, crop.content_width_px :] == crop.pixels[:, crop.content_width_px - 1 : crop.content_width_px]
    ).all()


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.0, 5.0])
def test_crop_is_the_same_at_every_source_resolution(scale: float) -> None:
    rows, columns = np.indices((416, 640))
    pattern = (128 + 90 * np.sin(columns / 9.0) * np.cos(rows / 6.0)).astype(np.uint8)
    card = np.repeat(pattern[:, :, None], 3, axis=2)
    quad = scale * np.array([[60.0, 80.0], [700.0, 40.0], [720.0, 500.0], [30.0, 470.0]])
    to_source = quad_homography(card_frame_quad(), quad)
    size = round(800 * scale), round(600 * scale)
    source = np.asarray(cv2.warpPerspective(card, to_source, size, flags=cv2.INTER_CUBIC), dtype=np.uint8)
    line = rectangle(150.0, 200.0, 260.0, 30.0)[None]

    (crop,) = crop_lines(source, rectify(source, quad).homography, line, WIDTHS)
    (expected,) = crop_lines(card, np.eye(3), line, WIDTHS)

    difference = np.abs(crop.pixels.astype(int) - expected.pixels.astype(int))
    assert crop.content_width_px == expected.content_width_px
    assert difference.mean() < 3.0
    assert difference.max() < 16


def test_fine_source_detail_averages_out() -> None:
    rows, columns = np.indices((2400, 3600))
    source = np.repeat((((rows // 2 + columns // 2) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    homography = quad_homography(np.array(rectangle(100.0, 100.0, 3400.0, 2140.0)), card_frame_quad())

    (crop,) = crop_lines(source, homography, rectangle(100.0, 100.0, 300.0, 40.0)[None], WIDTHS)

    assert np.abs(crop.pixels.astype(int) - 127).max() < 30


def test_long_line_is_compressed_into_the_largest_width() -> None:
    source = np.zeros((416, 640, 3), dtype=np.uint8)
    source[:, 600:] = 255
    (crop,) = crop_lines(source, np.eye(3), rectangle(10.0, 50.0, 620.0, 8.0)[None], WIDTHS)
    assert crop.pixels.shape[1] == 1024
    assert crop.content_width_px == 1024
    assert crop.pixels[16, 0, 0] == 0
    assert crop.pixels[16, 1020, 0] == 255


def test_rotated_line_comes_out_upright() -> None:
    source = np.zeros((416, 640, 3), dtype=np.uint8)
    source[100:300, 100:110] = 255
    quad = np.array([[130.0, 100.0], [130.0, 300.0], [100.0, 300.0], [100.0, 100.0]])  # its top faces right
    (crop,) = crop_lines(source, np.eye(3), quad[None], WIDTHS)
    assert crop.pixels[24, 10:150, 0].min() == 255
    assert crop.pixels[8, :, 0].max() == 0


def test_lines_outside_the_image_and_without_area_still_give_crops() -> None:
    source = np.full((300, 400, 3), 60, dtype=np.uint8)
    quads = np.stack([rectangle(-900.0, -900.0, 100.0, 20.0), rectangle(50.0, 50.0, 0.0, 0.0)])
    crops = crop_lines(source, np.eye(3), quads, WIDTHS)
    assert [crop.pixels.shape[1] for crop in crops] == [256, 128]
    assert all((crop.pixels == 60).all() for crop in crops)


def test_a_lines_region_reaches_further_at_its_end() -> None:
    grown = line_regions(rectangle(10.0, 20.0, 100.0, 20.0)[None])
    np.testing.assert_allclose(grown[0], rectangle(7.0, 17.0, 3.0 + 100.0 + 5.6, 26.0))


def test_a_minus_behind_the_end_of_a_box_is_shown() -> None:
    """Found boxes of `B-` end before the minus, up to a fifth of the line's height."""
    source = np.full((100, 200, 3), 220, dtype=np.uint8)
    source[58:62, 120:124] = 20
    (crop,) = crop_lines(source, np.eye(3), rectangle(90.0, 50.0, 29.0, 20.0)[None], WIDTHS)
    shown = crop.pixels[:, : crop.content_width_px, 0]
    assert (shown < 100).any()
    assert (shown[:, -1] > 180).all(), "paper follows: the mark is whole"


def test_no_lines_no_crops() -> None:
    assert crop_lines(np.zeros((9, 9, 3), dtype=np.uint8), np.eye(3), np.zeros((0, 4, 2)), WIDTHS) == []


def test_unusable_arguments_are_refused() -> None:
    source, line = np.zeros((9, 9, 3), dtype=np.uint8), rectangle(1.0, 1.0, 4.0, 4.0)[None]
    with pytest.raises(ValueError, match="width"):
        crop_lines(source, np.eye(3), line, ())
    with pytest.raises(ValueError, match="inverted"):
        crop_lines(source, np.zeros((3, 3)), line, WIDTHS)


def test_corners_survive_the_composed_homography() -> None:
    quad = np.array([[60.0, 80.0], [700.0, 40.0], [720.0, 500.0], [30.0, 470.0]])
    rectified = rectify(np.zeros((600, 800, 3), dtype=np.uint8), quad)
    np.testing.assert_allclose(map_points(rectified.homography, quad), card_frame_quad(), atol=1e-6)
