"""Lines -> card: layout, for every variant of a card and every way its lines may be cut."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ktp_postprocessing.card import read_card
from ktp_postprocessing.frames import LineFrames
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.reading import FIELD_NAMES, Correction
from tests.unit.postprocessing.conftest import CardSketch, get_values, read

KNOWLEDGE = CardKnowledge.load()
Expected = Callable[..., dict[str, str]]


def test_a_clean_card_is_read_and_nothing_in_it_corrected(sketch: CardSketch, expected: Expected) -> None:
    card = read_card(sketch.lines(), KNOWLEDGE)
    assert get_values(card) == expected()
    assert list(card.fields) == [name for name in FIELD_NAMES if name in card.fields]
    changed = {name for name, reading in card.fields.items() if reading.correction is not Correction.NONE}
    assert changed == {"rt", "rw"}
    assert {finding.code for finding in card.findings} == {"NIK_SERIAL_UNISSUED"}
    assert card.area_codes["kelurahan_desa"].startswith("32.73.01.")
    for reading in card.fields.values():
        assert 0.8 < reading.confidence <= 1
        assert reading.quad is not None
        assert reading.quad.shape == (4, 2)


@pytest.mark.parametrize("tilt", [-0.08, -0.03, 0.03, 0.08])
def test_a_tilted_card_is_read_by_its_own_rows(sketch: CardSketch, expected: Expected, tilt: float) -> None:
    sketch.tilt = tilt
    assert read(sketch.lines()) == expected()


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_frame_is_free(sketch: CardSketch, expected: Expected, scale: float) -> None:
    moved = [TextLine(line.text, line.confidence, line.quad * scale + 100) for line in sketch.lines()]
    assert read(moved) == expected()


@pytest.mark.parametrize("colon", [": ", ":", ". ", "; ", "- ", "= ", "", " "])
def test_the_colon_may_be_misread_or_lost(sketch: CardSketch, expected: Expected, colon: str) -> None:
    sketch.colon = colon
    assert read(sketch.lines()) == expected()


@pytest.mark.parametrize("colon", [": ", " : ", ":", ". ", " "])
def test_labels_may_be_glued_to_values(sketch: CardSketch, expected: Expected, colon: str) -> None:
    sketch.colon = colon
    sketch.glued = frozenset(sketch.values)
    assert read(sketch.lines()) == expected()


def test_sex_and_blood_type_may_be_one_line(sketch: CardSketch, expected: Expected) -> None:
    sketch.values["Jenis Kelamin"] = "LAKI-LAKI Gol. Darah : AB"
    sketch.values["NIK"] = "3273010501900000"
    sketch.blood_type = ()
    changes = {"jenis_kelamin": "LAKI-LAKI", "golongan_darah": "AB", "nik": "3273010501900000"}
    assert read(sketch.lines()) == expected(**changes)


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (("Gol. Darah : O",), "O"),
        (("Gol. Darah", ": 0"), "O"),
        (("Gol Darah", ":AB"), "AB"),
        (("Gol. Darah", ": A+"), "A+"),
        (("Gol. Darah", ": -"), "-"),
        (("Gol. Darah :", "-"), "-"),
        (("Gol. Darah : -",), "-"),
        (("Gol. Darah",), ""),
        (("Gol. Darah :",), ""),
        (("Go1. Darab : B",), "B"),
        (("Gol. DaraM", ": O"), "O"),
        (("GoI.DaraN : AB",), "AB"),
        (("Gol. Darah", ": TIDAK TAHU"), "TIDAK TAHU"),
        ((), ""),
    ],
)
def test_blood_types(sketch: CardSketch, expected: Expected, parts: tuple[str, ...], value: str) -> None:
    sketch.blood_type = parts
    assert read(sketch.lines()) == expected(golongan_darah=value)


@pytest.mark.parametrize(
    ("label", "rows", "changes"),
    [
        ("Nama", ["RADEN AJENG SITI NURHALIZAH", "RAHMAWATI"], {"nama": "RADEN AJENG SITI NURHALIZAH RAHMAWATI"}),
        ("Nama", ["SITI", "NUR", "AINI"], {"nama": "SITI NUR AINI"}),
        (
            "Alamat",
            ["KOMP. GRIYA INDAH BLOK C NO. 12", "JL. RAYA BARAT"],
            {"alamat": "KOMP. GRIYA INDAH BLOK C NO. 12 JL. RAYA BARAT"},
        ),
        ("Tempat/Tgl Lahir", ["TANJUNG JABUNG TIMUR,", "05-01-1990"], {"tempat_lahir": "TANJUNG JABUNG TIMUR"}),
        ("Pekerjaan", ["ANGGOTA DPRD", "KABUPATEN/KOTA"], {"pekerjaan": "ANGGOTA DPRD KABUPATEN/KOTA"}),
        (
            "Status Perkawinan",
            ["CERAI HIDUP BELUM", "TERCATAT"],
            {"status_perkawinan": "CERAI HIDUP BELUM TERCATAT"},
        ),
        ("Agama", ["KEPERCAYAAN TERHADAP", "TUHAN YME"], {"agama": "KEPERCAYAAN TERHADAP TUHAN YME"}),
    ],
)
def test_values_may_wrap(
    sketch: CardSketch, expected: Expected, label: str, rows: list[str], changes: dict[str, str]
) -> None:
    sketch.values[label] = rows
    assert read(sketch.lines()) == expected(**changes)


def test_name_and_address_may_both_wrap(sketch: CardSketch, expected: Expected) -> None:
    sketch.values["Nama"] = ["MUHAMMAD ABDURRAHMAN WAHID", "HASYIM ASYARI"]
    sketch.values["Alamat"] = ["PERUM GRIYA ASRI", "JL. KENANGA III NO. 7"]
    assert read(sketch.lines()) == expected(
        nama="MUHAMMAD ABDURRAHMAN WAHID HASYIM ASYARI", alamat="PERUM GRIYA ASRI JL. KENANGA III NO. 7"
    )


@pytest.mark.parametrize("label", [label for label in CardSketch().values if label != "NIK"])
def test_a_lost_label_is_inferred_from_its_neighbours(sketch: CardSketch, expected: Expected, label: str) -> None:
    sketch.labels[label] = None
    assert read(sketch.lines()) == expected()


@pytest.mark.parametrize("rest", [": RW", ": / DUsa", ":amI"])
@pytest.mark.parametrize("label", ["RT/RW", "Kel/Desa", "Agama"])
def test_what_is_left_of_a_label_is_no_value(sketch: CardSketch, expected: Expected, label: str, rest: str) -> None:
    sketch.labels[label] = rest
    assert read(sketch.lines()) == expected()


def test_a_blood_type_without_its_label_is_told_from_the_sex(sketch: CardSketch, expected: Expected) -> None:
    for value in ("A", "-", "TIDAK TAHU"):
        sketch.blood_type = ("", f": {value}")
        assert read(sketch.lines()) == expected(golongan_darah=value)


def test_three_lost_labels_in_a_row_are_inferred(sketch: CardSketch, expected: Expected) -> None:
    sketch.labels |= {"Alamat": None, "RT/RW": None, "Kel/Desa": None}
    assert read(sketch.lines()) == expected()


def test_a_card_without_any_label_is_still_read(sketch: CardSketch, expected: Expected) -> None:
    sketch.labels |= dict.fromkeys(sketch.values)
    values = read(sketch.lines())
    for name in ("provinsi", "kabupaten_kota", "nik", "rt_rw", "tanggal_lahir", "agama", "berlaku_hingga"):
        assert values[name] == expected()[name]


@pytest.mark.parametrize(
    ("label", "misread"),
    [
        ("NIK", "N1K"),
        ("Nama", "Narna"),
        ("Tempat/Tgl Lahir", "TempatTgI Lahr"),
        ("RT/RW", "RTIRW"),
        ("RT/RW", "RT7RW"),
        ("Kel/Desa", "KeI/Des4"),
        ("Kecamatan", "Kecarnatan"),
        ("Agama", "Agarna"),
        ("Status Perkawinan", "Status Perkawlnan"),
        ("Kewarganegaraan", "Kewarganegaman"),
        ("Berlaku Hingga", "Beriaku Hinqqa"),
    ],
)
def test_labels_may_be_misread(sketch: CardSketch, expected: Expected, label: str, misread: str) -> None:
    sketch.labels[label] = misread
    assert read(sketch.lines()) == expected()


def test_a_foreigners_card_is_read_in_english(sketch: CardSketch, expected: Expected) -> None:
    changes = {
        "Nama": "JOHN SMITH",
        "Jenis Kelamin": "MALE",
        "Agama": "CHRISTIAN",
        "Status Perkawinan": "MARRIED",
        "Pekerjaan": "DIRECTOR",
        "Kewarganegaraan": "CHINA",
        "Berlaku Hingga": "01-02-2027",
        "NIK": "3273010501900000",
    }
    sketch.values |= changes
    assert read(sketch.lines()) == expected(
        nama="JOHN SMITH",
        jenis_kelamin="MALE",
        agama="CHRISTIAN",
        status_perkawinan="MARRIED",
        pekerjaan="DIRECTOR",
        kewarganegaraan="CHINA",
        berlaku_hingga="01-02-2027",
        nik="3273010501900000",
    )


def test_a_belief_stands_under_its_own_label(sketch: CardSketch, expected: Expected) -> None:
    sketch.labels["Agama"] = "Kepercayaan"
    sketch.values["Agama"] = "KEPERCAYAAN TERHADAP TUHAN YME"
    assert read(sketch.lines()) == expected(agama="KEPERCAYAAN TERHADAP TUHAN YME")


@pytest.mark.parametrize("label", ["Agama", "Pekerjaan", "Status Perkawinan", "RT/RW"])
def test_a_blank_value_is_absent(sketch: CardSketch, expected: Expected, label: str) -> None:
    sketch.values[label] = None
    names = {"Agama": ["agama"], "Pekerjaan": ["pekerjaan"], "Status Perkawinan": ["status_perkawinan"]}
    changes = dict.fromkeys(names.get(label, ["rt_rw", "rt", "rw"]), "")
    assert read(sketch.lines()) == expected(**changes)


def test_stray_lines_are_rejected(sketch: CardSketch, expected: Expected) -> None:
    diagonal = np.array([[150.0, 300], [400, 100], [410, 112], [160, 312]])
    sketch.extra = [
        ("untuk verifikasi akun", 0.35, 0.47),
        ("Budi", 0.80, 0.90),
    ]
    lines = [*sketch.lines(), TextLine("UNTUK VERIFIKASI", 0.9, diagonal)]
    assert read(lines) == expected()


def test_a_large_watermark_is_rejected(sketch: CardSketch, expected: Expected) -> None:
    left, top = 300.0, 200.0
    quad = np.array([[left, top], [left + 90, top], [left + 90, top + 30], [left, top + 30]])
    assert read([*sketch.lines(), TextLine("COPY", 0.9, quad)]) == expected()


def test_a_value_in_two_boxes_is_joined(sketch: CardSketch, expected: Expected) -> None:
    sketch.values["Alamat"] = "JL. MERDEKA"
    sketch.extra = [("NO. 12 BLOK C", 0.43, 0.33 + 3 * 0.047)]
    assert read(sketch.lines()) == expected()


def test_no_lines_give_no_fields() -> None:
    assert read_card([], KNOWLEDGE).fields == {}


def test_a_wrong_quad_is_refused() -> None:
    with pytest.raises(ValueError, match="quad"):
        read_card([TextLine("NIK", 1.0, np.zeros((3, 2)))], KNOWLEDGE)


@pytest.mark.parametrize("second", ["D17/10", "E28/27", "001/002"])
def test_an_address_may_end_in_what_looks_like_rt_and_rw(sketch: CardSketch, expected: Expected, second: str) -> None:
    sketch.values["Alamat"] = ["PERUM MERPATI PERMAI BLOK", second]
    assert read(sketch.lines()) == expected(alamat=f"PERUM MERPATI PERMAI BLOK {second}")


@pytest.mark.parametrize("label", ["Nama", "Alamat", "Kel/Desa", "RT/RW", "Tempat/Tgl Lahir"])
def test_the_rest_of_a_value_whose_beginning_is_wiped_out_is_withheld(sketch: CardSketch, label: str) -> None:
    value = sketch.values[label]
    assert isinstance(value, str)
    field = {"Nama": "nama", "Alamat": "alamat", "Kel/Desa": "kelurahan_desa", "RT/RW": "rt_rw"}.get(
        label, "tempat_lahir"
    )
    lines = [line if line.text != f": {value}" else behead(line, 5) for line in sketch.lines()]
    card = read_card(lines, KNOWLEDGE)
    assert field not in card.fields
    assert next(finding.fields for finding in card.findings if finding.code == "FIELD_UNREADABLE") == (field,)


def test_the_rest_of_a_listed_value_tells_it(sketch: CardSketch, expected: Expected) -> None:
    lines = [line if line.text != ": BELUM KAWIN" else behead(line, 4) for line in sketch.lines()]
    assert read(lines) == expected()


def behead(line: TextLine, count: int) -> TextLine:
    """The line without its first characters, and where the rest of it stands."""
    share = count / len(line.text)
    left = line.quad[[0, 3]] + share * (line.quad[[1, 2]] - line.quad[[0, 3]])
    return replace(line, text=line.text[count:], quad=np.stack([left[0], line.quad[1], line.quad[2], left[1]]))


def shift(line: TextLine, right_px: float) -> TextLine:
    """The line farther to the right."""
    return replace(line, quad=line.quad + np.array([right_px, 0.0]))


@pytest.mark.parametrize("right_px", [10.0, 40.0])
def test_the_nik_may_stand_in_a_column_of_its_own(sketch: CardSketch, expected: Expected, right_px: float) -> None:
    nik = f": {sketch.values['NIK']}"
    assert read([shift(line, right_px) if line.text == nik else line for line in sketch.lines()]) == expected()


@pytest.mark.parametrize("rest", ["VINAN :", "AN : ", "nan:", "rkawinan :"])
@pytest.mark.parametrize("label", ["Status Perkawinan", "Kewarganegaraan", "Nama", "Alamat"])
def test_the_rest_of_a_label_in_front_of_its_value_is_cut_off(
    sketch: CardSketch, expected: Expected, label: str, rest: str
) -> None:
    value = sketch.values[label]
    lines = [line for line in sketch.lines() if line.text != label]
    index = next(index for index, line in enumerate(lines) if line.text == f": {value}")
    lines[index] = replace(lines[index], text=f"{rest}{value}")
    lines[index] = shift(lines[index], -28.0)
    assert read(lines) == expected()


@pytest.mark.parametrize(("wiped_out", "value"), [((), "3273014501900000"), ((2,), "3273014501900000"), ((1, 2), "")])
def test_one_lost_digit_of_a_nik_is_found_again_but_not_two(
    sketch: CardSketch, expected: Expected, wiped_out: tuple[int, ...], value: str
) -> None:
    nik = "3273014501900000"
    probability = np.full((2 * len(nik), 11), 0.001)
    probability[1::2, 10] = 1.0
    for place, digit in enumerate(nik):
        probability[2 * place, int(digit)] = 0.4 if place in wiped_out else 1.0
        probability[2 * place, 10] = 0.6 if place in wiped_out else 0.001
    log_probability = np.log(probability / probability.sum(axis=1, keepdims=True)).astype(np.float32)
    kept = [place for place in range(len(nik)) if place not in wiped_out]
    frames = LineFrames.of_line(log_probability, "0123456789", [2 * place for place in kept])
    text = "".join(nik[place] for place in kept)
    lines = [
        replace(line, text=text, character_confidences=(0.99,) * len(text), frames=frames)
        if line.text == f": {nik}"
        else line
        for line in sketch.lines()
    ]
    assert read(lines) == expected(nik=value)
