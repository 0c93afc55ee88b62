"""Between normalised values and their message, both ways."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TypeVar

from ktp.ocr.v1 import card_pb2
from ktp_postprocessing.normalised import BloodType, MaritalStatus, NormalisedValues, Religion, Sex

__all__ = ["normalised_from_message", "normalised_to_message"]

SEXES: Mapping[Sex, card_pb2.Sex] = {Sex.MALE: card_pb2.SEX_MALE, Sex.FEMALE: card_pb2.SEX_FEMALE}
RELIGIONS: Mapping[Religion, card_pb2.Religion] = {
    Religion.ISLAM: card_pb2.RELIGION_ISLAM,
    Religion.CHRISTIAN: card_pb2.RELIGION_CHRISTIAN,
    Religion.CATHOLIC: card_pb2.RELIGION_CATHOLIC,
    Religion.HINDU: card_pb2.RELIGION_HINDU,
    Religion.BUDDHIST: card_pb2.RELIGION_BUDDHIST,
    Religion.CONFUCIAN: card_pb2.RELIGION_CONFUCIAN,
    Religion.BELIEF: card_pb2.RELIGION_BELIEF,
    Religion.OTHER: card_pb2.RELIGION_OTHER,
}
MARITAL_STATUSES: Mapping[MaritalStatus, card_pb2.MaritalStatus] = {
    MaritalStatus.NEVER_MARRIED: card_pb2.MARITAL_STATUS_NEVER_MARRIED,
    MaritalStatus.MARRIED: card_pb2.MARITAL_STATUS_MARRIED,
    MaritalStatus.DIVORCED: card_pb2.MARITAL_STATUS_DIVORCED,
    MaritalStatus.WIDOWED: card_pb2.MARITAL_STATUS_WIDOWED,
}
BLOOD_TYPES: Mapping[BloodType, card_pb2.BloodType] = {
    BloodType.A: card_pb2.BLOOD_TYPE_A,
    BloodType.B: card_pb2.BLOOD_TYPE_B,
    BloodType.AB: card_pb2.BLOOD_TYPE_AB,
    BloodType.O: card_pb2.BLOOD_TYPE_O,
    BloodType.A_POSITIVE: card_pb2.BLOOD_TYPE_A_POSITIVE,
    BloodType.B_POSITIVE: card_pb2.BLOOD_TYPE_B_POSITIVE,
    BloodType.AB_POSITIVE: card_pb2.BLOOD_TYPE_AB_POSITIVE,
    BloodType.O_POSITIVE: card_pb2.BLOOD_TYPE_O_POSITIVE,
    BloodType.A_NEGATIVE: card_pb2.BLOOD_TYPE_A_NEGATIVE,
    BloodType.B_NEGATIVE: card_pb2.BLOOD_TYPE_B_NEGATIVE,
    BloodType.AB_NEGATIVE: card_pb2.BLOOD_TYPE_AB_NEGATIVE,
    BloodType.O_NEGATIVE: card_pb2.BLOOD_TYPE_O_NEGATIVE,
    BloodType.UNKNOWN: card_pb2.BLOOD_TYPE_UNKNOWN,
}
OPTIONAL_FIELDS = ("occupation", "rt", "rw", "province_code", "regency_code", "district_code", "village_code")

_Entry = TypeVar("_Entry", bound=StrEnum)
_Number = TypeVar("_Number", bound=int)


def normalised_to_message(values: NormalisedValues) -> card_pb2.NormalisedValues:
    """Translate to the contract."""
    return card_pb2.NormalisedValues(
        birth_date=_date_to_text(values.birth_date),
        issue_date=_date_to_text(values.issue_date),
        expiry_date=_date_to_text(values.expiry_date),
        valid_for_life=values.is_valid_for_life,
        sex=None if values.sex is None else SEXES[values.sex],
        blood_type=None if values.blood_type is None else BLOOD_TYPES[values.blood_type],
        religion=None if values.religion is None else RELIGIONS[values.religion],
        marital_status=None if values.marital_status is None else MARITAL_STATUSES[values.marital_status],
        occupation=values.occupation,
        citizen=values.is_citizen,
        rt=values.rt,
        rw=values.rw,
        province_code=values.province_code,
        regency_code=values.regency_code,
        district_code=values.district_code,
        village_code=values.village_code,
    )


def normalised_from_message(message: card_pb2.NormalisedValues) -> NormalisedValues:
    """Translate back, for callers of a server."""
    return NormalisedValues(
        birth_date=_date_from_text(message, "birth_date"),
        issue_date=_date_from_text(message, "issue_date"),
        expiry_date=_date_from_text(message, "expiry_date"),
        is_valid_for_life=message.valid_for_life if message.HasField("valid_for_life") else None,
        sex=_find_entry(SEXES, message.sex),
        blood_type=_find_entry(BLOOD_TYPES, message.blood_type),
        religion=_find_entry(RELIGIONS, message.religion),
        marital_status=_find_entry(MARITAL_STATUSES, message.marital_status),
        is_citizen=message.citizen if message.HasField("citizen") else None,
        **{name: getattr(message, name) for name in OPTIONAL_FIELDS if message.HasField(name)},
    )


def _date_to_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date_from_text(message: card_pb2.NormalisedValues, name: str) -> date | None:
    return date.fromisoformat(getattr(message, name)) if message.HasField(name) else None


def _find_entry(numbers: Mapping[_Entry, _Number], number: _Number) -> _Entry | None:
    """The entry with this number; None for UNSPECIFIED and for one of a newer contract."""
    return next((entry for entry, known in numbers.items() if known == number), None)
