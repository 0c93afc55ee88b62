"""Consistency of a card's fields. Every finding is information for whoever decides; none rejects a card.

Codes: NIK_LENGTH, NIK_BIRTH_DATE_IMPOSSIBLE, NIK_SERIAL_UNISSUED, NIK_AREA_UNKNOWN, NIK_BIRTH_DATE_MISMATCH,
NIK_SEX_MISMATCH, NIK_REGENCY_MISMATCH, BIRTH_DATE_IMPOSSIBLE, ISSUED_BEFORE_BIRTH, HOLDER_BELOW_17.
"""

from datetime import date

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.nik import UNISSUED_SERIAL, Nik, parse_nik
from ktp_postprocessing.numerals import parse_date
from ktp_postprocessing.reading import FieldReading, Finding, Severity

_ADULT_AGE_YEARS = 17
_FEMALE = "PEREMPUAN"


def check_card(
    fields: dict[str, FieldReading], area_codes: dict[str, str], knowledge: CardKnowledge
) -> tuple[Finding, ...]:
    """Compare a card's fields with each other.

    Args:
        fields: name -> reading.
        area_codes: area field -> matched code.
        knowledge: for areas and the sexes' meanings.
    """
    findings: list[Finding] = []
    birth_date = _get_date(fields, "tanggal_lahir")
    if "tanggal_lahir" in fields and birth_date is None:
        message = "The birth date is not a calendar date."
        findings.append(Finding("BIRTH_DATE_IMPOSSIBLE", Severity.WARNING, message, ("tanggal_lahir",)))
    if "nik" in fields:
        nik = parse_nik(fields["nik"].value)
        if nik is None:
            findings.append(Finding("NIK_LENGTH", Severity.WARNING, "The NIK does not have 16 digits.", ("nik",)))
        else:
            findings += _check_structure(nik, knowledge)
            findings += _check_holder(nik, birth_date, fields, knowledge)
            findings += _check_area(nik, area_codes, knowledge)
    return (*findings, *_check_issue(birth_date, _get_date(fields, "tanggal_terbit")))


def _get_date(fields: dict[str, FieldReading], name: str) -> date | None:
    return parse_date(fields[name].value) if name in fields else None


def _check_structure(nik: Nik, knowledge: CardKnowledge) -> list[Finding]:
    findings = []
    if not nik.birth_dates():
        message = "Digits 7 to 12 of the NIK are not a date."
        findings.append(Finding("NIK_BIRTH_DATE_IMPOSSIBLE", Severity.WARNING, message, ("nik",)))
    if nik.serial == UNISSUED_SERIAL:
        message = "The NIK's serial is 0000, which is never issued."
        findings.append(Finding("NIK_SERIAL_UNISSUED", Severity.WARNING, message, ("nik",)))
    if nik.find_regency(knowledge.areas) is None:
        message = "The NIK's area is not in the list; it may be a former one."
        findings.append(Finding("NIK_AREA_UNKNOWN", Severity.INFO, message, ("nik",)))
    return findings


def _check_holder(
    nik: Nik, birth_date: date | None, fields: dict[str, FieldReading], knowledge: CardKnowledge
) -> list[Finding]:
    findings = []
    if birth_date is not None and nik.birth_dates() and birth_date not in nik.birth_dates():
        message = "The NIK's birth date differs from the printed one."
        findings.append(Finding("NIK_BIRTH_DATE_MISMATCH", Severity.WARNING, message, ("nik", "tanggal_lahir")))
    sex = (
        knowledge.vocabularies.sexes.meanings.get(fields["jenis_kelamin"].value) if "jenis_kelamin" in fields else None
    )
    if sex is not None and nik.birth_dates() and nik.is_female != (sex == _FEMALE):
        message = "The NIK's sex differs from the printed one."
        findings.append(Finding("NIK_SEX_MISMATCH", Severity.WARNING, message, ("nik", "jenis_kelamin")))
    return findings


def _check_area(nik: Nik, area_codes: dict[str, str], knowledge: CardKnowledge) -> list[Finding]:
    regency = nik.find_regency(knowledge.areas)
    printed = area_codes.get("kabupaten_kota")
    if regency is None or printed is None or regency.code == printed:
        return []
    message = "The NIK was first registered in another regency than the card's."
    return [Finding("NIK_REGENCY_MISMATCH", Severity.INFO, message, ("nik", "kabupaten_kota"))]


def _check_issue(birth_date: date | None, issue_date: date | None) -> list[Finding]:
    if birth_date is None or issue_date is None:
        return []
    concerned = ("tanggal_lahir", "tanggal_terbit")
    if issue_date < birth_date:
        message = "The card was issued before the holder's birth."
        return [Finding("ISSUED_BEFORE_BIRTH", Severity.WARNING, message, concerned)]
    had_birthday = (issue_date.month, issue_date.day) >= (birth_date.month, birth_date.day)
    if issue_date.year - birth_date.year - (not had_birthday) < _ADULT_AGE_YEARS:
        message = "The holder was below 17 when the card was issued; only married holders get a card earlier."
        return [Finding("HOLDER_BELOW_17", Severity.INFO, message, concerned)]
    return []
