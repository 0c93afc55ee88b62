"""Recognised lines -> a card: the package's main entry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.area_path import LEVELS, UNLISTED_COST, resolve_areas
from ktp_postprocessing.checks import PhotoBackground, check_card
from ktp_postprocessing.confusions import repair_words, to_print_case
from ktp_postprocessing.fields import (
    BIRTH_YEARS,
    ISSUE_YEARS,
    Normal,
    make_reading,
    read_area,
    read_blood_type,
    read_date,
    read_listed,
    read_nik,
    read_only_listed,
    read_rt_rw,
    read_validity,
    settle_birth_date,
)
from ktp_postprocessing.free_text import read_address, read_name
from ktp_postprocessing.header import is_rest_of_area, read_header
from ktp_postprocessing.knowledge import CardKnowledge, strip_regency_prefix
from ktp_postprocessing.layout import parse_layout
from ktp_postprocessing.lexicon import AREA_LIST, OPEN_LIST, REGENCY_LIST, score_entries
from ktp_postprocessing.lines import Span, TextLine, join_spans, make_spans
from ktp_postprocessing.nik import FEMALE_DAY_OFFSET, parse_nik
from ktp_postprocessing.noise import Noise
from ktp_postprocessing.normalised import Sex, normalise_card
from ktp_postprocessing.numerals import find_date, looks_like_date, split_place_and_date
from ktp_postprocessing.reading import FIELD_NAMES, CardReading, Correction, FieldReading, Finding, Severity
from ktp_postprocessing.repair import cross_check

_MAX_ISSUE_ROW_GAP_HEIGHTS = 3.5  # from the issue place's middle down to the issue date's
_MIN_PLACE_LETTERS = 2
_SURE_NIK = 0.97  # confidence from which a NIK tells the birth date
_TELLING_FIELDS = ("jenis_kelamin", "agama", "status_perkawinan", "kewarganegaraan")
_BLOOD_TYPE_BESIDE_SEX = re.compile(r"\s([ABO0]{1,2}[+\-]?|-|TIDAK TAHU)$")


@dataclass(slots=True)
class _Draft:
    """A card in the making.

    Attributes:
        knowledge: lists and vocabularies.
        beheaded: fields of labels the beginning of whose value is missing.
        fields: as read so far.
        withheld: fields in whose place something was read that they cannot be.
        area_codes: of areas that were matched.
    """

    knowledge: CardKnowledge
    beheaded: frozenset[str] = frozenset()
    fields: dict[str, FieldReading] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)
    area_codes: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, span: Span, normal: Normal | None) -> None:
        """Add a field, or note that it is withheld; a field of which nothing is left was blank.

        Of a value without its beginning the rest is no value, unless a list tells the whole.
        """
        is_rest = name in self.beheaded and normal is not None and normal.correction is not Correction.TEMPLATE
        if normal is None or is_rest:
            self.withheld.append(name)
        elif normal.value:
            self.fields[name] = make_reading(span, normal)

    def findings(self) -> tuple[Finding, ...]:
        """One for each field withheld."""
        message = "What was read in this field's place is no value that it can have; it is withheld."
        return tuple(Finding("FIELD_UNREADABLE", Severity.WARNING, message, (name,)) for name in self.withheld)


def read_card(
    lines: Sequence[TextLine], knowledge: CardKnowledge, photo_background: PhotoBackground | None = None
) -> CardReading:
    """Read a card from its lines.

    Args:
        lines: from any OCR, in any order, in a frame in which the card is upright (a few degrees of tilt do no harm).
        knowledge: from `CardKnowledge.load()` or `CardKnowledge.open()`.
        photo_background: colour behind the holder, if it was measured.

    Raises:
        ValueError: a line's quad is not (4, 2).
    """
    layout = parse_layout(make_spans(lines), knowledge.label_matcher)
    values = {name: join_spans(rows) for name, rows in layout.values.items()}
    draft = _Draft(knowledge, layout.beheaded)
    share = _read_closed_fields(draft, values, layout.noise).misread_share
    values = {name: span.doubt(share) for name, span in values.items()}
    header = {name: span.doubt(share) for name, span in read_header(layout.header, knowledge.areas).items()}
    born = _read_person(draft, values)
    if "nik" in values:
        provinces = tuple(province.code for province in knowledge.areas.provinces())
        draft.put("nik", values["nik"], read_nik(values["nik"], provinces, _find_birth_digits(draft)))
    if born is not None:
        _settle_birth_date(draft, born)
    _read_areas(draft, header | {name: values[name] for name in ("kecamatan", "kelurahan_desa") if name in values})
    if "pekerjaan" in values:
        occupations = knowledge.vocabularies.occupations.printed
        draft.put("pekerjaan", values["pekerjaan"], read_listed(values["pekerjaan"], occupations, OPEN_LIST))
    _read_issue(draft, [line.doubt(share) for line in layout.issue])
    draft.fields = cross_check(draft.fields, knowledge, draft.area_codes)
    fields = {name: _calibrate(name, draft.fields[name], knowledge) for name in FIELD_NAMES if name in draft.fields}
    findings = (*draft.findings(), *check_card(fields, draft.area_codes, knowledge, photo_background))
    printed = {name: reading.value for name, reading in fields.items()}
    normalised = normalise_card(printed, draft.area_codes, knowledge)
    return CardReading(fields, findings, draft.area_codes, normalised, layout.unread)


def _calibrate(name: str, reading: FieldReading, knowledge: CardKnowledge) -> FieldReading:
    confidence = knowledge.calibration.apply(name, reading.confidence)
    return FieldReading(reading.value, reading.raw_value, confidence, reading.correction, reading.quad)


def _read_person(draft: _Draft, values: dict[str, Span]) -> Span | None:
    """Read name, birth, address, RT and RW; returns where the birth date stands."""
    born: Span | None = None
    if "nama" in values:
        draft.put("nama", values["nama"], read_name(values["nama"]))
    birth = values.get("tempat_tanggal_lahir")
    if birth is not None:
        place_part, date_match = split_place_and_date(birth.text)
        if place_part.stop:
            place = birth.cut(place_part.start, place_part.stop)
            is_rest = "tempat_tanggal_lahir" in draft.beheaded
            draft.put("tempat_lahir", place, None if is_rest else _read_place(place, draft.knowledge))
        born = (
            birth.cut(date_match.start, date_match.end)
            if date_match is not None
            else birth.cut(place_part.stop, len(birth.text)).without_separators()
        )
        draft.put("tanggal_lahir", born, read_date(born, BIRTH_YEARS))
    if "alamat" in values:
        draft.put("alamat", values["alamat"], read_address(values["alamat"]))
    if "rt_rw" in values:
        _read_rt_rw(draft, values["rt_rw"])
    return born


def _settle_birth_date(draft: _Draft, born: Span) -> None:
    """A doubtful birth date follows a NIK that was read surely."""
    nik, as_read = draft.fields.get("nik"), draft.fields.get("tanggal_lahir")
    parsed = parse_nik(nik.value) if nik is not None and nik.confidence >= _SURE_NIK else None
    if parsed is None:
        return
    in_nik = [day.strftime("%d-%m-%Y") for day in parsed.birth_dates() if day.year in BIRTH_YEARS]
    normal = settle_birth_date(born, as_read.value if as_read is not None else None, in_nik)
    if normal is not None:
        draft.put("tanggal_lahir", born, normal)
        draft.withheld = [name for name in draft.withheld if name != "tanggal_lahir"]


def _find_birth_digits(draft: _Draft) -> str:
    """Digits 7 to 12 of the NIK by the printed birth date and sex; empty if those were not read."""
    born, sex = draft.fields.get("tanggal_lahir"), draft.fields.get("jenis_kelamin")
    meaning = draft.knowledge.vocabularies.sexes.meanings.get(sex.value) if sex is not None else None
    if born is None or meaning is None:
        return ""
    day, month, year = born.value.split("-")
    return f"{int(day) + FEMALE_DAY_OFFSET * (meaning == Sex.FEMALE):02d}{month}{year[2:]}"


def _read_rt_rw(draft: _Draft, span: Span) -> None:
    normal = read_rt_rw(span)
    draft.put("rt_rw", span, normal)
    if normal is not None and "rt_rw" in draft.fields:
        for name, number in zip(("rt", "rw"), normal.value.split("/"), strict=True):
            draft.put(name, span, Normal(number, normal.confidence, normal.correction))


def _read_place(span: Span, knowledge: CardKnowledge) -> Normal | None:
    """A birth place: any district or regency is kept; only regencies' names, the usual ones, serve as templates."""
    text = repair_words(to_print_case(span.text))
    if text in knowledge.known_places:
        return read_listed(span, (text,), OPEN_LIST)
    return read_listed(span, knowledge.birth_places, OPEN_LIST)


def _read_areas(draft: _Draft, spans: dict[str, Span]) -> None:
    areas = draft.knowledge.areas
    nik = parse_nik(draft.fields["nik"].value) if "nik" in draft.fields else None
    path = resolve_areas(
        {name: to_print_case(span.text) for name, span in spans.items()},
        areas,
        nik.find_regency(areas) if nik is not None else None,
        lambda name, candidates: _score_names(name, spans[name], candidates),
    )
    for name in LEVELS:
        choice = path.choices.get(name)
        if name in spans:
            normal = read_area(spans[name], choice)
            is_listed = choice is not None and choice.value is not None
            is_rest = not is_listed and is_rest_of_area(name, normal.value, areas)
            draft.put(name, spans[name], None if is_rest else normal)
            if name in draft.fields and choice is not None and is_listed and choice.is_unique:
                draft.area_codes[name] = choice.area.code


def _score_names(level: str, span: Span, names: Sequence[str]) -> NDArray[np.float64]:
    """Likelihoods in the units of `resolve_areas`, where a name outside the list always costs the same."""
    policy = REGENCY_LIST if level in ("provinsi", "kabupaten_kota") else AREA_LIST
    scores: NDArray[np.float64] = score_entries(span, names) * (UNLISTED_COST / policy.prior_against(span))
    return scores


def _read_closed_fields(draft: _Draft, values: dict[str, Span], noise: Noise) -> Noise:
    """The fields whose lists are complete; how they were read adds to what the labels tell of the recogniser."""
    tables = draft.knowledge.vocabularies
    sex, blood_type = values.get("jenis_kelamin"), values.get("golongan_darah")
    if sex is not None and blood_type is None:
        beside = _BLOOD_TYPE_BESIDE_SEX.search(sex.text)
        if beside is not None:
            blood_type = sex.cut(beside.start(1), beside.end(1))
            sex = sex.cut(0, beside.start())
    if sex is not None:
        draft.put("jenis_kelamin", sex, read_only_listed(sex, tables.sexes.printed))
    if blood_type is not None:
        draft.put("golongan_darah", blood_type, read_blood_type(blood_type, tables.blood_types.printed))
    closed = {
        "agama": tables.religions,
        "status_perkawinan": tables.marital_statuses,
        "kewarganegaraan": tables.citizenships,
    }
    for name, table in closed.items():
        if name in values:
            draft.put(name, values[name], read_listed(values[name], table.printed))
    if "berlaku_hingga" in values:
        span = values["berlaku_hingga"]
        draft.put("berlaku_hingga", span, read_validity(span.doubt(noise.misread_share), tables.validities.printed))
    known = [draft.fields[name] for name in _TELLING_FIELDS if name in draft.fields]
    return reduce(lambda total, reading: total.add(reading.value, reading.raw_value), known, noise)


def _read_issue(draft: _Draft, lines: Sequence[Span]) -> None:
    """The issue place and, under it, the issue date; the signature and what else is there is passed over."""
    dated = [line for line in lines if find_date(line.text) is not None or looks_like_date(line.text)]
    if not dated:
        return
    issued = dated[-1]
    draft.put("tanggal_terbit", issued, read_date(issued, ISSUE_YEARS))
    above = [line for line in lines if 0 < _count_heights(line, issued) < _MAX_ISSUE_ROW_GAP_HEIGHTS]
    above = [line for line in above if line not in dated]
    above = [line for line in above if sum(character.isalpha() for character in line.text) >= _MIN_PLACE_LETTERS]
    if above:
        place = join_spans(above)
        draft.put("tempat_terbit", place, _read_issue_place(draft, place))


def _count_heights(upper: Span, lower: Span) -> float:
    """From one line's middle down to another's, in the height of the larger print: a date's digits are low."""
    return (lower.extent.y - upper.extent.y) / max(upper.extent.height, lower.extent.height)


def _read_issue_place(draft: _Draft, place: Span) -> Normal | None:
    """A card is issued in its own regency, printed with or without its prefix; any place if that was not read."""
    header = draft.fields.get("kabupaten_kota")
    if header is None or "kabupaten_kota" not in draft.area_codes:
        return read_listed(place, draft.knowledge.birth_places, AREA_LIST)
    return read_listed(place, (header.value, strip_regency_prefix(header.value)), REGENCY_LIST)
