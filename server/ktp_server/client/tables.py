"""Results of many images as one file: JSON lines, CSV or Parquet, there in full or not at all.

JSON lines hold rows as `ktp-ocr read --json` prints them. CSV and Parquet have one column for each value.
"""

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import IO, TypeAlias

from ktp_server.card_json import JsonValue
from ktp_server.results import FIELD_NAMES, QUALITY_NAMES, NormalisedValues

__all__ = ["FORMATS", "TableError", "check_table", "write_table"]

ROWS_AT_A_TIME = 1000
"""Rows of a Parquet row group; they are in memory together."""

Row: TypeAlias = Mapping[str, JsonValue]
Cell: TypeAlias = str | float | int | bool | None


class TableError(Exception):
    """A table of this kind cannot be written."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a flat table.

    Attributes:
        name: its heading.
        kind: str, float, int or bool; every cell may also be empty.
        path: the keys that lead to its value in a row.
    """

    name: str
    kind: type
    path: tuple[str, ...]

    def cell(self, row: Row) -> Cell:
        """Give a row's value; None where there is none, lists with semicolons between."""
        value: JsonValue = dict(row)
        for key in self.path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) or not isinstance(value, Sequence | dict):
            return None if value is None else self.kind(value)
        return ";".join(str(item.get("code")) if isinstance(item, dict) else str(item) for item in value)


NORMALISED_KINDS: Mapping[str, type] = {"rt": int, "rw": int, "is_citizen": bool, "is_valid_for_life": bool}
"""Kinds of the normalised values; the others are text."""

COLUMNS = (
    *(Column(name, str, (name,)) for name in ("file", "status", "message")),
    *(
        column
        for name in FIELD_NAMES
        for column in (
            Column(name, str, ("fields", name, "value")),
            Column(f"{name}_confidence", float, ("fields", name, "confidence")),
        )
    ),
    *(
        Column(f"normalised_{field.name}", NORMALISED_KINDS.get(field.name, str), ("normalised", field.name))
        for field in fields(NormalisedValues)
    ),
    *(Column(f"quality_{name}", float, ("quality", name, "score")) for name in QUALITY_NAMES),
    Column("findings", str, ("findings",)),
    Column("covered_fields", str, ("covered_fields",)),
    Column("rotation_degrees", float, ("card", "rotation_degrees")),
    Column("total_ms", float, ("timings_ms", "total")),
)


def check_table(path: Path) -> None:
    """Make sure that a table can be written there, before the work that fills it.

    Raises:
        TableError: its suffix is unknown, its library is missing, or its folder is.
    """
    if path.suffix not in FORMATS:
        raise TableError(f"{path}: the name must end with {', '.join(FORMATS)}")
    if path.suffix == ".parquet":
        try:
            import pyarrow as pa  # noqa: F401  # only whether it is there
        except ImportError:
            raise TableError("Parquet needs the extra: pip install 'ktp-ocr[parquet]'") from None
    if not path.parent.is_dir():
        raise TableError(f"{path.parent} is no folder")


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write the results; whoever looks sees the file as it was before, or all of it.

    Args:
        path: its suffix chooses the format, of `FORMATS`; only its owner can read it.
        rows: in the form of `outcome_to_json`.

    Raises:
        OSError: it cannot be written.
    """
    with _replacing(path) as file:
        FORMATS[path.suffix](file, rows)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def _write_json_lines(file: IO[bytes], rows: Iterable[Row]) -> None:
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _write_csv(file: IO[bytes], rows: Iterable[Row]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(column.name for column in COLUMNS)
    writer.writerows([_to_csv(column.cell(row)) for column in COLUMNS] for row in rows)
    text.detach()


def _write_parquet(file: IO[bytes], rows: Iterable[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    waiting = iter(rows)
    with pq.ParquetWriter(file, schema) as writer:
        while some := list(islice(waiting, ROWS_AT_A_TIME)):
            cells = {column.name: [column.cell(row) for row in some] for column in COLUMNS}
            writer.write_table(pa.table(cells, schema))


def _to_csv(cell: Cell) -> str:
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


FORMATS: Mapping[str, Callable[[IO[bytes], Iterable[Row]], None]] = {
    ".jsonl": _write_json_lines,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
"""How each kind of file is written, by its suffix."""
