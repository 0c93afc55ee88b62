"""The NIK's structure and the repair of its digits."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.areas import AreaList
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.nik import parse_nik, repair_nik
from ktp_postprocessing.nik_report import explain_nik
from ktp_postprocessing.normalised import Sex

AREAS = AreaList.load()
DATES = st.dates(min_value=date(1920, 1, 1), max_value=date(2019, 12, 31))


def make_nik(area: str, day: date, *, is_female: bool, serial: int) -> str:
    return f"{area}{day.day + 40 * is_female:02d}{day:%m%y}{serial:04d}"


@given(st.sampled_from(["327301", "317101", "910101"]), DATES, st.booleans(), st.integers(0, 9999))
def test_a_nik_says_what_it_was_made_of(area: str, day: date, is_female: bool, serial: int) -> None:
    nik = parse_nik(make_nik(area, day, is_female=is_female, serial=serial))
    assert nik is not None
    assert nik.is_female == is_female
    assert day in nik.birth_dates()
    assert nik.serial == f"{serial:04d}"
    assert nik.regency_code == f"{area[:2]}.{area[2:4]}"
    assert nik.find_regency(AREAS) is not None


def test_a_code_from_before_the_papua_split_leads_to_the_present_regency() -> None:
    nik = parse_nik("9101010101900001")
    assert nik is not None
    regency = nik.find_regency(AREAS)
    assert regency is not None
    assert regency.code == "93.01"


@pytest.mark.parametrize(
    "text", ["", "123", "32730145019000001", "327301450190000O", "３２７３０１４５０１９０００００"]
)
def test_only_sixteen_digits_are_a_nik(text: str) -> None:
    assert parse_nik(text) is None


@pytest.mark.parametrize("digits", ["3273017201900001", "3273010013900001", "3273013202900001"])
def test_an_impossible_day_is_no_birth_date(digits: str) -> None:
    nik = parse_nik(digits)
    assert nik is not None
    assert nik.birth_dates() == ()


@given(DATES, st.booleans(), st.sampled_from(["0O", "0D", "1I", "1l", "5S", "8B", "2Z"]))
def test_letters_are_repaired(day: date, is_female: bool, confusion: str) -> None:
    digits = make_nik("327301", day, is_female=is_female, serial=1)
    repaired, places = repair_nik(digits.replace(confusion[0], confusion[1]))
    assert repaired == digits
    assert places == tuple(range(16))


@given(DATES, st.sampled_from(["", ":", "E", "-  "]), st.sampled_from(["", " ", "E"]))
def test_stray_marks_around_it_are_passed_over(day: date, before: str, after: str) -> None:
    digits = make_nik("327304", day, is_female=False, serial=4321)
    repaired, places = repair_nik(before + digits + after)
    assert repaired == digits
    assert places == tuple(range(len(before), len(before) + 16))


@given(DATES, st.sampled_from(["1", "7", "0"]))
def test_of_seventeen_digits_a_plausible_nik_is_kept(day: date, before: str) -> None:
    repaired, _ = repair_nik(before + make_nik("327304", day, is_female=False, serial=4321))
    nik = parse_nik(repaired)
    assert nik is not None
    assert nik.birth_dates()


@given(st.text(max_size=40))
def test_any_text_is_repaired_without_failing(text: str) -> None:
    repaired, places = repair_nik(text)
    assert len(repaired) == len(places) <= 16
    assert repaired.isdigit() or not repaired
    parse_nik(text)


@given(DATES, st.booleans(), st.integers(0, 9999))
def test_a_niks_parts_make_it_again(day: date, is_female: bool, serial: int) -> None:
    nik = parse_nik(make_nik("327301", day, is_female=is_female, serial=serial))
    assert nik is not None
    assert (
        make_nik(nik.digits[:6], nik.birth_dates()[-1], is_female=nik.is_female, serial=int(nik.serial)) == nik.digits
    )


@pytest.mark.parametrize(("digits", "year"), [("90", 1990), ("30", 1930), ("15", 1915), ("08", 2008)])
def test_the_holders_age_decides_between_the_centuries(digits: str, year: int) -> None:
    """In 2026 people aged 17 to 115 were born from 1911 to 2009."""
    nik = parse_nik(f"3273010501{digits}0001")
    assert nik is not None
    assert nik.birth_date(date(2026, 6, 1)) == date(year, 1, 5)


def test_where_neither_century_will_do_none_is_chosen() -> None:
    nik = parse_nik("3273010501100001")
    assert nik is not None
    assert nik.birth_date(date(2026, 6, 1)) is None
    assert len(explain_nik(nik, CardKnowledge.load(), date(2026, 6, 1)).birth_dates) == 2


def test_a_nik_is_explained() -> None:
    nik = parse_nik("9101014501900000")
    assert nik is not None
    report = explain_nik(nik, CardKnowledge.load(), date(2026, 6, 1))
    assert report.regency is not None
    assert report.province is not None
    assert (report.regency.name, report.province.code, report.is_former_code) == ("KABUPATEN MERAUKE", "93", True)
    assert (report.sex, report.birth_dates, report.serial) == (Sex.FEMALE, (date(1990, 1, 5),), "0000")
    assert [finding.code for finding in report.findings] == ["NIK_SERIAL_UNISSUED"]


@given(st.from_regex(r"[0-9]{16}", fullmatch=True))
def test_any_digits_are_explained(digits: str) -> None:
    nik = parse_nik(digits)
    assert nik is not None
    report = explain_nik(nik, CardKnowledge.load(), date(2026, 6, 1))
    assert len(report.birth_dates) <= 2
    assert report.district is None or report.district.code.startswith(nik.regency_code)
