"""Invented people's cards: true lines give the fields whole, however they come; what is gone is not invented."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_postprocessing.card import read_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_specimen.card import draw_style, print_card
from ktp_specimen.fonts import STANDARD
from ktp_specimen.people import PersonRecipe, invent_person
from ktp_specimen.typesetting import PrintedLine

KNOWLEDGE = CardKnowledge.load()
CARD_COUNT = 12
CARD_WIDTH_PX = 640
DERIVED = {"rt", "rw"}


@lru_cache(maxsize=CARD_COUNT)
def make_card(index: int) -> tuple[dict[str, str], tuple[PrintedLine, ...]]:
    """A card's fields and lines; every style is near the usual one."""
    rng = np.random.default_rng([7200, index])
    person = invent_person(rng, PersonRecipe())
    style = replace(draw_style(rng, STANDARD, 0.5), fitted=False)
    lines = print_card(rng, person, style, CARD_WIDTH_PX).lines
    return dict(person.fields), tuple(line for line in lines if line.kind != "watermark")


def read(lines: Sequence[PrintedLine], quads: Sequence[NDArray[np.float64]]) -> dict[str, str]:
    """The fields of lines that were read without an error."""
    placed = [TextLine(line.text, 0.99, quad) for line, quad in zip(lines, quads, strict=True)]
    return {name: field.value for name, field in read_card(placed, KNOWLEDGE).fields.items() if name not in DERIVED}


@settings(max_examples=40)
@given(
    index=st.integers(0, CARD_COUNT - 1),
    tilt_degrees=st.floats(-4, 4),
    jitter_px=st.floats(0, 1.5),
    scale=st.floats(0.4, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_true_lines_give_the_fields_whole(
    index: int, tilt_degrees: float, jitter_px: float, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    fields, lines = make_card(index)
    lines = tuple(lines[place] for place in rng.permutation(len(lines)))
    angle = np.deg2rad(tilt_degrees)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    quads = [(line.quad + rng.uniform(-jitter_px, jitter_px, 2)) @ turn for line in lines]
    assert read(lines, quads) == fields


@pytest.mark.parametrize("index", range(CARD_COUNT))
def test_a_value_that_is_gone_is_not_invented(index: int) -> None:
    fields, lines = make_card(index)
    for name in fields:
        kept = [line for line in lines if not (line.name == name and line.kind != "label")]
        values = read(kept, [line.quad for line in kept])
        printed_there = {"tempat_lahir", "tanggal_lahir"} if name == "tempat_lahir" else {name} - {"tanggal_lahir"}
        assert not printed_there & values.keys(), (name, values)
