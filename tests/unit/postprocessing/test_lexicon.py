"""Choosing from a list: what is corrected and, above all, what is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.lexicon import (
    AREA_LIST,
    CLOSED_LIST,
    OPEN_LIST,
    SHORT_LIST,
    LexiconPolicy,
    choose_entry,
    score_entries,
)
from ktp_postprocessing.lines import Span, TextLine, make_spans
from ktp_postprocessing.vocabularies import Vocabularies

TABLES = Vocabularies.load()
OCCUPATIONS = TABLES.occupations.printed
RELIGIONS = TABLES.religions.printed


def make_span(text: str, confidence: float = 0.98) -> Span:
    quad = np.array([[0.0, 0], [100, 0], [100, 12], [0, 12]])
    (span,) = make_spans([TextLine(text, confidence, quad, (confidence,) * len(text))])
    return span


def choose(text: str, entries: tuple[str, ...], policy: LexiconPolicy, confidence: float = 0.98) -> str:
    return choose_entry(make_span(text, confidence), entries, policy).value


@pytest.mark.parametrize("text", RELIGIONS + OCCUPATIONS)
def test_a_listed_value_is_itself(text: str) -> None:
    choice = choose_entry(make_span(text), RELIGIONS + OCCUPATIONS, OPEN_LIST)
    assert choice.value == text
    assert choice.is_listed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KATH0LIK", "KATHOLIK"),
        ("KAT0LIK", "KATOLIK"),
        ("1SLAM", "ISLAM"),
        ("KRlSTEN", "KRISTEN"),
        ("KONGHUGU", "KONGHUCU"),
        ("ISLAM.", "ISLAM"),
        ("ISLM", "ISLAM"),
    ],
)
def test_a_misread_value_goes_to_the_nearest_printed_form(text: str, value: str) -> None:
    choice = choose_entry(make_span(text), RELIGIONS, CLOSED_LIST)
    assert choice.value == value
    assert choice.is_listed


def test_a_confident_reading_is_not_edited_into_another_spelling() -> None:
    villages = ("KEBUN JERUK", "DURI KEPA", "KELAPA DUA")
    assert choose("KEBON JERUK", villages, AREA_LIST, 0.999) == "KEBON JERUK"
    assert choose("KEBON JERUK", villages, AREA_LIST, 0.5) == "KEBUN JERUK"


def test_two_near_entries_share_the_posterior() -> None:
    choice = choose_entry(make_span("SUKAMAZU", 0.5), ("SUKAMAJU", "SUKAMAKU"), AREA_LIST)
    assert choice.posterior < 0.8


def test_a_glued_text_is_split_and_a_split_one_is_not_glued() -> None:
    assert choose("SUKAMAJUKIDUL", ("SUKAMAJU KIDUL", "SUKAMAJU"), AREA_LIST) == "SUKAMAJU KIDUL"
    assert choose("SUKA MAJU", ("SUKAMAJU",), AREA_LIST, 0.999) == "SUKA MAJU"


@pytest.mark.parametrize("text", ["PAWANG HUJAN", "BUZZER", "PERTAPA", "PEMBURU"])
def test_an_unlisted_occupation_stays(text: str) -> None:
    choice = choose_entry(make_span(text), OCCUPATIONS, OPEN_LIST)
    assert choice.value == text
    assert not choice.is_listed


@given(st.text("ABCDEFGHIKLMNOPRSTUWY ", min_size=1, max_size=20).filter(str.strip), st.floats(0.01, 1.0))
def test_a_choice_is_an_entry_or_the_text_as_read(text: str, confidence: float) -> None:
    for policy in (OPEN_LIST, AREA_LIST, CLOSED_LIST):
        span = make_span(text, confidence)
        choice = choose_entry(span, OCCUPATIONS, policy)
        assert choice.value in OCCUPATIONS or choice.value == span.text
        assert 0 < choice.posterior <= 1
        assert choice.gap >= 0


def test_scores_are_relative_to_the_text_as_read() -> None:
    scores = score_entries(make_span("SUKARASA"), ["SUKARASA", "SUKARESA", "BOGOR"])
    assert scores[0] == pytest.approx(0.0)
    assert 0 > scores[1] > scores[2]


def test_no_entry_of_a_short_list_is_left_out() -> None:
    quad = np.array([[0.0, 0], [100, 0], [100, 12], [0, 12]])
    (span,) = make_spans([TextLine("2 A-", 0.1, quad, (0.2, 0.2, 0.999, 0.999))])
    assert choose_entry(span, TABLES.blood_types.printed, SHORT_LIST).value == "A-"
