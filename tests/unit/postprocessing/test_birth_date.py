"""The birth date against the NIK: a doubtful date follows a sure NIK, a clear one stays, nothing comes from nothing."""

import numpy as np
import pytest

from ktp_postprocessing.card import read_card
from ktp_postprocessing.fields import settle_birth_date
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import Span, TextLine, make_spans
from ktp_postprocessing.reading import CardReading, Correction
from tests.unit.postprocessing.conftest import CardSketch, get_values

KNOWLEDGE = CardKnowledge.load()
IN_NIK = ["05-01-1990", "05-01-1890"]


def make_span(text: str, doubtful: str = "", confidence: float = 0.5) -> Span:
    """A line whose characters are sure, but for those marked by `x` in `doubtful`."""
    confidences = tuple(confidence if mark == "x" else 0.999 for mark in doubtful.ljust(len(text)))
    quad = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 12.0], [0.0, 12.0]])
    return make_spans([TextLine(text, 0.9, quad, confidences)])[0]


def read_with_birth(sketch: CardSketch, born: str, doubtful: str = "") -> CardReading:
    """The ordinary card, all of it read surely but for the birth date."""
    lines = []
    for line in sketch.lines():
        text, marks = line.text, ""
        if text == ": BANDUNG, 05-01-1990":
            text, marks = f": BANDUNG, {born}", " " * len(": BANDUNG, ") + doubtful
        confidences = tuple(0.5 if mark == "x" else 0.9999 for mark in marks.ljust(len(text)))
        lines.append(TextLine(text, line.confidence, line.quad, confidences))
    return read_card(lines, KNOWLEDGE)


@pytest.mark.parametrize(
    ("as_read", "doubtful"),
    [("05-01-1996", "         x"), ("05-07-1990", "    x"), ("06-01-1990", " x"), ("05-01-1960", "        x")],
)
def test_a_doubtful_date_follows_the_nik(as_read: str, doubtful: str) -> None:
    normal = settle_birth_date(make_span(as_read, doubtful), as_read, IN_NIK)
    assert normal is not None
    assert (normal.value, normal.correction) == ("05-01-1990", Correction.CROSS_CHECK)
    assert 0.5 < normal.confidence < 1.0


@pytest.mark.parametrize("as_read", ["05-01-1996", "17-08-1990", "05-07-1990"])
def test_a_date_read_clearly_stays(as_read: str) -> None:
    assert settle_birth_date(make_span(as_read), as_read, IN_NIK) is None


@pytest.mark.parametrize("text", ["005-01-1990", "05-01-19900", "0S-01-199O"])
def test_a_withheld_date_is_told_by_the_nik(text: str) -> None:
    normal = settle_birth_date(make_span(text), None, IN_NIK)
    assert normal is not None
    assert normal.value == "05-01-1990"


@pytest.mark.parametrize("text", ["", "SEUMUR", "17-08-19455"])
def test_what_looks_otherwise_stays_withheld(text: str) -> None:
    span = make_span(text) if text else make_span("A").cut(0, 0)
    assert settle_birth_date(span, None, IN_NIK) is None


def test_the_century_is_the_likelier_one() -> None:
    normal = settle_birth_date(make_span("05-01-20200"), None, ["05-01-1920", "05-01-2020"])
    assert normal is not None
    assert normal.value == "05-01-2020"


def test_on_a_card_only_the_doubtful_date_changes(sketch: CardSketch) -> None:
    expected = get_values(read_with_birth(sketch, "05-01-1990"))
    assert get_values(read_with_birth(sketch, "05-01-1996", "         x")) == expected
    clear = read_with_birth(sketch, "05-01-1996")
    assert get_values(clear) == expected | {"tanggal_lahir": "05-01-1996"}
    assert "NIK_BIRTH_DATE_MISMATCH" in [finding.code for finding in clear.findings]


def test_a_date_with_a_digit_too_many_is_no_part_of_the_birth_place(sketch: CardSketch) -> None:
    card = read_with_birth(sketch, "005-01-1990")
    assert (card.fields["tempat_lahir"].value, card.fields["tanggal_lahir"].value) == ("BANDUNG", "05-01-1990")
    assert "FIELD_UNREADABLE" not in [finding.code for finding in card.findings]


def test_a_wiped_out_date_is_not_taken_from_the_nik(sketch: CardSketch) -> None:
    lines = [line for line in sketch.lines() if line.text != ": BANDUNG, 05-01-1990"]
    assert "tanggal_lahir" not in read_card(lines, KNOWLEDGE).fields
