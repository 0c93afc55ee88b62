"""Values made of digits: what a grammar holds, and decoding under it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.evidence import Evidence
from ktp_postprocessing.grammars import DateGrammar, Grammar, NikGrammar, RtRwGrammar, decode_grammar

NIK = NikGrammar(("11", "31", "32", "73"))
BORN = DateGrammar(range(1900, 2016))


def decode(text: str, grammar: Grammar, doubtful: str = "") -> list[str]:
    confidences = [0.4 if character in doubtful else 0.99 for character in text]
    return [found.text for found in decode_grammar(Evidence.from_text(text, confidences), grammar)]


@pytest.mark.parametrize(
    ("text", "grammar", "whole"),
    [
        ("3273014501900000", NIK, True),
        ("327301450190000", NIK, False),
        ("4273014501900000", NIK, False),  # no such province
        ("3273013201900001", NIK, False),  # day 32
        ("3273017101900001", NIK, True),
        ("3273017201900001", NIK, False),
        ("3273010113900001", NIK, False),  # month 13
        ("3273012902010001", NIK, False),  # no leap year
        ("3273016902040001", NIK, True),
        ("3273013104900001", NIK, False),
        ("05-01-1990", BORN, True),
        ("29-02-1999", BORN, False),
        ("29-02-2000", BORN, True),
        ("31-04-1999", BORN, False),
        ("05-01-2090", BORN, False),
        ("05/01/1990", BORN, False),
        ("001/002", RtRwGrammar(), True),
        ("001002", RtRwGrammar(), False),
        ("", RtRwGrammar(), False),
    ],
)
def test_a_grammar_holds_what_can_be_printed(text: str, grammar: Grammar, whole: bool) -> None:
    assert grammar.holds(text) is whole
    followed = all(character in grammar.next_characters(text[:place]) for place, character in enumerate(text))
    assert (bool(text) and followed and not grammar.next_characters(text)) is whole


@given(st.dates(date(1900, 1, 1), date(2015, 12, 31)))
def test_every_day_is_a_date(day: date) -> None:
    assert BORN.holds(day.strftime("%d-%m-%Y"))
    assert NIK.holds(f"320101{day.strftime('%d%m%y')}0001")


@pytest.mark.parametrize(
    ("read", "grammar", "printed"),
    [
        ("32730l45O19OOOOO", NIK, "3273014501900000"),
        ("3273 0145 0190 0000", NIK, "3273014501900000"),
        ("O5-0l-199O", BORN, "05-01-1990"),
        ("05 01 1990", BORN, "05-01-1990"),
        ("05011990", BORN, "05-01-1990"),
        ("0O1/0O2", RtRwGrammar(), "001/002"),
    ],
)
def test_misread_numbers_are_decoded(read: str, grammar: Grammar, printed: str) -> None:
    assert decode(read, grammar)[0] == printed


def test_a_doubtful_digit_becomes_what_the_calendar_allows() -> None:
    assert decode("35-01-1990", BORN, doubtful="3")[0] in {"05-01-1990", "25-01-1990", "15-01-1990"}


@given(st.text("0123456789OIl/- ", max_size=20))
def test_what_is_decoded_is_whole(read: str) -> None:
    for grammar in (NIK, BORN, RtRwGrammar()):
        assert all(grammar.holds(text) for text in decode(read, grammar))
