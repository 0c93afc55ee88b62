"""Places that are worth a second look: beside labels without a value, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from ktp_postprocessing.card import read_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from tests.unit.postprocessing.conftest import VALUES, CardSketch, get_values

KNOWLEDGE = CardKnowledge.load()
LISTED = sorted(VALUES.keys() - {"Nama", "Tempat/Tgl Lahir", "Alamat"})


def test_a_card_that_was_read_whole_needs_no_second_look(sketch: CardSketch) -> None:
    assert read_card(sketch.lines(), KNOWLEDGE).unread == ()


def test_no_lines_give_no_places() -> None:
    assert read_card([], KNOWLEDGE).unread == ()


@pytest.mark.parametrize("tilt", [0.0, -0.06, 0.06])
@pytest.mark.parametrize("label", LISTED)
def test_a_missed_value_is_looked_for_where_it_stands(sketch: CardSketch, label: str, tilt: float) -> None:
    whole = replace(sketch, tilt=tilt)
    missed = next(line for line in whole.lines() if line.text == f": {VALUES[label]}")
    lines = [line for line in whole.lines() if line is not missed and line.text != missed.text]
    (place,) = read_card(lines, KNOWLEDGE).unread
    assert holds(place, missed), (place, missed.quad)
    further = TextLine(missed.text, missed.confidence, place)
    assert get_values(read_card([*lines, further], KNOWLEDGE)) == get_values(read_card(whole.lines(), KNOWLEDGE))


@pytest.mark.parametrize("tilt", [0.0, 0.06])
@pytest.mark.parametrize("label", ["Gol. Darah", "Gol. Darah :"])
def test_a_missed_blood_type_is_looked_for_behind_its_label(sketch: CardSketch, label: str, tilt: float) -> None:
    lines = replace(sketch, blood_type=(label,), tilt=tilt).lines()
    (place,) = read_card(lines, KNOWLEDGE).unread
    title = next(line for line in lines if line.text == label)
    assert np.linalg.norm(place[[0, 3]].mean(axis=0) - title.quad[[1, 2]].mean(axis=0)) < 1.0
    further = TextLine("-", 0.9, place)
    assert get_values(read_card([*lines, further], KNOWLEDGE))["golongan_darah"] == "-"


def test_the_place_of_a_missed_sex_ends_before_the_blood_type(sketch: CardSketch) -> None:
    lines = [line for line in sketch.lines() if line.text != ": PEREMPUAN"]
    (place,) = read_card(lines, KNOWLEDGE).unread
    assert place[:, 0].max() <= next(line for line in lines if line.text == "Gol. Darah :").quad[:, 0].min()


@pytest.mark.parametrize("label", ["Nama", "Alamat"])
def test_what_no_list_bounds_is_not_looked_for(sketch: CardSketch, label: str) -> None:
    lines = [line for line in sketch.lines() if line.text != f": {VALUES[label]}"]
    assert read_card(lines, KNOWLEDGE).unread == ()


def holds(place: np.ndarray[tuple[int, ...], np.dtype[np.float64]], line: TextLine) -> bool:
    """Whether a place, grown as crops are, shows a line from its left side on, and hardly more than its row."""
    offsets = line.quad[[0, 3]] - place[[0, 3]]
    height = np.linalg.norm(line.quad[3] - line.quad[0])
    return bool((np.abs(offsets[:, 1]) < 0.5 * height).all() and (offsets[:, 0] > -0.2 * height).all())
