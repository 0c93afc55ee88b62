"""A user's own tables: what they add and replace, and how each mistake in them is named."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.area_path import resolve_areas
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.tables import SCHEMAS, Tables, TemplateError


def write(folder: Path, **tables: str) -> Path:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_an_empty_folder_changes_nothing(tmp_path: Path) -> None:
    own, bundled = CardKnowledge.open(tmp_path), CardKnowledge.load()
    assert own.vocabularies == bundled.vocabularies
    assert own.birth_places == bundled.birth_places
    assert own.areas.provinces() == bundled.areas.provinces()
    assert CardKnowledge.open(None) is bundled


def test_areas_are_added_at_every_level_and_renamed(tmp_path: Path) -> None:
    rows = "99,PROVINSI CONTOH\n99.01,KABUPATEN BARU\n99.01.01,KECAMATAN BARU\n99.01.01.2001,DESA BARU\n"
    areas = CardKnowledge.open(
        write(tmp_path, areas=f"code,name\n{rows}32.73.01,SUKA SARI\n32.73.01.1001,SARASA\n")
    ).areas
    texts = {"provinsi": "PROVINSI CONTOH", "kabupaten_kota": "KABUPATEN BARU", "kelurahan_desa": "DESA BARU"}
    assert resolve_areas(texts, areas, None).areas["kelurahan_desa"].code == "99.01.01.2001"
    renamed = [areas.get(code) for code in ("32.73.01", "32.73.01.1001")]
    assert [area.name for area in renamed if area is not None] == ["SUKA SARI", "SARASA"]
    assert len(areas.children("32.73.01")) == len(CardKnowledge.load().areas.children("32.73.01"))


def test_aliases_former_codes_and_places_are_added(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        area_aliases="code,printed,kind\n32.73,KODYA BANDUNG,former\n",
        legacy_regency_codes="old_code,new_code\n73.19,76.04\n",
        birth_places="printed\nNEGERI SEMBILAN\n",
        labels="field,printed\nnama,Name\n",
    )
    knowledge = CardKnowledge.open(folder)
    assert knowledge.areas.lexicon("32").find("KODYA BANDUNG")[0].code == "32.73"
    assert knowledge.areas.current_regency_code("73.19") == "76.04"
    assert knowledge.areas.lexicon("73").find("KABUPATEN POLEWALI MANDAR")[0].code == "76.04"
    assert "NEGERI SEMBILAN" in knowledge.known_places
    assert knowledge.vocabularies.labels["nama"][-1] == "Name"


def test_terms_are_added_and_replaced(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        religions="\ufeffprinted,meaning,card\r\nISLAAM,ISLAM,wni\r\n",
        occupations='printed,meaning,card\n"PAWANG, HUJAN",PAWANG HUJAN,wni\nSWASTA,WIRASWASTA,wni\n',
    )
    own, bundled = CardKnowledge.open(folder).vocabularies, CardKnowledge.load().vocabularies
    assert own.religions.printed == (*bundled.religions.printed, "ISLAAM")
    assert own.occupations.meanings["SWASTA"] == "WIRASWASTA"
    assert own.occupations.printed == (*bundled.occupations.printed, "PAWANG, HUJAN")


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("religions", "printed,meaning\nX,ISLAM\n", "line 1: the columns must be printed,meaning,card"),
        ("religions", "printed;meaning;card\n", "line 1: the columns must be printed,meaning,card"),
        ("religions", "", "line 1: the columns must be"),
        ("religions", "printed,meaning,card\nX,ISLAM,wni\nY,JEDI,wni\n", "line 3, column meaning: expected one of"),
        ("religions", "printed,meaning,card\nislam,ISLAM,wni\n", "line 2, column printed: expected upper-case"),
        ("religions", "printed,meaning,card\n ISLAM,ISLAM,wni\n", "line 2, column printed: expected upper-case"),
        ("religions", "printed,meaning,card\nISLAM\u0301,ISLAM,wni\n", "line 2, column printed"),
        ("sexes", "printed,meaning,card\nX,LAKI-LAKI,all\n", "line 2, column card: expected wni, wna or both"),
        ("occupations", "printed,meaning,card\nA,B,C,wni\n", "line 2: 4 cells instead of 3"),
        ("occupations", 'printed,meaning,card\n"A,B,wni\n', "line 2"),
        ("areas", "code,name\n1.2,X\n", "line 2, column code: expected an area code"),
        ("areas", "code,name\n99.01,X\n", "line 2, column code: 99.01 has no parent"),
        ("areas", "code,name\n32.73.01.1001,\n", "line 2, column name"),
        ("area_aliases", "code,printed,kind\n99,X,former\n", "line 2, column code: no area has the code 99"),
        ("area_aliases", "code,printed,kind\n32,X,old\n", "line 2, column kind: expected variant or former"),
        ("legacy_regency_codes", "old_code,new_code\n10.01,99.01\n", "line 2, column new_code: no area"),
        ("labels", "field,printed\nshoe_size,Shoe\n", "line 2, column field: expected one of nik"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, table: str, text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        CardKnowledge.open(write(tmp_path, **{table: text}))
    assert f"{tmp_path / table}.csv, {message}" in str(caught.value)


def test_other_tables_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("not a table")
    (tmp_path / "religion.csv").write_text("printed,meaning,card\n")
    with pytest.raises(TemplateError, match=r"religion\.csv: no such table; the tables are areas, area_aliases"):
        CardKnowledge.open(tmp_path)
    with pytest.raises(TemplateError, match="nowhere"):
        CardKnowledge.open(tmp_path / "nowhere")


def test_other_encodings_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_bytes(b"code,name\n32,JAWA\n33,\xff\xfe\n")
    with pytest.raises(TemplateError, match=r"areas\.csv, line 3: not UTF-8"):
        CardKnowledge.open(tmp_path)


@given(table=st.sampled_from(sorted(SCHEMAS)), content=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_content_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, table: str, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("own")
    header = ",".join(SCHEMAS[table]).encode()
    (folder / f"{table}.csv").write_bytes(header + b"\n" + content)
    rows = []
    with contextlib.suppress(TemplateError):
        rows += [row for row in Tables(folder).rows(table) if row.is_own]
    for row in rows:
        assert list(row.cells) == list(SCHEMAS[table])
        assert all(cell == " ".join(cell.split()) and cell.isascii() for cell in row.cells.values())
