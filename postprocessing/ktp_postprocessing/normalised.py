"""A card's values in forms that programs compare: ISO dates, numbers, enumerations, area codes.

The enumerations' values are the official entries of the vocabularies, so that the tables in `data/` decide which
printed form means what.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.numerals import parse_date
from ktp_postprocessing.vocabularies import Vocabulary


class Sex(StrEnum):
    """Jenis kelamin."""

    MALE = "LAKI-LAKI"
    FEMALE = "PEREMPUAN"


class Religion(StrEnum):
    """Agama, or kepercayaan (a belief outside the six religions)."""

    ISLAM = "ISLAM"
    CHRISTIAN = "KRISTEN"
    CATHOLIC = "KATOLIK"
    HINDU = "HINDU"
    BUDDHIST = "BUDDHA"
    CONFUCIAN = "KONGHUCU"
    BELIEF = "KEPERCAYAAN TERHADAP TUHAN YME"
    OTHER = "OTHERS"


class MaritalStatus(StrEnum):
    """Status perkawinan."""

    NEVER_MARRIED = "BELUM KAWIN"
    MARRIED = "KAWIN"
    DIVORCED = "CERAI HIDUP"
    WIDOWED = "CERAI MATI"


class BloodType(StrEnum):
    """Golongan darah; `UNKNOWN` where the card says that it is not recorded."""

    A = "A"
    B = "B"
    AB = "AB"
    O = "O"  # noqa: E741 - the blood type's name
    A_POSITIVE = "A+"
    B_POSITIVE = "B+"
    AB_POSITIVE = "AB+"
    O_POSITIVE = "O+"
    A_NEGATIVE = "A-"
    B_NEGATIVE = "B-"
    AB_NEGATIVE = "AB-"
    O_NEGATIVE = "O-"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class NormalisedValues:
    """What could be normalised; None for what was not read or has no such form.

    Attributes:
        birth_date: of the holder.
        issue_date: of the card.
        expiry_date: of the card, where one is printed.
        is_valid_for_life: SEUMUR HIDUP is printed; False with an expiry date.
        sex: of the holder.
        blood_type: of the holder.
        religion: or belief.
        marital_status: of the holder.
        occupation: entry of the official list (or the English term) that the printed one stands for.
        is_citizen: WNI; False on a foreigner's card.
        rt: neighbourhood, >= 0.
        rw: hamlet, >= 0.
        province_code: `PP`, matched by name.
        regency_code: `PP.RR`.
        district_code: `PP.RR.DD`.
        village_code: `PP.RR.DD.VVVV`.
    """

    birth_date: date | None = None
    issue_date: date | None = None
    expiry_date: date | None = None
    is_valid_for_life: bool | None = None
    sex: Sex | None = None
    blood_type: BloodType | None = None
    religion: Religion | None = None
    marital_status: MaritalStatus | None = None
    occupation: str | None = None
    is_citizen: bool | None = None
    rt: int | None = None
    rw: int | None = None
    province_code: str | None = None
    regency_code: str | None = None
    district_code: str | None = None
    village_code: str | None = None


_CITIZEN = "WNI"
_NUMBER = re.compile(r"[0-9]{1,3}")
_Entry = TypeVar("_Entry", bound=StrEnum)


def normalise_card(
    values: Mapping[str, str], area_codes: Mapping[str, str], knowledge: CardKnowledge
) -> NormalisedValues:
    """Normalise a card's fields.

    Args:
        values: field name -> value as printed, after correction.
        area_codes: area field -> matched code.
        knowledge: for what printed forms mean.
    """
    tables = knowledge.vocabularies
    expiry = _find_date(values, "berlaku_hingga")
    is_for_life = values.get("berlaku_hingga") in tables.validities.meanings
    citizenship = tables.citizenships.meanings.get(values.get("kewarganegaraan", ""))
    return NormalisedValues(
        birth_date=_find_date(values, "tanggal_lahir"),
        issue_date=_find_date(values, "tanggal_terbit"),
        expiry_date=expiry,
        is_valid_for_life=is_for_life if is_for_life or expiry is not None else None,
        sex=_find_entry(Sex, tables.sexes, values.get("jenis_kelamin")),
        blood_type=_find_entry(BloodType, tables.blood_types, values.get("golongan_darah")),
        religion=_find_entry(Religion, tables.religions, values.get("agama")),
        marital_status=_find_entry(MaritalStatus, tables.marital_statuses, values.get("status_perkawinan")),
        occupation=tables.occupations.meanings.get(values.get("pekerjaan", "")),
        is_citizen=None if citizenship is None else citizenship == _CITIZEN,
        rt=_find_number(values, "rt"),
        rw=_find_number(values, "rw"),
        province_code=area_codes.get("provinsi"),
        regency_code=area_codes.get("kabupaten_kota"),
        district_code=area_codes.get("kecamatan"),
        village_code=area_codes.get("kelurahan_desa"),
    )


def _find_date(values: Mapping[str, str], name: str) -> date | None:
    return parse_date(values[name]) if name in values else None


def _find_number(values: Mapping[str, str], name: str) -> int | None:
    return int(values[name]) if _NUMBER.fullmatch(values.get(name, "")) else None


def _find_entry(entries: type[_Entry], table: Vocabulary, printed: str | None) -> _Entry | None:
    meaning = table.meanings.get(printed or "")
    return None if meaning is None else entries(meaning)
