"""`ktp-ocr fields`, `nik` and `templates`: what they print, and how they refuse."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ktp_postprocessing.lines import TextLine
from ktp_server.cli import app
from ktp_server.text_lines import LinesError, parse_lines
from tests.unit.postprocessing.conftest import CardSketch
from tests.unit.postprocessing.test_area_database import SOURCE

runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


def to_json(lines: list[TextLine]) -> str:
    return json.dumps({"lines": [{"text": line.text, "quad": line.quad.tolist()} for line in lines]})


@pytest.mark.parametrize("source", ["file", "standard input"])
def test_lines_of_any_ocr_become_fields(tmp_path: Path, source: str) -> None:
    document = to_json(CardSketch().lines())
    (tmp_path / "lines.json").write_text(document)
    if source == "file":
        outcome = runner.invoke(app, ["fields", "--json", str(tmp_path / "lines.json")])
    else:
        outcome = runner.invoke(app, ["fields", "--json", "-"], input=document)
    assert outcome.exit_code == 0
    card = json.loads(outcome.output)
    assert card["fields"]["nama"]["value"] == "SITI RAHMAWATI"
    assert card["fields"]["nama"]["quad"][0][0] > 100
    assert card["normalised"]["village_code"].startswith("32.73.01.")
    assert card["normalised"]["birth_date"] == "1990-01-05"
    assert [finding["code"] for finding in card["findings"]] == ["NIK_SERIAL_UNISSUED"]


def test_fields_are_shown_to_people(tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_text(to_json(CardSketch().lines()))
    outcome = runner.invoke(app, ["fields", str(tmp_path / "lines.json")])
    assert outcome.exit_code == 0
    for part in ("SITI RAHMAWATI", "1990-01-05", "FEMALE", "32.73", "error: NIK_SERIAL_UNISSUED"):
        assert part in outcome.output


def test_no_field_is_told_by_the_exit_status() -> None:
    outcome = runner.invoke(app, ["fields", "--json", "-"], input="[]")
    assert outcome.exit_code == 1
    assert json.loads(outcome.output)["fields"] == {}


QUAD = "[[0,0],[9,0],[9,9],[0,9]]"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ("{}", "lines: Field required"),
        ('{"lines": 3}', "lines: Input should be a valid"),
        (f'[{{"quad": {QUAD}}}]', "[0].text: Field required"),
        ('{"lines": [{"text": "SITI", "quad": [[0,0],[9,0],[9,9]]}]}', "lines[0].quad[3]: Field required"),
        ('[{"text": "SITI", "quad": [[0,0],[9,0],[9,9],["x",9]]}]', "[0].quad[3][0]: Input should be a valid number"),
        ('[{"text": "SITI", "quad": [[0,0],[9,0],[9,9],[1e999,9]]}]', "[0].quad[3][0]: Input should be a finite"),
        (f'[{{"text": "SITI", "quad": {QUAD}, "confidence": 98}}]', "[0].confidence: Input should be less than"),
    ],
)
def test_lines_of_another_form_are_refused_without_quoting_them(document: str, message: str) -> None:
    outcome = runner.invoke(app, ["fields", "--json", "-"], input=document)
    assert outcome.exit_code == 2
    answer = json.loads(outcome.output)
    assert answer["status"] == "REQUEST_INVALID"
    assert message in answer["message"]
    assert "SITI" not in outcome.output
    outcome = runner.invoke(app, ["fields", "-"], input=document)
    assert outcome.exit_code == 2
    assert message in outcome.output


def test_a_missing_file_is_named() -> None:
    outcome = runner.invoke(app, ["fields", "/nonexistent.json"])
    assert outcome.exit_code == 2
    assert "/nonexistent.json: No such file" in outcome.output


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_document_is_read_or_refused(document: bytes) -> None:
    try:
        lines = parse_lines(document)
    except LinesError:
        return
    assert all(line.quad.shape == (4, 2) for line in lines)


def test_a_nik_is_explained_to_people_and_programs() -> None:
    outcome = runner.invoke(app, ["nik", "3171.0157.0895.0000"])
    assert outcome.exit_code == 0
    for part in ("DKI JAKARTA (31)", "JAKARTA PUSAT (31.71)", "1995-08-17", "PEREMPUAN", "NIK_SERIAL_UNISSUED"):
        assert part in outcome.output
    answer = json.loads(runner.invoke(app, ["nik", "--json", "9101015708950001"]).output)
    assert answer["regency"] == {"code": "93.01", "name": "KABUPATEN MERAUKE"}
    assert (answer["sex"], answer["birth_dates"], answer["serial"]) == ("FEMALE", ["1995-08-17"], "0001")
    assert answer["is_former_code"] is True
    assert answer["findings"] == []


@pytest.mark.parametrize("digits", ["317101570895000", "31710157089500001", "317101570895000O", "x"])
def test_what_is_no_nik_is_refused(digits: str) -> None:
    outcome = runner.invoke(app, ["nik", digits])
    assert outcome.exit_code == 2
    assert "a NIK has 16 digits" in outcome.output
    outcome = runner.invoke(app, ["nik", "--json", digits])
    assert (outcome.exit_code, json.loads(outcome.output)["status"]) == (2, "REQUEST_INVALID")


def test_tables_of_ones_own_are_checked_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "areas.csv").write_text("code,name\n31.99,KOTA CONTOH\n")
    outcome = runner.invoke(app, ["templates", "check", str(tmp_path)])
    assert (outcome.exit_code, outcome.output.strip()) == (0, "areas.csv: 1 rows")
    assert "KOTA CONTOH" in runner.invoke(app, ["nik", "3199015708950001", "--templates", str(tmp_path)]).output
    monkeypatch.setenv("KTP_OCR_TEMPLATES", str(tmp_path))
    assert "KOTA CONTOH" in runner.invoke(app, ["nik", "3199015708950001"]).output
    (tmp_path / "areas.csv").write_text("code,name\n31.99,Kota Contoh\n")
    for command in (["templates", "check", str(tmp_path)], ["nik", "3199015708950001"]):
        outcome = runner.invoke(app, command)
        assert outcome.exit_code == 2
        assert "areas.csv, line 2, column name: expected upper-case" in outcome.output


def test_the_area_list_is_built(tmp_path: Path) -> None:
    for level, text in SOURCE.items():
        (tmp_path / f"{level}.csv").write_text(text, encoding="utf-8")
    outcome = runner.invoke(app, ["templates", "build", str(tmp_path), "--out", str(tmp_path / "areas.txt.gz")])
    assert outcome.exit_code == 0
    assert "2 provinces, 2 regencies, 2 districts, 2 villages" in outcome.output
    assert (tmp_path / "areas.txt.gz").stat().st_size < 1000
    outcome = runner.invoke(app, ["templates", "build", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x")])
    assert outcome.exit_code == 2
    assert "provinces.csv does not exist" in outcome.output
