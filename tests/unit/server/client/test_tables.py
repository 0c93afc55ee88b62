"""The three kinds of table hold the same values, and are there in full or not at all."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ktp_server.card_json import JsonValue
from ktp_server.client.tables import COLUMNS, FORMATS, TableError, check_table, write_table
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.outcomes import FileOutcome, outcome_to_json
from tests.contract.scripted_reader import recognition_of

ROWS = [
    outcome_to_json(FileOutcome(Path("a.jpg"), result=recognition_of('BUDI "X", Ñ'))),
    outcome_to_json(FileOutcome(Path("b.jpg"), error=RecognitionError(ErrorReason.CARD_NOT_FOUND, "no card"))),
]


def test_json_lines_are_the_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "out.jsonl", iter(ROWS))
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()] == json.loads(
        json.dumps(ROWS)
    )


def test_csv_has_a_column_for_each_value(tmp_path: Path) -> None:
    write_table(tmp_path / "out.csv", iter(ROWS))
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        read, failed = csv.DictReader(file)
    assert list(read) == [column.name for column in COLUMNS]
    assert (read["file"], read["status"], read["nama"], read["nama_confidence"]) == (
        "a.jpg",
        "OK",
        'BUDI "X", Ñ',
        "0.97",
    )
    assert (read["alamat"], read["normalised_birth_date"], read["normalised_rt"]) == ("", "1990-01-05", "0")
    assert (read["normalised_is_citizen"], read["normalised_is_valid_for_life"]) == ("true", "false")
    assert (read["findings"], read["covered_fields"]) == ("NIK_SERIAL_ZERO", "nama;alamat")
    assert (read["quality_brightness"], read["rotation_degrees"], read["total_ms"]) == ("0.2", "-12.5", "22.0")
    assert (failed["status"], failed["message"]) == ("CARD_NOT_FOUND", "no card")
    assert {value for name, value in failed.items() if name not in {"file", "status", "message"}} == {""}


def test_parquet_has_types(tmp_path: Path) -> None:
    write_table(tmp_path / "out.parquet", iter(ROWS))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("nik").type == pa.string()
    assert table.schema.field("nik_confidence").type == pa.float64()
    assert table.schema.field("normalised_rt").type == pa.int64()
    read, failed = table.to_pylist()
    assert read == {column.name: column.cell(ROWS[0]) for column in COLUMNS}
    assert (read["nama"], read["normalised_rt"], read["normalised_is_citizen"]) == ('BUDI "X", Ñ', 0, True)
    assert (failed["status"], failed["nama"], failed["findings"]) == ("CARD_NOT_FOUND", None, "")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_that_fails_leaves_what_was_there(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"before")

    def rows() -> Iterator[dict[str, JsonValue]]:
        yield ROWS[0]
        raise OSError("the journal is gone")

    with pytest.raises(OSError, match="gone"):
        write_table(path, rows())
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TableError, match=r"\.jsonl, \.csv, \.parquet"):
        check_table(tmp_path / "out.xlsx")
    with pytest.raises(TableError, match="no folder"):
        check_table(tmp_path / "none" / "out.csv")
    check_table(tmp_path / "out.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TableError, match=r"pip install 'ktp-ocr\[parquet\]'"):
        check_table(tmp_path / "out.parquet")
