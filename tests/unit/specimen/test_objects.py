import numpy as np
import pytest

from ktp_specimen.objects import OBJECTS, ROUNDED, draw_object
from ktp_specimen.reproduction import copy_card, light_screen, print_halftone


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_kind_is_drawn_and_never_twice_the_same(kind: str) -> None:
    pictures = [draw_object(np.random.default_rng([6, i]), 300, kind)[1] for i in range(2)]
    for picture in pictures:
        assert picture.dtype == np.float32
        assert picture.ndim == 3
        assert 0 <= picture.min() <= picture.max() <= 255
        assert 100 < picture.shape[0] < 900
    assert pictures[0].shape != pictures[1].shape or np.abs(pictures[0] - pictures[1]).mean() > 1


def test_all_kinds_are_drawn_but_the_sheet_of_a_copy() -> None:
    drawn = {draw_object(np.random.default_rng([8, i]), 70)[0] for i in range(250)}
    assert drawn == OBJECTS.keys() - {"copy_sheet"}
    assert drawn >= ROUNDED


def test_a_photocopy_is_grey_and_harder_with_contrast() -> None:
    card = np.random.default_rng(5).uniform(60, 200, (120, 190, 3)).astype(np.float32)
    soft, hard = (copy_card(np.random.default_rng(1), card, contrast) for contrast in (0.0, 1.0))
    assert np.ptp(hard, axis=2).max() == 0
    assert hard.std() > 1.5 * soft.std()


def test_a_halftone_keeps_the_tone() -> None:
    card = np.full((260, 412, 3), 140, np.float32)
    dots = print_halftone(np.random.default_rng(2), card, 1.0)
    assert dots.std() > 20
    assert dots.mean() == pytest.approx(140, abs=15)


def test_a_screen_changes_only_what_it_shows() -> None:
    scene = np.full((200, 300, 3), 150, np.float32)
    light_screen(np.random.default_rng(3), scene, np.array([[50.0, 40], [250, 50], [245, 170], [55, 160]]), 1.0)
    assert np.abs(scene[:35] - 150).max() == 0
    assert scene[80:140, 100:200].std() > 5
