"""Short lines that text detection cut out of longer ones, and specks that it took for text."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ktp_postprocessing.lines import TextLine
from tests.unit.postprocessing.conftest import CardSketch, read

Expected = Callable[..., dict[str, str]]


def place_beside(line: TextLine, text: str, confidence: float, left_px: float, width_px: float) -> TextLine:
    """A line in the row of another, from `left_px` right of that one's left side on."""
    across = np.array([[left_px, 0.0], [left_px + width_px, 0.0], [left_px + width_px, 0.0], [left_px, 0.0]])
    quad = line.quad[[0, 0, 3, 3]] + across
    return replace(line, text=text, confidence=confidence, quad=quad)


@pytest.mark.parametrize("text", ["J", ": J", "I", "JL"])
@pytest.mark.parametrize("left_px", [-3.0, 0.0, 60.0])
def test_what_was_cut_out_of_a_line_is_not_read_twice(
    sketch: CardSketch, expected: Expected, text: str, left_px: float
) -> None:
    lines = sketch.lines()
    address = next(line for line in lines if line.text.startswith(": JL."))
    assert read([*lines, place_beside(address, text, 0.7, left_px, 8.0)]) == expected()


@pytest.mark.parametrize("label", ["Nama", "Alamat", "Agama", "Pekerjaan"])
@pytest.mark.parametrize(("count", "confidence"), [(1, 0.4), (2, 0.4), (1, 0.7)])
def test_doubtful_specks_far_from_a_value_are_no_part_of_it(
    sketch: CardSketch, expected: Expected, label: str, count: int, confidence: float
) -> None:
    lines = sketch.lines()
    value = next(line for line in lines if line.text == f": {sketch.values[label]}")
    width = float(value.quad[1, 0] - value.quad[0, 0])
    specks = [place_beside(value, "N", confidence, width + 40.0 + 20.0 * index, 10.0) for index in range(count)]
    assert read([*lines, *specks]) == expected()


@pytest.mark.parametrize(("confidence", "gap_px"), [(0.4, 7.0), (0.95, 40.0)])
def test_an_initial_of_a_name_is_kept_if_it_is_near_or_sure(
    sketch: CardSketch, expected: Expected, confidence: float, gap_px: float
) -> None:
    lines = sketch.lines()
    name = next(line for line in lines if line.text == ": SITI RAHMAWATI")
    width = float(name.quad[1, 0] - name.quad[0, 0])
    initial = place_beside(name, "S", confidence, width + gap_px, 10.0)
    assert read([*lines, initial]) == expected(nama="SITI RAHMAWATI S")


@pytest.mark.parametrize("confidence", [0.3, 0.98])
def test_a_blood_type_stands_far_from_the_sex(sketch: CardSketch, expected: Expected, confidence: float) -> None:
    sketch.blood_type = ("Gol. Darah", ": O")
    lines = [replace(line, confidence=confidence) if line.text == ": O" else line for line in sketch.lines()]
    assert read(lines) == expected()
