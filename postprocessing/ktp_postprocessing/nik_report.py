"""What a NIK tells about its holder's first registration, in words: for people and for `ktp-ocr nik`."""

from dataclasses import dataclass
from datetime import date

from ktp_postprocessing.areas import Area
from ktp_postprocessing.checks import check_nik
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.nik import Nik
from ktp_postprocessing.normalised import Sex
from ktp_postprocessing.reading import Finding


@dataclass(frozen=True, slots=True)
class NikReport:
    """A NIK explained.

    Attributes:
        digits: 16 digits.
        province: of registration, under its present name; None if the code is unknown, likewise below.
        regency: of registration.
        district: of registration.
        is_former_code: the regency's code has changed since.
        sex: of the holder.
        birth_dates: the one that makes the holder 17 to 115 years old; both centuries' if neither does; none if
            it is no date.
        serial: last four digits.
        findings: what is wrong with it.
    """

    digits: str
    province: Area | None
    regency: Area | None
    district: Area | None
    is_former_code: bool
    sex: Sex
    birth_dates: tuple[date, ...]
    serial: str
    findings: tuple[Finding, ...]


def explain_nik(nik: Nik, knowledge: CardKnowledge, today: date) -> NikReport:
    """Explain a NIK.

    Args:
        nik: of 16 digits.
        knowledge: for the areas.
        today: decides between the centuries.
    """
    areas = knowledge.areas
    regency = nik.find_regency(areas)
    birth_date = nik.birth_date(today)
    return NikReport(
        digits=nik.digits,
        province=areas.get(regency.parent_code if regency is not None else nik.province_code),
        regency=regency,
        district=nik.find_district(areas),
        is_former_code=regency is not None and regency.code != nik.regency_code,
        sex=Sex.FEMALE if nik.is_female else Sex.MALE,
        birth_dates=nik.birth_dates() if birth_date is None else (birth_date,),
        serial=nik.serial,
        findings=tuple(check_nik(nik, knowledge)),
    )
