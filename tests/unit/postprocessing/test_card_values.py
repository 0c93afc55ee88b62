"""Lines -> card: what becomes of values that were misread, that are rare, or that disagree."""

from collections.abc import Callable

import pytest

from ktp_postprocessing.card import read_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.reading import Correction
from ktp_postprocessing.vocabularies import Vocabulary
from tests.unit.postprocessing.conftest import CardSketch, get_values, read

KNOWLEDGE = CardKnowledge.load()
Expected = Callable[..., dict[str, str]]


def test_a_misread_birth_date_is_repaired_if_only_one_digit_can_be_wrong(
    sketch: CardSketch, expected: Expected
) -> None:
    sketch.values["Tempat/Tgl Lahir"] = "BANDUNG, 05-01-4990"
    reading = read_card(sketch.lines(), KNOWLEDGE).fields["tanggal_lahir"]
    assert reading.value == expected()["tanggal_lahir"]
    assert reading.correction is Correction.NORMALISED


@pytest.mark.parametrize("value", ["0011002", "001/ 002", "O01/0O2", "001l002", "001|002", "00I/00Z", "001002"])
def test_rt_rw_is_repaired(sketch: CardSketch, expected: Expected, value: str) -> None:
    sketch.values["RT/RW"] = value
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert get_values(card) == expected()
    assert card.fields["rt_rw"].raw_value == value
    assert card.fields["rt_rw"].correction is Correction.NORMALISED


@pytest.mark.parametrize("value", ["32730l45O19OOOOO", "3273 0145 0190 0000", "E3273014501900000", "327301450l900000"])
def test_nik_is_repaired(sketch: CardSketch, expected: Expected, value: str) -> None:
    sketch.values["NIK"] = value
    assert read(sketch.lines()) == expected()


@pytest.mark.parametrize(
    ("label", "misread", "name"),
    [
        ("Agama", "ISIAM", "agama"),
        ("Agama", "lSLAM", "agama"),
        ("Jenis Kelamin", "PEREMPUAM", "jenis_kelamin"),
        ("Status Perkawinan", "BELUMKAWIN", "status_perkawinan"),
        ("Status Perkawinan", "BELUM KAWlN", "status_perkawinan"),
        ("Pekerjaan", "KARYAWAN SWA5TA", "pekerjaan"),
        ("Kewarganegaraan", "WNl", "kewarganegaraan"),
        ("Kewarganegaraan", "WN1", "kewarganegaraan"),
        ("Berlaku Hingga", "SEUMUR H1DUP", "berlaku_hingga"),
        ("Berlaku Hingga", "SEUMURHIDUP", "berlaku_hingga"),
        ("Kel/Desa", "SUKARA5A", "kelurahan_desa"),
        ("Kecamatan", "5UKASARl", "kecamatan"),
        ("Tempat/Tgl Lahir", "BANDUNG 05-01-1990", "tempat_lahir"),
        ("Tempat/Tgl Lahir", "BANDUNG. O5-0l-1990", "tanggal_lahir"),
        ("Tempat/Tgl Lahir", "8ANDUNG,05 01 1990", "tempat_lahir"),
        ("Nama", "S1TI RAHMAWAT1", "nama"),
    ],
)
def test_misread_values_are_corrected(
    sketch: CardSketch, expected: Expected, label: str, misread: str, name: str
) -> None:
    sketch.values[label] = misread
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert get_values(card) == expected()
    assert card.fields[name].value == expected()[name]


@pytest.mark.parametrize(
    ("label", "value", "name"),
    [
        ("Agama", "KATHOLIK", "agama"),
        ("Agama", "BUDHA", "agama"),
        ("Status Perkawinan", "KAWIN TERCATAT", "status_perkawinan"),
        ("Status Perkawinan", "CERAI HIDUP BELUM TERCATAT", "status_perkawinan"),
        ("Pekerjaan", "PEGAWAI NEGERI SIPIL (PNS)", "pekerjaan"),
        ("Pekerjaan", "PAWANG HUJAN", "pekerjaan"),
        ("Pekerjaan", "PEDAGANG", "pekerjaan"),
        ("Kel/Desa", "SUKARESI", "kelurahan_desa"),
        ("Kel/Desa", "SUKARAJA", "kelurahan_desa"),
        ("Kecamatan", "SUKATANI JAYA", "kecamatan"),
        ("Nama", "Y", "nama"),
        ("Nama", "M. IQBAL, S.H.", "nama"),
        ("Nama", "NAMARA AGAMAWATI", "nama"),
        ("Alamat", "DSN. KARANG ANYAR GG. 3", "alamat"),
        ("Alamat", "ALAMAT PALSU NO 1", "alamat"),
    ],
)
def test_rare_values_stay_as_printed(sketch: CardSketch, label: str, value: str, name: str) -> None:
    sketch.values[label] = value
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert card.fields[name].value == value.rstrip(".") or card.fields[name].value == value


PRINTED_FORMS = [
    ("Agama", "agama", KNOWLEDGE.vocabularies.religions),
    ("Status Perkawinan", "status_perkawinan", KNOWLEDGE.vocabularies.marital_statuses),
    ("Jenis Kelamin", "jenis_kelamin", KNOWLEDGE.vocabularies.sexes),
    ("Pekerjaan", "pekerjaan", KNOWLEDGE.vocabularies.occupations),
    ("Kewarganegaraan", "kewarganegaraan", KNOWLEDGE.vocabularies.citizenships),
    ("Berlaku Hingga", "berlaku_hingga", KNOWLEDGE.vocabularies.validities),
]


@pytest.mark.parametrize(("label", "name", "table"), PRINTED_FORMS, ids=[name for _, name, _ in PRINTED_FORMS])
def test_every_printed_form_of_a_list_is_read_as_printed(
    sketch: CardSketch, label: str, name: str, table: Vocabulary
) -> None:
    for printed in table.printed:
        sketch.values[label] = printed
        reading = read_card(sketch.lines(), KNOWLEDGE).fields[name]
        assert (reading.value, reading.correction) == (printed, Correction.NONE)


@pytest.mark.parametrize("place", ["BANDUNG", "SUKABUMI", "LEMBANG", "KUALA LUMPUR", "BANTUR", "PARIS", "SOLO"])
def test_birth_places_stay_as_printed(sketch: CardSketch, expected: Expected, place: str) -> None:
    sketch.values["Tempat/Tgl Lahir"] = f"{place}, 05-01-1990"
    assert read(sketch.lines()) == expected(tempat_lahir=place)


def test_the_birth_date_settles_a_doubtful_nik_digit(sketch: CardSketch) -> None:
    sketch.values["NIK"] = "3273014501960000"  # 0 read as 6
    lines = [TextLine(line.text, 0.5 if "3273" in line.text else 0.99, line.quad) for line in sketch.lines()]
    reading = read_card(lines, KNOWLEDGE).fields["nik"]
    assert reading.value == "3273014501900000"
    assert reading.raw_value == "3273014501960000"
    assert reading.correction is Correction.CROSS_CHECK


def test_disagreements_are_found_and_nothing_is_overwritten(sketch: CardSketch) -> None:
    sketch.values["NIK"] = "3171010708851234"
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert card.fields["nik"].value == "3171010708851234"
    codes = {finding.code for finding in card.findings}
    assert codes == {"NIK_BIRTH_DATE_MISMATCH", "NIK_SEX_MISMATCH", "NIK_REGENCY_MISMATCH"}


@pytest.mark.parametrize(
    ("label", "value", "name"),
    [
        ("NIK", "327301450190000", "nik"),
        ("NIK", "3273013313900000", "nik"),
        ("Tempat/Tgl Lahir", "BANDUNG, 35-17-1990", "tanggal_lahir"),
        ("RT/RW", "KX/", "rt_rw"),
        ("Jenis Kelamin", "XQZWV", "jenis_kelamin"),
        ("Berlaku Hingga", "XQZWV", "berlaku_hingga"),
    ],
)
def test_what_a_field_cannot_be_is_withheld_and_reported(sketch: CardSketch, label: str, value: str, name: str) -> None:
    sketch.values[label] = value
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert name not in card.fields
    assert name in {
        field for finding in card.findings if finding.code == "FIELD_UNREADABLE" for field in finding.fields
    }


@pytest.mark.parametrize(
    ("printed", "read_as"),
    [("12-03-2025", "12-03-20255"), ("12-03-2012", "12-033-2012"), ("12-03-2012", "122-03-2012")],
)
def test_a_digit_too_many_does_not_lose_the_issue_date(sketch: CardSketch, printed: str, read_as: str) -> None:
    sketch.issue = ("KOTA BANDUNG", read_as)
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert card.fields["tempat_terbit"].value == "KOTA BANDUNG"
    reading = card.fields["tanggal_terbit"]
    assert (reading.value, reading.raw_value) == (printed, read_as)
    assert reading.confidence < 0.98


def test_a_digit_too_many_does_not_lose_the_birth_date(sketch: CardSketch, expected: Expected) -> None:
    sketch.values["Tempat/Tgl Lahir"] = "BANDUNG, 05-01-19900"
    assert read(sketch.lines()) == expected()


@pytest.mark.parametrize("text", ["S", "L", "AN"])
def test_a_letter_or_two_are_not_taken_for_a_sex(sketch: CardSketch, text: str) -> None:
    sketch.values["Jenis Kelamin"] = text
    sketch.blood_type = ()
    assert "jenis_kelamin" not in read(sketch.lines())
