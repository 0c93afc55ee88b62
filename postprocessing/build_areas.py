"""Build the bundled area list from the CSV files of the npm package `idn-area-data`.

Get the source (1.1 MB) and run, from the repository root:

    npm pack idn-area-data@4.0.1 && tar xzf idn-area-data-4.0.1.tgz
    python postprocessing/build_areas.py package/data

The result is a gzip text file in code order, one line for each province, regency and district:

    code <tab> NAME                              provinces and regencies
    code <tab> NAME <tab> 2001 NAME|2002 NAME    districts, with the last four digits and the name of each village

Villages stay on their district's line, because they are only ever looked up inside their district: opening the list
then costs a decompression and 7,837 small splits instead of 91,599.

The same input gives the same bytes (no timestamp in the gzip header). The data is under the Open Database License; its
attribution stands in `ktp_postprocessing/data/NOTICE` and must stay beside the file.
"""

import csv
import gzip
import sys
from collections import defaultdict
from pathlib import Path

DATA_FOLDER = Path(__file__).parent / "ktp_postprocessing" / "data"
EXPECTED_COUNTS = {"provinces": 38, "regencies": 514, "districts": 7285, "villages": 83762}

# What the card prints where it is not simply the upper-cased official name, and slips in the source.
PRINTED_NAMES = {
    "31": "DKI JAKARTA",
    "31.01": "KABUPATEN KEPULAUAN SERIBU",
    "31.71": "JAKARTA PUSAT",
    "31.72": "JAKARTA UTARA",
    "31.73": "JAKARTA BARAT",
    "31.74": "JAKARTA SELATAN",
    "31.75": "JAKARTA TIMUR",
    "32.03.20": "CIBINONG",  # the source has "Cubinong"
    "91.20.07.2005": "TEUW",  # the source has "Teuw*"
}


def read_level(folder: Path, level: str) -> list[tuple[str, str]]:
    """Read one level's CSV as (code, printed name), in code order.

    Raises:
        SystemExit: the file does not hold as many entries as the release this script was written for.
    """
    with (folder / f"{level}.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["code"], row["name"]) for row in csv.DictReader(file)]
    if len(rows) != EXPECTED_COUNTS[level]:
        raise SystemExit(f"{level}.csv holds {len(rows)} entries, expected {EXPECTED_COUNTS[level]}")
    return sorted((code, PRINTED_NAMES.get(code, print_name(name))) for code, name in rows)


def print_name(name: str) -> str:
    """Write an official name as a card prints it: upper case, one kind of apostrophe, single spaces."""
    for apostrophe in ("’", '"', "''"):
        name = name.replace(apostrophe, "'")
    return " ".join(name.upper().split())


def build(folder: Path) -> bytes:
    """Return the compressed list built from the CSV files in `folder`."""
    villages: defaultdict[str, list[str]] = defaultdict(list)
    for code, name in read_level(folder, "villages"):
        district_code, _, suffix = code.rpartition(".")
        villages[district_code].append(f"{suffix} {name}")
    lines = [f"{code}\t{name}" for level in ("provinces", "regencies") for code, name in read_level(folder, level)]
    lines += [f"{code}\t{name}\t{'|'.join(villages[code])}" for code, name in read_level(folder, "districts")]
    return gzip.compress("\n".join(lines).encode("ascii"), compresslevel=9, mtime=0)


def main() -> None:
    """Write the list into the package's data folder."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER_WITH_THE_CSV_FILES")
    target = DATA_FOLDER / "areas.txt.gz"
    content = build(Path(sys.argv[1]))
    target.write_bytes(content)
    sys.stdout.write(f"{target}: {len(content)} bytes\n")


if __name__ == "__main__":
    main()
