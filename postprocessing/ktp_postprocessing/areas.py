"""The list of Indonesia's administrative areas, as cards print their names.

Source: Kepmendagri codes as packaged by idn-area-data 4.0.1 (ODbL); see `data/NOTICE` and `area_database.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ktp_postprocessing.area_database import open_database
from ktp_postprocessing.labels import fold_letters
from ktp_postprocessing.tables import TableRow, Tables

_DISTRICT_DOTS_COUNT = 2
_VILLAGE_DOTS_COUNT = 3
_CACHED_LEXICON_COUNT = 1024  # of 7,837 parents; some 5 MB when full


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


@dataclass(frozen=True, slots=True)
class AreaLexicon:
    """What may be printed for an area inside a known parent; one entry a printed name, aliases included.

    Attributes:
        printed: names as cards print them.
        folded: the same by `labels.fold`.
        owners: the area of each.
    """

    printed: tuple[str, ...]
    folded: tuple[str, ...]
    owners: tuple[Area, ...]

    def find(self, printed: str) -> tuple[Area, ...]:
        """The areas of exactly this name; more than one in a few districts with two villages of one name."""
        if printed not in self.printed:
            return ()
        pairs = zip(self.printed, self.owners, strict=True)
        return tuple(owner for name, owner in pairs if name == printed)


class AreaList:
    """Provinces, regencies, districts and villages, looked up by code and by parent.

    Villages stay on one line of text a district until somebody asks for that district.
    """

    def __init__(self, areas: dict[str, Area], village_lines: dict[str, str]) -> None:
        """Take parsed tables; use `load` or `read` to get a list."""
        self._areas = areas
        self._village_lines = village_lines
        self._own_villages: dict[str, dict[str, Area]] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._legacy_codes: dict[str, str] = {}
        self._children: dict[str, dict[str, Area]] = {}
        for area in areas.values():
            self._children.setdefault(area.parent_code, {})[area.code] = area
        self._find_lexicon = lru_cache(maxsize=_CACHED_LEXICON_COUNT)(self._build_lexicon)

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "AreaList":
        """Open the bundled list; later calls return the same object."""
        return AreaList.read(Tables())

    @staticmethod
    def read(tables: Tables) -> "AreaList":
        """Open the bundled list with a user's additions.

        Raises:
            TemplateError: a user's row is not usable.
        """
        database = open_database()
        areas = AreaList({code: Area(code, name) for code, name in database.names}, database.village_lines)
        for row in tables.rows("areas"):
            areas._add(row)
        areas._read_aliases(tables.rows("area_aliases"))
        for row in tables.rows("legacy_regency_codes"):
            if areas.get(row["new_code"]) is None:
                raise row.refuse("new_code", f"no area has the code {row['new_code']}")
            areas._legacy_codes[row["old_code"]] = row["new_code"]
        return areas

    def provinces(self) -> tuple[Area, ...]:
        """All provinces, in code order."""
        return tuple(self._children[""].values())

    def children(self, code: str) -> tuple[Area, ...]:
        """Areas directly inside the area `code`, in code order; empty for a village or an unknown code."""
        if code.count(".") != _DISTRICT_DOTS_COUNT:
            return tuple(self._children.get(code, {}).values())
        entries = (entry.split(" ", 1) for entry in self._village_lines.get(code, "").split("|") if entry)
        found = {f"{code}.{suffix}": Area(f"{code}.{suffix}", name) for suffix, name in entries}
        return tuple((found | self._own_villages.get(code, {})).values())

    def get(self, code: str) -> Area | None:
        """The area with this dotted code, or None."""
        if code.count(".") == _VILLAGE_DOTS_COUNT:
            return next((area for area in self.children(code.rpartition(".")[0]) if area.code == code), None)
        return self._areas.get(code)

    def printed_names(self, area: Area) -> tuple[str, ...]:
        """The area's name, then the other names under which cards print it (abbreviations and former names)."""
        return (area.name, *self._aliases.get(area.code, ()))

    def lexicon(self, parent_code: str) -> AreaLexicon:
        """Every name that may be printed for an area inside this parent; `""` for the provinces.

        A province also has the regencies that were split off from it since electronic cards are issued.
        """
        return self._find_lexicon(parent_code)

    def current_regency_code(self, code: str) -> str:
        """Translate a regency code from before its province was split; any other code is returned unchanged."""
        return self._legacy_codes.get(code, code)

    def regency_codes(self, code: str) -> tuple[str, ...]:
        """A regency's present code, then the codes it had before."""
        return (code, *(old for old, new in self._legacy_codes.items() if new == code))

    def _build_lexicon(self, parent_code: str) -> AreaLexicon:
        former = (self.get(new) for old, new in self._legacy_codes.items() if old.rpartition(".")[0] == parent_code)
        areas = dict.fromkeys([*self.children(parent_code), *(area for area in former if area is not None)])
        pairs = [(name, area) for area in areas for name in self.printed_names(area)]
        names = tuple(name for name, _ in pairs)
        return AreaLexicon(names, tuple(fold_letters(name) for name in names), tuple(area for _, area in pairs))

    def _add(self, row: TableRow) -> None:
        """Add or rename an area; the code order among siblings is the order of addition."""
        area = Area(row["code"], row["name"])
        if area.parent_code and self.get(area.parent_code) is None:
            raise row.refuse("code", f"{area.code} has no parent: add {area.parent_code} above it")
        if area.code.count(".") == _VILLAGE_DOTS_COUNT:
            self._own_villages.setdefault(area.parent_code, {})[area.code] = area
        else:
            self._areas[area.code] = area
            self._children.setdefault(area.parent_code, {})[area.code] = area

    def _read_aliases(self, rows: Iterable[TableRow]) -> None:
        for row in rows:
            area = self.get(row["code"])
            if area is None:
                raise row.refuse("code", f"no area has the code {row['code']}")
            if row["printed"] not in self.printed_names(area):
                self._aliases[area.code] = (*self._aliases.get(area.code, ()), row["printed"])
