"""Lines -> card: what stands above the rows and beside them, the header and the place and date of issue."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ktp_postprocessing.card import read_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from tests.unit.postprocessing.conftest import CardSketch, read

KNOWLEDGE = CardKnowledge.load()
Expected = Callable[..., dict[str, str]]


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        (("PROVINSI DKI JAKARTA", "JAKARTA BARAT"), {"provinsi": "DKI JAKARTA", "kabupaten_kota": "JAKARTA BARAT"}),
        (
            ("PROVINSI DAERAH ISTIMEWA YOGYAKARTA", "KABUPATEN SLEMAN"),
            {"provinsi": "DAERAH ISTIMEWA YOGYAKARTA", "kabupaten_kota": "KABUPATEN SLEMAN"},
        ),
        (
            ("PROVINSI DI YOGYAKARTA", "KOTA YOGYAKARTA"),
            {"provinsi": "DI YOGYAKARTA", "kabupaten_kota": "KOTA YOGYAKARTA"},
        ),
        (
            ("PROVINSI SUMATERA UTARA", "KABUPATEN TOBA SAMOSIR"),
            {"provinsi": "SUMATERA UTARA", "kabupaten_kota": "KABUPATEN TOBA SAMOSIR"},
        ),
        (("PROVINS1 JAWABARAT", "K0TABANDUNG"), {}),
        (("PROVINSIJAWA BARAT", "KOTA BANDVNG"), {}),
        (("JAWA BARAT", "KOTA BANDUNG"), {}),
    ],
)
def test_headers(sketch: CardSketch, expected: Expected, header: tuple[str, str], changes: dict[str, str]) -> None:
    sketch.header = header
    sketch.issue = ()
    assert read(sketch.lines()) == expected(tempat_terbit="", tanggal_terbit="", **changes)


def test_an_issue_place_right_behind_a_long_value_is_no_part_of_it(sketch: CardSketch, expected: Expected) -> None:
    sketch.values["Pekerjaan"] = "ANGGOTA LEMBAGA TINGGI LAINNYA"
    row = 0.33 + 9 * 0.047
    sketch.issue = ()
    sketch.extra = [("KABUPATEN PEGUNUNGAN BINTANG", 0.655, row), ("12-03-2012", 0.76, row + 0.045)]
    assert read(sketch.lines()) == expected(
        pekerjaan="ANGGOTA LEMBAGA TINGGI LAINNYA", tempat_terbit="KABUPATEN PEGUNUNGAN BINTANG"
    )


def test_marks_above_the_issue_date_are_no_place(sketch: CardSketch, expected: Expected) -> None:
    sketch.issue = (":", "12-03-2012")
    assert read(sketch.lines()) == expected(tempat_terbit="")


def test_an_issue_place_of_two_rows_in_higher_print_than_the_date(sketch: CardSketch, expected: Expected) -> None:
    sketch.header = ("PROVINSI GORONTALO", "KABUPATEN GORONTALO UTARA")
    sketch.issue = ()
    sketch.extra = (("KABUPATEN", 0.78, 0.77), ("GORONTALO UTARA", 0.75, 0.815), ("12-03-2012", 0.78, 0.86))
    lines = [_lower(line) if line.text == "12-03-2012" else line for line in sketch.lines()]
    assert read(lines)["tempat_terbit"] == "KABUPATEN GORONTALO UTARA"


def _lower(line: TextLine) -> TextLine:
    middle = line.quad.mean(axis=0)
    return replace(line, quad=middle + (line.quad - middle) * np.array([1.0, 0.75]))


@pytest.mark.parametrize(
    ("header", "withheld"),
    [
        (("RA UTARA", "KOTA MEDAN"), "provinsi"),
        (("PROVINSI JAWA", "KOTA BANDUNG"), "provinsi"),
        (("PROVINSI PAPU UNGAN", "KABUPATEN LANNY JAYA"), "provinsi"),
        (("PROVINSI MALUKU UTARA", "PATEN HALMAHERA BARAT"), "kabupaten_kota"),
        (("PROVINSI PAPUA PEGUNUNGAN", "KABUPATEN JAYA"), "kabupaten_kota"),
        (("PROVINSI DAERAI YOGYAKARTA", "KABUPATEN GUNUNGKIDUL"), "provinsi"),
        (("PROVINSI NUSA TENGGARA TIMUR", "KABUPATEN SUN T DAYA"), "kabupaten_kota"),
    ],
)
def test_what_an_object_leaves_of_a_header_is_withheld(
    sketch: CardSketch, header: tuple[str, str], withheld: str
) -> None:
    sketch.header = header
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert {"provinsi", "kabupaten_kota"} - set(card.fields) == {withheld}
    assert next(finding.fields for finding in card.findings if finding.code == "FIELD_UNREADABLE") == (withheld,)


def test_a_regency_that_the_list_lacks_is_kept_as_read(sketch: CardSketch) -> None:
    sketch.header = ("PROVINSI JAWA BARAT", "KABUPATEN CIRANJANG TENGAH")
    assert read(sketch.lines())["kabupaten_kota"] == "KABUPATEN CIRANJANG TENGAH"
