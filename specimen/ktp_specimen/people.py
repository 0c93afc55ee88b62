"""Invents people: every field of a card, from a random generator, the area list and name lists.

No field belongs to a real person: names are drawn part by part, and a published specimen's NIK carries the serial 0000,
which is never issued.
"""

import string
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ktp_postprocessing.areas import Area, AreaList
from ktp_postprocessing.vocabularies import CardKind, Vocabularies, Vocabulary
from ktp_specimen.names import draw_address, draw_foreign_name, draw_name, draw_random_text, pick

FOREIGN_COUNTRIES = (
    "CHINA",
    "JAPAN",
    "MALAYSIA",
    "INDIA",
    "AUSTRALIA",
    "GERMANY",
    "NETHERLANDS",
    "UNITED KINGDOM",
    "REPUBLIC OF KOREA",
    "UNITED STATES OF AMERICA",
    "FRANCE",
    "SINGAPORE",
    "THAILAND",
    "RUSSIA",
)
FOREIGN_BIRTH_PLACES = (
    "BEIJING",
    "OSAKA",
    "KUALA LUMPUR",
    "MUMBAI",
    "SYDNEY",
    "BERLIN",
    "ROTTERDAM",
    "LONDON",
    "SEOUL",
    "PARIS",
)
FOREIGN_RELIGIONS = ("CHRISTIAN", "CATHOLIC", "ISLAM", "HINDU", "BUDDHIST")
FOREIGN_STATUSES = ("SINGLE", "MARRIED", "DIVORCED", "WIDOWED")
FOREIGN_OCCUPATIONS = ("EMPLOYEE", "ENTREPRENEUR", "TEACHER", "HOUSEWIFE", "STUDENT", "CONSULTANT", "RETIRED")
MINIMUM_AGE_YEARS = 17
RARE_FORMS = {
    "provinsi": ("DI YOGYAKARTA", "DAERAH KHUSUS IBUKOTA JAKARTA", "DAERAH KHUSUS JAKARTA", "NANGGROE ACEH DARUSSALAM"),
    "golongan_darah": ("0", "TIDAK TAHU", "AB -", "O +", "0+"),
    "agama": ("KONG HU CU", "BUDHA", "KHATOLIK", "KEPERCAYAAN", "KRISTEN PROTESTAN", "LAINNYA"),
    "status_perkawinan": (
        "CERAI HIDUP BELUM TERCATAT",
        "CERAI HIDUP TERCATAT",
        "KAWIN BELUM TERCATAT",
        "JANDA",
        "DUDA",
    ),
    "pekerjaan": ("PEGAWAI NEGERI SIPIL (PNS)", "IMAM MESJID", "ATLET", "LAINNYA", "TNI", "KEPOLISIAN RI (POLRI)"),
    "kewarganegaraan": ("WNA", "INDONESIA"),
}
"""Ways to print a field that the vocabularies list as variants, or not at all: for training."""


@dataclass(frozen=True, slots=True)
class PersonRecipe:
    """How people are drawn.

    Attributes:
        issued_serials: NIK serials 0001–9999 instead of the specimens' 0000: in training no habit must be learned.
        odd_text: probability of a random string instead of a field from a list: a recogniser must read, not guess.
    """

    issued_serials: bool = False
    odd_text: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person.

    Attributes:
        fields: field name → text as printed; a blank field is absent.
        religion_label: `Agama`, or `Kepercayaan` for followers of a belief.
        foreign: prints a WNA card.
    """

    fields: dict[str, str]
    religion_label: str
    foreign: bool


def invent_person(rng: np.random.Generator, recipe: PersonRecipe) -> Person:
    """Draw one person with a consistent card."""
    areas = AreaList.load()
    village = _draw_village(rng, areas)
    district, regency, province = (areas.get(village.code[:end]) for end in (8, 5, 2))
    if district is None or regency is None or province is None:
        raise LookupError(f"the area list has no parents for {village.code}")
    female = bool(rng.random() < 0.5)
    foreign = bool(rng.random() < 0.05)
    born = date(1940, 1, 1) + timedelta(days=int(rng.integers(0, 68 * 365)))
    issued = _draw_issue_date(rng, born)
    birth_place = _draw_birth_place(rng, areas, regency)
    belief = not foreign and rng.random() < 0.05
    fields = {
        "provinsi": province.name,
        "kabupaten_kota": regency.name,
        "nik": _draw_nik(rng, areas, district, (born, female), recipe),
        "nama": draw_name(rng, female),
        "tempat_lahir": birth_place,
        "tanggal_lahir": _format_date(born),
        "jenis_kelamin": "PEREMPUAN" if female else "LAKI-LAKI",
        "golongan_darah": pick(
            rng,
            ("A", "B", "AB", "O", "-", "", "O+", "A+", "B-", "TIDAK TAHU", "B+", "AB+", "AB-", "A-", "O-"),
            (20, 20, 8, 24, 12, 4, 3, 3, 2, 3, 2, 2, 2, 2, 2),
        ),
        "alamat": draw_address(rng),
        "rt_rw": f"{rng.integers(1, 30):03d}/{rng.integers(1, 20):03d}",
        "kelurahan_desa": village.name,
        "kecamatan": district.name,
        "agama": "KEPERCAYAAN TERHADAP TUHAN YME" if belief else _draw_religion(rng),
        "status_perkawinan": pick(rng, _citizen_terms(Vocabularies.load().marital_statuses), None),
        "pekerjaan": pick(rng, _citizen_terms(Vocabularies.load().occupations), None),
        "kewarganegaraan": "WNI",
        "berlaku_hingga": "SEUMUR HIDUP" if rng.random() < 0.8 else _format_date(_anniversary(born, issued.year + 5)),
        "tempat_terbit": regency.name.removeprefix("KABUPATEN ") if rng.random() < 0.7 else regency.name,
        "tanggal_terbit": _format_date(issued),
    }
    if rng.random() < 0.25:  # the two big groups of holders print far more often than a uniform draw has them
        fields["pekerjaan"] = pick(
            rng, ("KARYAWAN SWASTA", "PELAJAR/MAHASISWA", "MENGURUS RUMAH TANGGA", "WIRASWASTA"), None
        )
    if rng.random() < 0.6:
        fields["status_perkawinan"] = pick(rng, ("BELUM KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI"), (40, 45, 8, 7))
    if foreign:
        fields |= _foreign_fields(rng, female, issued)
    _make_odd(rng, fields, recipe.odd_text)
    return Person({name: text for name, text in fields.items() if text}, "Kepercayaan" if belief else "Agama", foreign)


def _citizen_terms(vocabulary: Vocabulary) -> tuple[str, ...]:
    return tuple(term.printed for term in vocabulary.terms if term.card is not CardKind.WNA)


def _draw_village(rng: np.random.Generator, areas: AreaList) -> Area:
    """Draw province first, so that small provinces are read as well as Java's; then down to the village."""
    area = areas.provinces()[int(rng.integers(len(areas.provinces())))]
    if rng.random() < 0.12:
        area = areas.get("31") or area
    while children := areas.children(area.code):
        area = children[int(rng.integers(len(children)))]
    return area


def _draw_issue_date(rng: np.random.Generator, born: date) -> date:
    earliest = max(date(2011, 9, 1), _anniversary(born, born.year + MINIMUM_AGE_YEARS))
    return earliest + timedelta(days=int(rng.integers(0, max(1, (date(2026, 10, 1) - earliest).days))))


def _anniversary(day: date, year: int) -> date:
    return day.replace(year=year, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _format_date(day: date) -> str:
    return f"{day.day:02d}-{day.month:02d}-{day.year:04d}"


def _draw_birth_place(rng: np.random.Generator, areas: AreaList, home: Area) -> str:
    source = home
    if rng.random() < 0.5:
        province = areas.provinces()[int(rng.integers(len(areas.provinces())))]
        regencies = areas.children(province.code)
        source = regencies[int(rng.integers(len(regencies)))]
        if rng.random() < 0.3:
            districts = areas.children(source.code)
            source = districts[int(rng.integers(len(districts)))]
    return source.name.removeprefix("KABUPATEN ").removeprefix("KOTA ")


def _draw_nik(
    rng: np.random.Generator, areas: AreaList, home: Area, born_female: tuple[date, bool], recipe: PersonRecipe
) -> str:
    born, female = born_female
    first_registered = home if rng.random() < 0.85 else (areas.get(_draw_village(rng, areas).code[:8]) or home)
    serial = int(rng.integers(1, 10000)) if recipe.issued_serials else 0
    day = born.day + (40 if female else 0)
    return f"{first_registered.code.replace('.', '')}{day:02d}{born.month:02d}{born.year % 100:02d}{serial:04d}"


def _draw_religion(rng: np.random.Generator) -> str:
    return pick(
        rng,
        ("ISLAM", "KRISTEN", "KATOLIK", "KATHOLIK", "HINDU", "BUDDHA", "BUDHA", "KONGHUCU", "KHONGHUCU", ""),
        (50, 14, 8, 6, 8, 5, 4, 3, 1, 1),
    )


def _foreign_fields(rng: np.random.Generator, female: bool, issued: date) -> dict[str, str]:
    return {
        "nama": draw_foreign_name(rng),
        "tempat_lahir": pick(rng, FOREIGN_BIRTH_PLACES, None),
        "jenis_kelamin": "FEMALE" if female else "MALE",
        "agama": pick(rng, FOREIGN_RELIGIONS, None),
        "status_perkawinan": pick(rng, FOREIGN_STATUSES, None),
        "pekerjaan": pick(rng, FOREIGN_OCCUPATIONS, None),
        "kewarganegaraan": pick(rng, FOREIGN_COUNTRIES, None),
        "berlaku_hingga": _format_date(_anniversary(issued, issued.year + 5)),
    }


def _make_odd(rng: np.random.Generator, fields: dict[str, str], probability: float) -> None:
    """Replace fields in place: by rarer ways to print them, by random text; the NIK by random digits."""
    for name, variants in RARE_FORMS.items():
        if probability and rng.random() < 0.3 * probability:
            fields[name] = pick(rng, variants, None)
    for name in (
        "nama",
        "alamat",
        "kelurahan_desa",
        "kecamatan",
        "pekerjaan",
        "tempat_lahir",
        "tempat_terbit",
        "kabupaten_kota",
        "provinsi",
    ):
        if rng.random() < probability:
            fields[name] = draw_random_text(rng)
    if rng.random() < probability:
        fields["nik"] = "".join(rng.choice(list(string.digits), 16))
    if rng.random() < probability:
        fields["rt_rw"] = f"{rng.integers(0, 1000):03d}/{rng.integers(0, 1000):03d}"
