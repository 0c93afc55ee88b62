import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_specimen.legibility import judge_lines

QUADS = np.array([[[40, y], [440, y], [440, y + 30], [40, y + 30]] for y in (40, 120, 200)], np.float64)


def draw_card() -> NDArray[np.float32]:
    """Three lines of writing on a light card: grey and ink, (500, 800, 2)."""
    ink = np.zeros((500, 800), np.uint8)
    for quad in QUADS:
        cv2.putText(ink, "MENGURUS RUMAH 123", (44, int(quad[2, 1]) - 5), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
    coverage = ink.astype(np.float32) / 255
    return np.dstack([200 - 140 * coverage, coverage])


def judge(grey: NDArray[np.float32]) -> list[bool]:
    return judge_lines(np.clip(grey, 0, 255).astype(np.uint8), draw_card(), QUADS, np.eye(3))


def test_an_undamaged_card_is_legible() -> None:
    assert judge(draw_card()[..., 0]) == [True, True, True]


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_blur_of_the_whole_card_wipes_nothing_out(sigma: float) -> None:
    assert judge(np.asarray(cv2.GaussianBlur(draw_card()[..., 0], (0, 0), sigma), np.float32)) == [True, True, True]


def test_bad_light_wipes_nothing_out_until_nothing_is_left() -> None:
    dark = draw_card()[..., 0] * np.float32(0.25)
    assert judge(dark) == [True, True, True]
    assert judge(dark * np.float32(0.1)) == [False, False, False]


@pytest.mark.parametrize("x", [48, 230, 340])
def test_one_lost_character_makes_its_line_illegible(x: int) -> None:
    grey = draw_card()[..., 0]
    grey[115:155, x : x + 28] = 255.0
    assert judge(grey) == [True, False, True]


def test_a_scratch_through_a_line_leaves_it_legible() -> None:
    grey = draw_card()[..., 0].copy()
    cv2.line(grey, (40, 130), (440, 145), 240, 1)
    assert judge(grey) == [True, True, True]


def test_what_lies_outside_the_frame_cannot_be_read() -> None:
    moved = np.array([[1.0, 0, -100], [0, 1, 0], [0, 0, 1]])
    photo = np.clip(draw_card()[:, 100:, 0], 0, 255).astype(np.uint8)
    assert judge_lines(photo, draw_card(), QUADS, moved) == [False, False, False]
