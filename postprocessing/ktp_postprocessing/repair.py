"""Repairs that need several fields: the NIK's digits against the printed birth date, sex and header.

A digit is changed only to one of a confusable shape, and only where everything else agrees:

- the birth date in the NIK and the printed one differ in one digit, or in two where the NIK's regency is the header's:
  the side that is no date, or that was read with doubt, follows the other; a birth date follows a NIK read surely;
- the NIK's regency is in no list, birth date and sex agree, and one or two confusable digits make it the header's.

A card may disagree with its own NIK, so nothing else is changed; the disagreement is reported by `checks`. The serial
cannot be repaired: nothing else on the card tells it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ktp_postprocessing.confusions import Confusions
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.nik import FEMALE_DAY_OFFSET, Nik, parse_nik
from ktp_postprocessing.normalised import Sex
from ktp_postprocessing.numerals import parse_date
from ktp_postprocessing.reading import Correction, FieldReading

_DATE_PLACES = slice(6, 12)
_DATE_SHAPE = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4}")
_DOUBTFUL = 0.85  # below it a field's reading counts as doubtful
_MIN_LEAD = 0.1  # by which the other field must be surer
_SURE, _MIN_SURE_LEAD = 0.97, 0.02  # of a NIK: one that differs by nothing but look-alikes hardly differs by chance
_MAX_SWAP_COUNT = 2
_REPAIRED_CONFIDENCE = 0.95  # kept of the confidence of the field that proved the repair


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the card says of its holder's NIK."""

    nik: FieldReading
    born: FieldReading
    parsed: Nik
    sex: str
    header_code: str | None

    @property
    def printed_digits(self) -> str:
        """Digits 7 to 12 as birth date and sex have them."""
        day, month, year = self.born.value.split("-")
        return f"{(int(day) + FEMALE_DAY_OFFSET * (self.sex == Sex.FEMALE)) % 100:02d}{month}{year[2:]}"


def cross_check(
    fields: dict[str, FieldReading], knowledge: CardKnowledge, area_codes: Mapping[str, str] | None = None
) -> dict[str, FieldReading]:
    """Return the fields with the NIK or the birth date repaired where the other fields prove a misread digit.

    Args:
        fields: name -> reading.
        knowledge: for areas and the sexes' meanings.
        area_codes: area field -> code matched in the header.
    """
    evidence = _gather(fields, knowledge, (area_codes or {}).get("kabupaten_kota"))
    if evidence is None:
        return fields
    repaired = _repair_dates(evidence, knowledge) or _repair_area(evidence, knowledge)
    return {**fields, **repaired}


def _gather(fields: dict[str, FieldReading], knowledge: CardKnowledge, header_code: str | None) -> _Evidence | None:
    if not {"nik", "tanggal_lahir", "jenis_kelamin"} <= fields.keys():
        return None
    nik, born = fields["nik"], fields["tanggal_lahir"]
    parsed = parse_nik(nik.value)
    sex = knowledge.vocabularies.sexes.meanings.get(fields["jenis_kelamin"].value)
    if parsed is None or sex is None or not _DATE_SHAPE.fullmatch(born.value):
        return None
    return _Evidence(nik, born, parsed, sex, header_code)


def _repair_dates(evidence: _Evidence, knowledge: CardKnowledge) -> dict[str, FieldReading]:
    nik, born, parsed = evidence.nik, evidence.born, evidence.parsed
    printed = evidence.printed_digits
    swap_count = _count_swaps(printed, parsed.digits[_DATE_PLACES])
    regency = parsed.find_regency(knowledge.areas)
    is_at_home = regency is not None and regency.code == evidence.header_code
    is_nik_sure = nik.confidence >= _SURE and nik.confidence > born.confidence + _MIN_SURE_LEAD
    if not 0 < swap_count <= (_MAX_SWAP_COUNT if is_at_home or is_nik_sure else 1):
        return {}
    is_date = parse_date(born.value) is not None
    is_nik_wrong = not parsed.birth_dates() or _is_less_sure(nik, born)
    if is_date and is_nik_wrong and not _is_less_sure(born, nik):
        digits = parsed.digits[: _DATE_PLACES.start] + printed + parsed.digits[_DATE_PLACES.stop :]
        return {"nik": _repair(nik, digits, born)}
    if not is_date or is_nik_sure or _is_less_sure(born, nik):
        for candidate in parsed.birth_dates():
            if str(candidate.year)[:2] == born.value[6:8]:
                return {"tanggal_lahir": _repair(born, candidate.strftime("%d-%m-%Y"), nik)}
    return {}


def _repair_area(evidence: _Evidence, knowledge: CardKnowledge) -> dict[str, FieldReading]:
    parsed, areas = evidence.parsed, knowledge.areas
    agrees = evidence.printed_digits == parsed.digits[_DATE_PLACES]
    if evidence.header_code is None or not agrees or parsed.find_regency(areas) is not None:
        return {}
    in_nik = parsed.digits[:4]
    candidates = [code.replace(".", "") for code in areas.regency_codes(evidence.header_code)]
    near = [code for code in candidates if 0 < _count_swaps(code, in_nik) <= _MAX_SWAP_COUNT]
    return {"nik": _repair(evidence.nik, near[0] + parsed.digits[4:], evidence.nik)} if len(near) == 1 else {}


def _count_swaps(one: str, other: str) -> int:
    """Differing digits, all of them confusable; more than any limit if one is not."""
    changed = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    return len(changed) if all(pair in Confusions.load().pairs for pair in changed) else len(one) + 1


def _is_less_sure(one: FieldReading, other: FieldReading) -> bool:
    return one.confidence < _DOUBTFUL and other.confidence > one.confidence + _MIN_LEAD


def _repair(reading: FieldReading, value: str, proof: FieldReading) -> FieldReading:
    confidence = max(reading.confidence, _REPAIRED_CONFIDENCE * proof.confidence)
    return replace(reading, value=value, confidence=confidence, correction=Correction.CROSS_CHECK)
