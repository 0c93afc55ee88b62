"""Repairs that need two fields: the birth date in the NIK against the printed one.

A digit is changed only if the two dates differ in that one digit, the two shapes are confusable, and the digit was
read with doubt on one side and with confidence on the other. A card may disagree with its own NIK, so nothing else is
changed; the disagreement is reported by `checks`.
"""

import re
from dataclasses import replace

from ktp_postprocessing.confusions import Confusions
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.nik import Nik, parse_nik
from ktp_postprocessing.numerals import parse_date
from ktp_postprocessing.reading import Correction, FieldReading

_DATE_PLACES = slice(6, 12)
_DATE_SHAPE = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4}")
_FEMALE = "PEREMPUAN"
_DOUBTFUL = 0.85  # below it a field's reading counts as doubtful
_MIN_LEAD = 0.1  # by which the other field must be surer


def cross_check(fields: dict[str, FieldReading], knowledge: CardKnowledge) -> dict[str, FieldReading]:
    """Return the fields with the birth date or the NIK repaired where one proves a misread digit in the other."""
    if not {"nik", "tanggal_lahir", "jenis_kelamin"} <= fields.keys():
        return fields
    nik, born = fields["nik"], fields["tanggal_lahir"]
    parsed = parse_nik(nik.value)
    sex = knowledge.vocabularies.sexes.meanings.get(fields["jenis_kelamin"].value)
    if parsed is None or sex is None or not _DATE_SHAPE.fullmatch(born.value):
        return fields
    day, month, year = born.value.split("-")
    printed = f"{(int(day) + 40 * (sex == _FEMALE)) % 100:02d}{month}{year[2:]}"
    in_nik = parsed.digits[_DATE_PLACES]
    changed = [index for index in range(6) if printed[index] != in_nik[index]]
    if len(changed) != 1 or (printed[changed[0]], in_nik[changed[0]]) not in Confusions.load().pairs:
        return fields
    if nik.confidence < _DOUBTFUL and born.confidence > nik.confidence + _MIN_LEAD and parse_date(born.value):
        digits = parsed.digits[: _DATE_PLACES.start] + printed + parsed.digits[_DATE_PLACES.stop :]
        return {**fields, "nik": _repair(nik, digits)}
    if born.confidence < _DOUBTFUL and nik.confidence > born.confidence + _MIN_LEAD:
        for candidate in Nik(parsed.digits).birth_dates():
            if str(candidate.year)[:2] == year[:2]:
                return {**fields, "tanggal_lahir": _repair(born, candidate.strftime("%d-%m-%Y"))}
    return fields


def _repair(reading: FieldReading, value: str) -> FieldReading:
    return replace(reading, value=value, correction=Correction.CROSS_CHECK)
