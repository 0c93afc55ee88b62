"""Dates, RT/RW and place with date, from clean, misread and arbitrary texts."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.numerals import find_date, parse_date, parse_rt_rw, split_place_and_date

DATES = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31))
SEPARATORS = ["-", " ", "", "- ", ".", "/", "--"]


@given(DATES, st.sampled_from(SEPARATORS), st.sampled_from(["", "BANDUNG, ", "KOTA SOLO,", "BOGOR ", ": "]))
def test_a_printed_date_is_found_whatever_its_separators(day: date, separator: str, before: str) -> None:
    found = find_date(before + day.strftime(f"%d{separator}%m{separator}%Y"))
    assert found is not None
    assert found.calendar_date == day
    assert found.text == day.strftime("%d-%m-%Y")


@given(DATES, st.sampled_from(["0O", "1I", "1l", "5S", "8B", "2Z", "6G"]))
def test_a_misread_digit_is_repaired(day: date, confusion: str) -> None:
    printed = day.strftime("%d-%m-%Y")
    found = find_date(printed.replace(confusion[0], confusion[1], 1))
    assert found is not None
    assert found.text == printed


@given(st.text(max_size=40))
def test_any_text_is_searched_without_failing(text: str) -> None:
    found = find_date(text)
    assert found is None or 0 <= found.start < found.end <= len(text)
    place, again = split_place_and_date(text)
    assert again == found
    assert 0 <= place.start <= place.stop <= len(text)
    parse_date(text)


@pytest.mark.parametrize("text", ["", "BANDUNG", "SOLO, BOGOR", "12-03", "31022012x", "1-2-3", "GOSIL BOSS SOLI"])
def test_no_date_is_made_of_words(text: str) -> None:
    found = find_date(text)
    assert found is None


def test_an_impossible_date_is_kept_as_text_only() -> None:
    found = find_date("31-02-1990")
    assert found is not None
    assert (found.text, found.calendar_date) == ("31-02-1990", None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("BANDUNG, 05-01-1990", "BANDUNG"),
        ("BANDUNG,05-01-1990", "BANDUNG"),
        ("BANDUNG. 05-01-1990", "BANDUNG"),
        ("BANDUNG05-01-1990", "BANDUNG"),
        ("KOTA BARU - 05-01-1990", "KOTA BARU"),
        ("SO'E, 05-01-1990", "SO'E"),
        ("05-01-1990", ""),
        ("BANDUNG", "BANDUNG"),
    ],
)
def test_place_and_date_are_split(text: str, place: str) -> None:
    part, _ = split_place_and_date(text)
    assert text[part] == place


NUMBERS = st.from_regex(r"[0-9]{3}", fullmatch=True)


@given(NUMBERS, NUMBERS, st.sampled_from(["/", "1", "7", "l", "I", "|", "-", " / ", ""]))
def test_rt_and_rw_survive_a_misread_slash(rt: str, rw: str, slash: str) -> None:
    assert parse_rt_rw(f"{rt}{slash}{rw}") == (rt, rw)


@given(st.from_regex(r"[0-9]{1,3}", fullmatch=True), st.from_regex(r"[0-9]{1,3}", fullmatch=True))
def test_numbers_keep_their_printed_width(rt: str, rw: str) -> None:
    assert parse_rt_rw(f"{rt}/{rw}") == (rt, rw)


@given(st.text(max_size=20))
def test_any_text_is_parsed_as_rt_rw_without_failing(text: str) -> None:
    parts = parse_rt_rw(text)
    assert parts is None or all(part.isdigit() and 1 <= len(part) <= 3 for part in parts)


@pytest.mark.parametrize("text", ["", "-", "001", "0010021234", "ABC/DEF", "SUKARASA"])
def test_other_texts_are_no_rt_rw(text: str) -> None:
    assert parse_rt_rw(text) is None
