"""Consistency of a card's fields. Every finding is information for whoever decides; none rejects a card.

| code | severity | |
| --- | --- | --- |
| NIK_LENGTH | error | not 16 digits |
| NIK_BIRTH_DATE_IMPOSSIBLE | error | digits 7 to 12 are no date |
| NIK_SERIAL_UNISSUED | error | the serial is 0000 |
| NIK_AREA_UNKNOWN | info | its regency is in no list |
| NIK_BIRTH_DATE_MISMATCH | warning | against the printed birth date |
| NIK_SEX_MISMATCH | warning | against the printed sex |
| NIK_REGENCY_MISMATCH | info | against the header: people move |
| BIRTH_DATE_IMPOSSIBLE | error | no calendar date |
| ISSUED_BEFORE_BIRTH | error | |
| HOLDER_BELOW_17 | info | at the issue, or today where that is not known; married holders get a card earlier |
| PHOTO_BACKGROUND_MISMATCH | info | red for an odd birth year, blue for an even one |
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.nik import UNISSUED_SERIAL, Nik, parse_nik
from ktp_postprocessing.normalised import Sex
from ktp_postprocessing.numerals import parse_date
from ktp_postprocessing.reading import FieldReading, Finding, Severity

_ADULT_AGE_YEARS = 17


class PhotoBackground(StrEnum):
    """The colour behind the holder, which tells whether the birth year is odd or even.

    Source: the civil registration's rules for the card's photo.
    """

    RED = "red"
    BLUE = "blue"


def check_card(
    fields: Mapping[str, FieldReading],
    area_codes: Mapping[str, str],
    knowledge: CardKnowledge,
    photo_background: PhotoBackground | None = None,
) -> tuple[Finding, ...]:
    """Compare a card's fields with each other.

    Args:
        fields: name -> reading.
        area_codes: area field -> matched code.
        knowledge: for areas and the sexes' meanings.
        photo_background: as seen on the card; None if that is not known.
    """
    findings: list[Finding] = []
    birth_date = _get_date(fields, "tanggal_lahir")
    if "tanggal_lahir" in fields and birth_date is None:
        message = "The birth date is not a calendar date."
        findings.append(Finding("BIRTH_DATE_IMPOSSIBLE", Severity.ERROR, message, ("tanggal_lahir",)))
    if "nik" in fields:
        nik = parse_nik(fields["nik"].value)
        if nik is None:
            findings.append(Finding("NIK_LENGTH", Severity.ERROR, "The NIK does not have 16 digits.", ("nik",)))
        else:
            findings += check_nik(nik, knowledge)
            findings += _check_holder(nik, birth_date, fields, knowledge)
            findings += _check_area(nik, area_codes, knowledge)
    findings += _check_age(birth_date, _get_date(fields, "tanggal_terbit"))
    return (*findings, *_check_photo(birth_date, photo_background))


def check_nik(nik: Nik, knowledge: CardKnowledge) -> list[Finding]:
    """Check what a NIK says by itself."""
    findings = []
    if not nik.birth_dates():
        message = "Digits 7 to 12 of the NIK are not a date."
        findings.append(Finding("NIK_BIRTH_DATE_IMPOSSIBLE", Severity.ERROR, message, ("nik",)))
    if nik.serial == UNISSUED_SERIAL:
        message = "The NIK's serial is 0000, which is never issued."
        findings.append(Finding("NIK_SERIAL_UNISSUED", Severity.ERROR, message, ("nik",)))
    if nik.find_regency(knowledge.areas) is None:
        message = "The NIK's area is not in the list; it may be a former one."
        findings.append(Finding("NIK_AREA_UNKNOWN", Severity.INFO, message, ("nik",)))
    return findings


def _get_date(fields: Mapping[str, FieldReading], name: str) -> date | None:
    return parse_date(fields[name].value) if name in fields else None


def _check_holder(
    nik: Nik, birth_date: date | None, fields: Mapping[str, FieldReading], knowledge: CardKnowledge
) -> list[Finding]:
    findings = []
    if birth_date is not None and nik.birth_dates() and birth_date not in nik.birth_dates():
        message = "The NIK's birth date differs from the printed one."
        findings.append(Finding("NIK_BIRTH_DATE_MISMATCH", Severity.WARNING, message, ("nik", "tanggal_lahir")))
    meanings = knowledge.vocabularies.sexes.meanings
    sex = meanings.get(fields["jenis_kelamin"].value) if "jenis_kelamin" in fields else None
    if sex is not None and nik.birth_dates() and nik.is_female != (sex == Sex.FEMALE):
        message = "The NIK's sex differs from the printed one."
        findings.append(Finding("NIK_SEX_MISMATCH", Severity.WARNING, message, ("nik", "jenis_kelamin")))
    return findings


def _check_area(nik: Nik, area_codes: Mapping[str, str], knowledge: CardKnowledge) -> list[Finding]:
    regency = nik.find_regency(knowledge.areas)
    printed = area_codes.get("kabupaten_kota")
    if regency is None or printed is None or regency.code == printed:
        return []
    message = "The NIK was first registered in another regency than the card's."
    return [Finding("NIK_REGENCY_MISMATCH", Severity.INFO, message, ("nik", "kabupaten_kota"))]


def _check_age(birth_date: date | None, issue_date: date | None) -> list[Finding]:
    if birth_date is None:
        return []
    concerned = ("tanggal_lahir", "tanggal_terbit")
    if issue_date is not None and issue_date < birth_date:
        message = "The card was issued before the holder's birth."
        return [Finding("ISSUED_BEFORE_BIRTH", Severity.ERROR, message, concerned)]
    day = issue_date or datetime.now(UTC).date()
    had_birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    if day.year - birth_date.year - (not had_birthday) < _ADULT_AGE_YEARS:
        message = "The holder was below 17 when the card was issued; only married holders get a card earlier."
        return [Finding("HOLDER_BELOW_17", Severity.INFO, message, concerned[: 1 + (issue_date is not None)])]
    return []


def _check_photo(birth_date: date | None, background: PhotoBackground | None) -> list[Finding]:
    if birth_date is None or background is None:
        return []
    if (background is PhotoBackground.RED) == bool(birth_date.year % 2):
        return []
    message = "The photo's background is not the colour of the birth year: red for odd years, blue for even ones."
    return [Finding("PHOTO_BACKGROUND_MISMATCH", Severity.INFO, message, ("tanggal_lahir",))]
