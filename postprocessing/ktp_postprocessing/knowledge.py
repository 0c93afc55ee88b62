"""Everything known about cards, opened once and passed down; a user's own tables may be laid over the bundled ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from ktp_postprocessing.areas import AreaList
from ktp_postprocessing.calibration import Calibration
from ktp_postprocessing.confusions import Confusions
from ktp_postprocessing.labels import LabelMatcher
from ktp_postprocessing.tables import Tables
from ktp_postprocessing.vocabularies import Vocabularies

_REGENCY_PREFIXES = ("KABUPATEN ", "KOTA ")


def strip_regency_prefix(name: str) -> str:
    """`KABUPATEN BOGOR` -> `BOGOR`."""
    for prefix in _REGENCY_PREFIXES:
        name = name.removeprefix(prefix)
    return name


@dataclass(frozen=True)
class CardKnowledge:
    """Areas, vocabularies and labels, and what confidences mean.

    Attributes:
        areas: the administrative areas.
        vocabularies: closed lists and labels.
        other_birth_places: names of birth places that are no areas: foreign cities, old names.
        calibration: from raw confidences to probabilities.
    """

    areas: AreaList
    vocabularies: Vocabularies
    other_birth_places: tuple[str, ...] = ()
    calibration: Calibration = field(default_factory=Calibration.load)

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "CardKnowledge":
        """Open the bundled tables; later calls return the same object."""
        return _open(AreaList.load(), Vocabularies.load(), Tables())

    @staticmethod
    def open(own_folder: Path | None) -> "CardKnowledge":
        """Open the bundled tables with a user's own laid over them.

        Args:
            own_folder: CSV files as described in docs/templates.md; None for the bundled tables alone.

        Raises:
            TemplateError: a table cannot be used; the message names file, line and column.
        """
        if own_folder is None:
            return CardKnowledge.load()
        tables = Tables(own_folder)
        return _open(AreaList.read(tables), Vocabularies.read(tables), tables)

    @cached_property
    def label_matcher(self) -> LabelMatcher:
        """Finds printed labels."""
        return LabelMatcher(self.vocabularies.labels)

    @cached_property
    def birth_places(self) -> tuple[str, ...]:
        """Names under which most people's birth places are printed: regencies with and without prefix, and others."""
        return tuple(sorted({*self._iterate_regency_names(), *self.other_birth_places}))

    @cached_property
    def known_places(self) -> frozenset[str]:
        """All names of provinces, regencies and districts: a birth place among them was read right."""
        regencies = [regency for province in self.areas.provinces() for regency in self.areas.children(province.code)]
        districts = {district.name for regency in regencies for district in self.areas.children(regency.code)}
        return frozenset({*self.birth_places, *districts, *(province.name for province in self.areas.provinces())})

    def _iterate_regency_names(self) -> Iterator[str]:
        for province in self.areas.provinces():
            for regency in self.areas.children(province.code):
                for name in self.areas.printed_names(regency):
                    yield name
                    yield strip_regency_prefix(name)


def _open(areas: AreaList, vocabularies: Vocabularies, tables: Tables) -> CardKnowledge:
    """Bring the parts together, and build here what the first request would otherwise wait for."""
    places = tuple(dict.fromkeys(row["printed"] for row in tables.rows("birth_places")))
    knowledge = CardKnowledge(areas, vocabularies, places)
    Confusions.load()
    knowledge.known_places  # noqa: B018 - a cached property
    knowledge.label_matcher  # noqa: B018 - likewise
    return knowledge
