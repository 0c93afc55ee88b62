"""What does not agree on a card is found; what is proved misread is repaired; nothing else is touched."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.checks import PhotoBackground, check_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.reading import Correction, FieldReading, Severity
from ktp_postprocessing.repair import cross_check

KNOWLEDGE = CardKnowledge.load()
HOME = {"kabupaten_kota": "32.73"}
VALUES = {
    "nik": "3273014501900001",
    "tanggal_lahir": "05-01-1990",
    "jenis_kelamin": "PEREMPUAN",
    "tanggal_terbit": "12-03-2012",
}


def make_fields(confidences: dict[str, float] | None = None, **changes: str) -> dict[str, FieldReading]:
    return {
        name: FieldReading(value, value, (confidences or {}).get(name, 0.99), Correction.NONE, None)
        for name, value in (VALUES | changes).items()
        if value
    }


def find(
    changes: dict[str, str], area_codes: dict[str, str] = HOME, background: PhotoBackground | None = None
) -> dict[str, Severity]:
    findings = check_card(make_fields({}, **changes), area_codes, KNOWLEDGE, background)
    return {finding.code: finding.severity for finding in findings}


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"nik": "327301450190000"}, "NIK_LENGTH", Severity.ERROR),
        ({"nik": "3273017301900001", "jenis_kelamin": ""}, "NIK_BIRTH_DATE_IMPOSSIBLE", Severity.ERROR),
        ({"nik": "3273014501900000"}, "NIK_SERIAL_UNISSUED", Severity.ERROR),
        ({"nik": "3299014501900001"}, "NIK_AREA_UNKNOWN", Severity.INFO),
        ({"nik": "3273014601900001"}, "NIK_BIRTH_DATE_MISMATCH", Severity.WARNING),
        ({"jenis_kelamin": "LAKI-LAKI"}, "NIK_SEX_MISMATCH", Severity.WARNING),
        ({"jenis_kelamin": "MALE"}, "NIK_SEX_MISMATCH", Severity.WARNING),
        ({"nik": "3201014501900001"}, "NIK_REGENCY_MISMATCH", Severity.INFO),
        ({"tanggal_lahir": "31-02-1990"}, "BIRTH_DATE_IMPOSSIBLE", Severity.ERROR),
        ({"tanggal_terbit": "12-03-1989"}, "ISSUED_BEFORE_BIRTH", Severity.ERROR),
        ({"tanggal_terbit": "04-01-2007"}, "HOLDER_BELOW_17", Severity.INFO),
    ],
)
def test_each_disagreement_has_its_code(changes: dict[str, str], code: str, severity: Severity) -> None:
    assert find({}) == {}
    assert find(changes) == {code: severity}


def test_a_holder_is_17_on_the_birthday() -> None:
    assert find({"tanggal_terbit": "05-01-2007"}) == {}


def test_without_an_issue_date_todays_age_counts() -> None:
    young = f"05-01-{datetime.now(UTC).year - 10}"
    assert "HOLDER_BELOW_17" in find({"tanggal_lahir": young, "tanggal_terbit": "", "nik": ""})


@pytest.mark.parametrize(
    ("year", "background", "agrees"),
    [
        ("1990", PhotoBackground.BLUE, True),
        ("1991", PhotoBackground.RED, True),
        ("1990", PhotoBackground.RED, False),
        ("1991", PhotoBackground.BLUE, False),
        ("1991", None, True),
    ],
)
def test_the_photos_background_tells_the_years_parity(
    year: str, background: PhotoBackground | None, agrees: bool
) -> None:
    found = find({"tanggal_lahir": f"05-01-{year}", "nik": ""}, background=background)
    assert found == ({} if agrees else {"PHOTO_BACKGROUND_MISMATCH": Severity.INFO})


def test_a_code_from_before_its_provinces_split_is_no_mismatch() -> None:
    assert find({"nik": "9101014501900001"}, {"kabupaten_kota": "93.01"}) == {}
    assert find({"nik": "6473014501900001"}, {"kabupaten_kota": "65.71"}) == {}


@pytest.mark.parametrize(
    ("changes", "confidences", "name", "repaired"),
    [
        ({"nik": "3273014581900001"}, {}, "nik", "3273014501900001"),  # month 81: 0 read as 8
        ({"nik": "3273018501900001"}, {}, "nik", None),  # day 85: 4 and 8 are not confusable
        ({"nik": "3273014507990001"}, {}, "nik", None),  # a date, and read with confidence
        ({"nik": "3273014501980001"}, {"nik": 0.5}, "nik", "3273014501900001"),
        ({"nik": "3273014501980001"}, {"nik": 0.95}, "nik", None),
        ({"nik": "3273014501980001"}, {"nik": 0.5, "tanggal_lahir": 0.5}, "nik", None),
        ({"nik": "3273014507980001"}, {"nik": 0.5}, "nik", "3273014501900001"),  # two, at home
        ({"tanggal_lahir": "05-07-1990"}, {"tanggal_lahir": 0.5}, "tanggal_lahir", "05-01-1990"),
        ({"tanggal_lahir": "05-81-1990"}, {}, "tanggal_lahir", "05-01-1990"),
        ({"tanggal_lahir": "05-07-1996"}, {"nik": 0.99, "tanggal_lahir": 0.95}, "tanggal_lahir", "05-01-1990"),
        ({"tanggal_lahir": "05-07-1996"}, {"nik": 0.96, "tanggal_lahir": 0.95}, "tanggal_lahir", None),
    ],
)
def test_repairs_need_proof(
    changes: dict[str, str], confidences: dict[str, float], name: str, repaired: str | None
) -> None:
    fields = make_fields(confidences, **changes)
    reading = cross_check(fields, KNOWLEDGE, HOME)[name]
    assert reading.value == (repaired or fields[name].value)
    assert reading.raw_value == fields[name].value
    assert (reading.correction is Correction.CROSS_CHECK) == (repaired is not None)


def test_two_digits_are_not_swapped_away_from_home() -> None:
    fields = make_fields({"nik": 0.5}, nik="3273014507980001")
    assert cross_check(fields, KNOWLEDGE, {"kabupaten_kota": "32.01"})["nik"].value == "3273014507980001"


@pytest.mark.parametrize(
    ("header", "misread", "repaired"),
    [
        ("32.73", "3223", "3273"),
        ("32.73", "8273", "3273"),
        ("93.01", "9181", "9101"),  # the code that Merauke had
        ("32.73", "3293", "3293"),  # 7 and 9 are not confusable
        ("32.73", "8723", "8723"),  # three digits
        ("31.71", "8171", "8171"),  # Ambon: a known regency is never touched
    ],
)
def test_an_unknown_area_becomes_the_headers_if_shapes_allow(header: str, misread: str, repaired: str) -> None:
    fields = make_fields(nik=f"{misread}014501900001")
    assert cross_check(fields, KNOWLEDGE, {"kabupaten_kota": header})["nik"].value == f"{repaired}014501900001"


def test_a_known_area_stays_whatever_the_header_says() -> None:
    fields = make_fields({"nik": 0.3}, nik="3207014501900001")
    assert cross_check(fields, KNOWLEDGE, {"kabupaten_kota": "32.01"}) == fields


@given(st.from_regex(r"[0-9]{16}", fullmatch=True), st.from_regex(r"[0-9]{2}-[0-9]{2}-[0-9]{4}", fullmatch=True))
def test_any_digits_are_checked_and_repaired_without_failing(nik: str, born: str) -> None:
    fields = cross_check(make_fields({"nik": 0.5}, nik=nik, tanggal_lahir=born), KNOWLEDGE, HOME)
    check_card(fields, HOME, KNOWLEDGE)
    again = cross_check(fields, KNOWLEDGE, HOME)
    assert {name: reading.value for name, reading in again.items()} == {
        name: reading.value for name, reading in fields.items()
    }


def test_a_value_keeps_what_was_read() -> None:
    fields = make_fields({"nik": 0.5}, nik="3273014501980001")
    fields["nik"] = replace(fields["nik"], raw_value=": 327301450198OOO1")
    assert cross_check(fields, KNOWLEDGE, HOME)["nik"].raw_value == ": 327301450198OOO1"
