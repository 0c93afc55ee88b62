"""The template database: all areas in one compact file, built from the CSV files of the npm package `idn-area-data`.

    make templates          fetches the pinned release (1.1 MB) and runs: ktp-ocr templates build FOLDER

The file is gzip text in code order, one line for each province, regency and district:

    code <tab> NAME                              provinces and regencies
    code <tab> NAME <tab> 2001 NAME|2002 NAME    districts, with the last four digits and the name of each village

Villages stay on their district's line, because they are only ever looked up inside their district: opening the list
then costs a decompression and 7,837 small splits instead of 91,599.

The same input gives the same bytes (no timestamp in the gzip header). What a card prints where it is not simply the
upper-cased official name, and slips in the source, stand in `data/printed_names.csv`. The data is under the Open
Database License; its attribution stands in `data/NOTICE` and must stay beside the file.
"""

import gzip
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ktp_postprocessing.tables import Column, TableRow, TemplateError, read_bundled, read_bundled_bytes, read_table_file

DATABASE_FILE = "areas.txt.gz"
LEVELS = ("provinces", "regencies", "districts", "villages")
_CODES = (r"[0-9]{2}", r"[0-9]{2}\.[0-9]{2}", r"[0-9]{2}(\.[0-9]{2}){2}", r"[0-9]{2}(\.[0-9]{2}){2}\.[0-9]{4}")
_PARENTS = ("province_code", "regency_code", "district_code")
_PARENT = Column(re.compile(r"[0-9.]+"), "the parent's code")
_NAME = Column(re.compile(r"[^\t|\n]*[A-Za-z0-9][^\t|\n]*"), "a name")
_PRINTABLE = re.compile(r"[!-{}~]+( [!-{}~]+)*")  # without the bar, which separates villages


@dataclass(frozen=True, slots=True)
class AreaDatabase:
    """The database's content.

    Attributes:
        names: (code, name) of provinces, regencies and districts.
        village_lines: district code -> its villages, `2001 NAME|2002 NAME`.
    """

    names: list[tuple[str, str]]
    village_lines: dict[str, str]


def bundled_database_path() -> Path:
    """Where the bundled file lies."""
    return Path(__file__).with_name("data") / DATABASE_FILE


def open_database() -> AreaDatabase:
    """Decompress and split the bundled file."""
    names: list[tuple[str, str]] = []
    village_lines: dict[str, str] = {}
    for line in gzip.decompress(read_bundled_bytes(DATABASE_FILE)).decode("ascii").split("\n"):
        code, name, *villages = line.split("\t")
        names.append((code, name))
        if villages:
            village_lines[code] = villages[0]
    return AreaDatabase(names, village_lines)


def build_database(folder: Path) -> tuple[bytes, Mapping[str, int]]:
    """Build the file from the source's `provinces.csv`, `regencies.csv`, `districts.csv` and `villages.csv`.

    Args:
        folder: with the four files.

    Returns:
        The file's content, and the number of areas by level.

    Raises:
        TemplateError: a file is missing, or a row has no usable code, name or parent.
    """
    printed_names = {row["code"]: row["name"] for row in read_bundled("printed_names")}
    levels: list[dict[str, str]] = []
    for level in LEVELS:
        rows = _read_level(folder / f"{level}.csv", len(levels))
        levels.append({row["code"]: _print_row(row, printed_names, levels) for row in rows})
    provinces, regencies, districts, villages = levels
    by_district: defaultdict[str, list[str]] = defaultdict(list)
    for code, name in villages.items():
        district_code, _, suffix = code.rpartition(".")
        by_district[district_code].append(f"{suffix} {name}")
    lines = [f"{code}\t{name}" for code, name in (provinces | regencies).items()]
    lines += [f"{code}\t{name}\t{'|'.join(by_district[code])}" for code, name in districts.items()]
    counts = {level: len(names) for level, names in zip(LEVELS, levels, strict=True)}
    return gzip.compress("\n".join(lines).encode("ascii"), compresslevel=9, mtime=0), counts


def print_name(name: str) -> str:
    """Write an official name as a card prints it: upper case, one kind of apostrophe, single spaces."""
    for apostrophe in ("’", '"', "''"):
        name = name.replace(apostrophe, "'")
    return " ".join(name.upper().split())


def _read_level(path: Path, depth: int) -> list[TableRow]:
    """Rows of one level, in code order."""
    if not path.is_file():
        raise TemplateError(f"{path} does not exist")
    parent = {} if depth == 0 else {_PARENTS[depth - 1]: _PARENT}
    schema = {"code": Column(re.compile(_CODES[depth]), "a dotted code"), **parent, "name": _NAME}
    rows = sorted(read_table_file(path, schema), key=lambda row: row["code"])
    for row, following in pairwise(rows):
        if row["code"] == following["code"]:
            raise following.refuse("code", f"{row['code']} occurs twice")
    return rows


def _print_row(row: TableRow, printed_names: Mapping[str, str], upper: list[dict[str, str]]) -> str:
    code = row["code"]
    if upper and code.rpartition(".")[0] not in upper[-1]:
        raise row.refuse("code", f"{code} has no parent")
    name = printed_names.get(code, print_name(row["name"]))
    if not _PRINTABLE.fullmatch(name):
        raise row.refuse("name", f"{name!r} holds characters that no card prints; say in printed_names.csv what it is")
    return name
