"""Forms that programs compare: every printed form of the vocabularies has one, and parsing them never fails."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.normalised import (
    BloodType,
    MaritalStatus,
    NormalisedValues,
    Religion,
    Sex,
    normalise_card,
)
from ktp_postprocessing.reading import FIELD_NAMES

KNOWLEDGE = CardKnowledge.load()
TABLES = KNOWLEDGE.vocabularies


def normalise(**values: str) -> NormalisedValues:
    return normalise_card(values, {}, KNOWLEDGE)


def test_a_card_is_normalised() -> None:
    codes = {"provinsi": "32", "kabupaten_kota": "32.73", "kecamatan": "32.73.01", "kelurahan_desa": "32.73.01.1001"}
    values = {
        "tanggal_lahir": "05-01-1990",
        "tanggal_terbit": "12-03-2012",
        "berlaku_hingga": "SEUMUR HIDUP",
        "jenis_kelamin": "PEREMPUAN",
        "golongan_darah": "O",
        "agama": "KATHOLIK",
        "status_perkawinan": "KAWIN BELUM TERCATAT",
        "pekerjaan": "IMAM MESJID",
        "kewarganegaraan": "WNI",
        "rt": "001",
        "rw": "012",
    }
    assert normalise_card(values, codes, KNOWLEDGE) == NormalisedValues(
        birth_date=date(1990, 1, 5),
        issue_date=date(2012, 3, 12),
        expiry_date=None,
        is_valid_for_life=True,
        sex=Sex.FEMALE,
        blood_type=BloodType.O,
        religion=Religion.CATHOLIC,
        marital_status=MaritalStatus.MARRIED,
        occupation="IMAM MASJID",
        is_citizen=True,
        rt=1,
        rw=12,
        province_code="32",
        regency_code="32.73",
        district_code="32.73.01",
        village_code="32.73.01.1001",
    )


def test_a_foreigners_card_is_normalised() -> None:
    found = normalise(
        jenis_kelamin="FEMALE", agama="CHRISTIAN", status_perkawinan="MARRIED", kewarganegaraan="CHINA",
        berlaku_hingga="01-02-2027",
    )  # fmt: skip
    assert (found.sex, found.religion, found.marital_status) == (Sex.FEMALE, Religion.CHRISTIAN, MaritalStatus.MARRIED)
    assert (found.is_citizen, found.is_valid_for_life, found.expiry_date) == (False, False, date(2027, 2, 1))


@pytest.mark.parametrize(
    ("printed", "meaning"),
    [
        ("ISLAM", Religion.ISLAM),
        ("KRISTEN", Religion.CHRISTIAN),
        ("CHRISTIAN", Religion.CHRISTIAN),
        ("KATOLIK", Religion.CATHOLIC),
        ("KATHOLIK", Religion.CATHOLIC),
        ("HINDU", Religion.HINDU),
        ("BUDDHA", Religion.BUDDHIST),
        ("BUDHA", Religion.BUDDHIST),
        ("KONGHUCU", Religion.CONFUCIAN),
        ("KHONGHUCU", Religion.CONFUCIAN),
        ("KONG HU CU", Religion.CONFUCIAN),
        ("KEPERCAYAAN TERHADAP TUHAN YME", Religion.BELIEF),
    ],
)
def test_religions(printed: str, meaning: Religion) -> None:
    assert normalise(agama=printed).religion is meaning


@pytest.mark.parametrize(
    ("printed", "meaning"),
    [
        ("BELUM KAWIN", MaritalStatus.NEVER_MARRIED),
        ("KAWIN", MaritalStatus.MARRIED),
        ("KAWIN TERCATAT", MaritalStatus.MARRIED),
        ("KAWIN BELUM TERCATAT", MaritalStatus.MARRIED),
        ("CERAI HIDUP", MaritalStatus.DIVORCED),
        ("CERAI HIDUP TERCATAT", MaritalStatus.DIVORCED),
        ("CERAI HIDUP BELUM TERCATAT", MaritalStatus.DIVORCED),
        ("CERAI MATI", MaritalStatus.WIDOWED),
    ],
)
def test_marital_statuses(printed: str, meaning: MaritalStatus) -> None:
    assert normalise(status_perkawinan=printed).marital_status is meaning


def test_every_printed_form_has_a_meaning() -> None:
    for entries, table in (
        (Sex, TABLES.sexes),
        (Religion, TABLES.religions),
        (MaritalStatus, TABLES.marital_statuses),
        (BloodType, TABLES.blood_types),
    ):
        assert {entry.value for entry in entries} == set(table.meanings.values())


@pytest.mark.parametrize(("printed", "meaning"), [("-", BloodType.UNKNOWN), ("TIDAK TAHU", BloodType.UNKNOWN)])
def test_an_unrecorded_blood_type_is_unknown(printed: str, meaning: BloodType) -> None:
    assert normalise(golongan_darah=printed).blood_type is meaning


@pytest.mark.parametrize(
    ("printed", "official"),
    [
        ("PEGAWAI NEGERI SIPIL (PNS)", "PEGAWAI NEGERI SIPIL"),
        ("TENTARA NASIONAL INDONESIA (TNI)", "TENTARA NASIONAL INDONESIA"),
        ("KEPOLISIAN RI (POLRI)", "KEPOLISIAN RI"),
        ("ATLET", "ATLIT"),
        ("CHEFF", "CHEF"),
        ("LAINNYA", "PEKERJAAN LAINNYA"),
        ("PAWANG HUJAN", None),
    ],
)
def test_occupations_keep_their_official_entry(printed: str, official: str | None) -> None:
    assert normalise(pekerjaan=printed).occupation == official


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1)))
def test_dates_go_there_and_back(day: date) -> None:
    printed = day.strftime("%d-%m-%Y")
    assert normalise(tanggal_lahir=printed).birth_date == day


@given(st.dictionaries(st.sampled_from(FIELD_NAMES), st.text(max_size=20)))
def test_any_values_are_normalised_without_failing(values: dict[str, str]) -> None:
    found = normalise_card(values, {}, KNOWLEDGE)
    assert found == normalise_card(values, {}, KNOWLEDGE)
    assert found.rt is None or found.rt >= 0
