"""The CSV tables of card knowledge: those that come with the package, and a user's own of the same names.

    TemplateError ─ a table cannot be used; the message names file, line and column

A user's folder holds any of the tables in `SCHEMAS`, in the format of the bundled ones. Its rows come after the bundled
rows; what a row of the same key means (an addition or a replacement) is the reader's affair. Other CSV files in the
folder are refused, because a table under a misspelt name would be missed by nobody; files of other kinds are ignored.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

_DATA = files("ktp_postprocessing").joinpath("data")
_SUFFIX = ".csv"

_CODE = re.compile(r"[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?")
_REGENCY_CODE = re.compile(r"[0-9]{2}\.[0-9]{2}")
_PRINTED = re.compile(r"(?:(?![a-z])[!-~])+(?: (?:(?![a-z])[!-~])+)*")
_LABEL = re.compile(r"[!-~]+(?: [!-~]+)*")
_CARD = re.compile(r"wni|wna|both")
_ALIAS_KIND = re.compile(r"variant|former")
_FIELD = re.compile(r"[a-z]+(?:_[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Column:
    """What a column may hold: a pattern for the whole cell, and the pattern in words."""

    pattern: re.Pattern[str]
    expected: str


_PRINTED_COLUMN = Column(_PRINTED, "upper-case ASCII letters, digits and punctuation with single spaces")
_VOCABULARY = {
    "printed": _PRINTED_COLUMN,
    "meaning": _PRINTED_COLUMN,
    "card": Column(_CARD, "wni, wna or both"),
}
_CODE_COLUMN = Column(_CODE, "an area code such as 32, 32.73, 32.73.01 or 32.73.01.1001")
_REGENCY_COLUMN = Column(_REGENCY_CODE, "a regency code such as 32.73")

SCHEMAS: Mapping[str, Mapping[str, Column]] = {
    "areas": {"code": _CODE_COLUMN, "name": _PRINTED_COLUMN},
    "area_aliases": {
        "code": _CODE_COLUMN,
        "printed": _PRINTED_COLUMN,
        "kind": Column(_ALIAS_KIND, "variant or former"),
    },
    "legacy_regency_codes": {"old_code": _REGENCY_COLUMN, "new_code": _REGENCY_COLUMN},
    "birth_places": {"printed": _PRINTED_COLUMN},
    "religions": _VOCABULARY,
    "marital_statuses": _VOCABULARY,
    "occupations": _VOCABULARY,
    "sexes": _VOCABULARY,
    "blood_types": _VOCABULARY,
    "citizenships": _VOCABULARY,
    "validities": _VOCABULARY,
    "labels": {
        "field": Column(_FIELD, "a field's name in snake case"),
        "printed": Column(_LABEL, "ASCII letters, digits and punctuation with single spaces"),
    },
}
"""Table -> its columns, in order. All but `areas` are bundled as CSV; the area list is bundled in a form of its own."""


class TemplateError(Exception):
    """A table cannot be used. The message names file, line and column; tables hold nothing about any person."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row, with the place it came from.

    Attributes:
        cells: column -> text.
        file: the table's file, as shown to people.
        line: number of the row's last line in it, from 1.
        is_own: it is from the user's folder.
    """

    cells: Mapping[str, str]
    file: str
    line: int
    is_own: bool

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def refuse(self, column: str, reason: str) -> TemplateError:
        """The error that a cell deserves; the caller raises it."""
        return TemplateError(f"{self.file}, line {self.line}, column {column}: {reason}")


class Tables:
    """The bundled tables and, where given, a folder of the user's own."""

    def __init__(self, own_folder: Path | None = None) -> None:
        """Look at the folder's file names; the tables themselves are read when asked for.

        Args:
            own_folder: the user's tables; None for the bundled ones alone.

        Raises:
            TemplateError: it is no folder, or holds a CSV file of another name.
        """
        self._own_folder = own_folder
        if own_folder is None:
            return
        try:
            names = sorted(path.name for path in own_folder.iterdir())
        except OSError as error:
            raise TemplateError(f"{own_folder}: {error.strerror}") from error
        for name in names:
            if name.lower().endswith(_SUFFIX) and name.removesuffix(_SUFFIX) not in SCHEMAS:
                raise TemplateError(f"{own_folder / name}: no such table; the tables are {', '.join(SCHEMAS)}")

    def rows(self, name: str) -> Iterator[TableRow]:
        """Rows of a table in `SCHEMAS`: the bundled ones, then the user's own.

        Raises:
            TemplateError: the file cannot be read or a cell is not what its column may hold.
        """
        bundled = _DATA.joinpath(name + _SUFFIX)
        if bundled.is_file():
            yield from _parse(bundled.read_bytes(), name + _SUFFIX, SCHEMAS[name], is_own=False)
        if self._own_folder is not None:
            yield from read_table_file(self._own_folder / (name + _SUFFIX), SCHEMAS[name])

    def count_own_rows(self) -> dict[str, int]:
        """Rows of each table in the user's folder, by table.

        Raises:
            TemplateError: see `rows`.
        """
        counts = {name: sum(row.is_own for row in self.rows(name)) for name in SCHEMAS}
        return {name: count for name, count in counts.items() if count}


def read_table_file(path: Path, schema: Mapping[str, Column]) -> Iterator[TableRow]:
    """Rows of a CSV file; none if it does not exist.

    Raises:
        TemplateError: see `Tables.rows`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise TemplateError(f"{path}: {error.strerror}") from error
    yield from _parse(content, str(path), schema, is_own=True)


def read_bundled(name: str) -> list[dict[str, str]]:
    """Rows of a bundled table that users do not extend."""
    return list(csv.DictReader(_DATA.joinpath(name + _SUFFIX).read_text("ascii").splitlines()))


def read_bundled_bytes(name: str) -> bytes:
    """Content of a bundled file."""
    return _DATA.joinpath(name).read_bytes()


def _parse(content: bytes, file: str, schema: Mapping[str, Column], *, is_own: bool) -> Iterator[TableRow]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TemplateError(f"{file}, line {line}: not UTF-8") from error
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        header = next(reader, [])
        if header != list(schema):
            raise TemplateError(f"{file}, line 1: the columns must be {','.join(schema)}")
        for cells in reader:
            if cells:
                yield _check(cells, schema, TableRow({}, file, reader.line_num, is_own))
    except csv.Error as error:
        raise TemplateError(f"{file}, line {reader.line_num}: {error}") from error


def _check(cells: list[str], schema: Mapping[str, Column], place: TableRow) -> TableRow:
    if len(cells) != len(schema):
        reason = f"{len(cells)} cells instead of {len(schema)} (a cell with a comma needs quotes)"
        raise TemplateError(f"{place.file}, line {place.line}: {reason}")
    row = TableRow(dict(zip(schema, cells, strict=True)), place.file, place.line, place.is_own)
    for column, rule in schema.items():
        if not rule.pattern.fullmatch(row[column]):
            raise row.refuse(column, f"expected {rule.expected}, found {row[column]!r}")
    return row
