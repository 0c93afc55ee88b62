"""The whole image turned by an eighth of a turn, for segmentation to see once more."""

import math

import numpy as np
import pytest

from ktp_preprocessing.closer_look import look_turned
from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.letterbox import LETTERBOX_PADDING_VALUE

SIZES = [(640, 480), (480, 640), (1201, 300), (320, 320), (4000, 3000), (90, 61)]
"""Width and height."""


@pytest.mark.parametrize(("width_px", "height_px"), SIZES)
def test_a_turned_view_shows_all_of_the_image_and_grey_around_it(width_px: int, height_px: int) -> None:
    view = look_turned(np.full((height_px, width_px, 3), 200, dtype=np.uint8), 320)
    ends = np.array([[-0.5, -0.5], [width_px - 0.5, -0.5], [width_px - 0.5, height_px - 0.5], [-0.5, height_px - 0.5]])
    corners = map_points(view.homography, ends)
    assert corners.min() == pytest.approx(-0.5, abs=0.51)
    assert corners.max() == pytest.approx(319.5, abs=0.51)
    x, y = np.round(corners.mean(axis=0)).astype(int)
    assert view.pixels.shape == (320, 320, 3)
    assert (view.pixels[y, x] == 200).all()
    assert (view.pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == LETTERBOX_PADDING_VALUE).all()


def test_a_line_half_way_between_two_quarter_turns_lies_along_a_turned_view() -> None:
    ends = map_points(look_turned(np.zeros((600, 800, 3), np.uint8), 320).homography, np.array([[100, 50], [300, 250]]))
    run, rise = ends[1] - ends[0]
    assert rise == pytest.approx(0.0, abs=1e-9)
    assert run == pytest.approx(200 * math.sqrt(2) * 320 * math.sqrt(2) / 1400)


@pytest.mark.parametrize(("x", "y"), [(200, 150), (700, 520), (50, 560)])
def test_the_homography_leads_to_where_a_turned_view_shows_a_thing(x: int, y: int) -> None:
    pixels = np.zeros((600, 800, 3), dtype=np.uint8)
    pixels[y - 8 : y + 9, x - 8 : x + 9] = 255
    view = look_turned(pixels, 320)
    seen = np.argwhere(view.pixels[..., 0] > 200)[:, ::-1].mean(axis=0)
    assert np.abs(seen - map_points(view.homography, np.array([[x, y]], dtype=np.float64))[0]).max() < 0.5
