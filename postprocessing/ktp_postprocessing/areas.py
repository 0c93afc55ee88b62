"""The list of Indonesia's administrative areas, as cards print their names.

Source: Kepmendagri codes as packaged by idn-area-data 4.0.1 (ODbL); see `data/NOTICE` and `build_areas.py`.
"""

import csv
import gzip
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_AREAS_FILE = "data/areas.txt.gz"
_ALIASES_FILE = "data/area_aliases.csv"
_LEGACY_CODES_FILE = "data/legacy_regency_codes.csv"

_DISTRICT_DOTS_COUNT = 2
_VILLAGE_DOTS_COUNT = 3


@dataclass(frozen=True, slots=True)
class Area:
    """One administrative area.

    Attributes:
        code: dotted code, `PP`, `PP.RR`, `PP.RR.DD` or `PP.RR.DD.VVVV`.
        name: upper case, as printed on a card: "JAWA BARAT", "KABUPATEN BOGOR", "JAKARTA BARAT", "CIBINONG".
    """

    code: str
    name: str

    @property
    def parent_code(self) -> str:
        """Code of the enclosing area; empty for a province."""
        return self.code.rpartition(".")[0]


class AreaList:
    """Provinces, regencies, districts and villages, looked up by code and by parent.

    Villages are parsed when their district is first asked for.
    """

    def __init__(
        self,
        areas: dict[str, Area],
        village_lines: dict[str, str],
        aliases: dict[str, tuple[str, ...]],
        legacy_codes: dict[str, str],
    ) -> None:
        """Take parsed tables; use `load` to get the bundled list."""
        self._areas = areas
        self._village_lines = village_lines
        self._villages: dict[str, tuple[Area, ...]] = {}
        self._aliases = aliases
        self._legacy_codes = legacy_codes
        children: dict[str, list[Area]] = {}
        for area in areas.values():
            children.setdefault(area.parent_code, []).append(area)
        self._children = {code: tuple(found) for code, found in children.items()}

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "AreaList":
        """Open the bundled list; later calls return the same object."""
        package = files("ktp_postprocessing")
        text = gzip.decompress(package.joinpath(_AREAS_FILE).read_bytes()).decode("ascii")
        areas: dict[str, Area] = {}
        village_lines: dict[str, str] = {}
        for line in text.split("\n"):
            code, name, *villages = line.split("\t")
            areas[code] = Area(code, name)
            if villages:
                village_lines[code] = villages[0]
        aliases: dict[str, tuple[str, ...]] = {}
        for row in csv.DictReader(package.joinpath(_ALIASES_FILE).read_text("ascii").splitlines()):
            aliases[row["code"]] = (*aliases.get(row["code"], ()), row["printed"])
        legacy_rows = csv.DictReader(package.joinpath(_LEGACY_CODES_FILE).read_text("ascii").splitlines())
        return AreaList(areas, village_lines, aliases, {row["old_code"]: row["new_code"] for row in legacy_rows})

    def provinces(self) -> tuple[Area, ...]:
        """All provinces, in code order."""
        return self._children[""]

    def children(self, code: str) -> tuple[Area, ...]:
        """Areas directly inside the area `code`, in code order; empty for a village or an unknown code."""
        if code.count(".") != _DISTRICT_DOTS_COUNT:
            return self._children.get(code, ())
        found = self._villages.get(code)
        if found is None:
            line = self._village_lines.get(code, "")
            entries = (entry.split(" ", 1) for entry in line.split("|") if entry)
            found = tuple(Area(f"{code}.{suffix}", name) for suffix, name in entries)
            self._villages[code] = found
        return found

    def get(self, code: str) -> Area | None:
        """The area with this dotted code, or None."""
        if code.count(".") == _VILLAGE_DOTS_COUNT:
            return next((area for area in self.children(code.rpartition(".")[0]) if area.code == code), None)
        return self._areas.get(code)

    def printed_names(self, area: Area) -> tuple[str, ...]:
        """The area's name, then the other names under which cards print it (abbreviations and former names)."""
        return (area.name, *self._aliases.get(area.code, ()))

    def current_regency_code(self, code: str) -> str:
        """Translate a regency code from before the Papua split of 2022; any other code is returned unchanged."""
        return self._legacy_codes.get(code, code)
