"""Everything known about cards, loaded once and passed down."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ktp_postprocessing.areas import AreaList
from ktp_postprocessing.calibration import Calibration
from ktp_postprocessing.confusions import Confusions
from ktp_postprocessing.labels import LabelMatcher
from ktp_postprocessing.vocabularies import Vocabularies

_REGENCY_PREFIXES = ("KABUPATEN ", "KOTA ")


def strip_regency_prefix(name: str) -> str:
    """`KABUPATEN BOGOR` -> `BOGOR`."""
    for prefix in _REGENCY_PREFIXES:
        name = name.removeprefix(prefix)
    return name


@dataclass(frozen=True)
class CardKnowledge:
    """Areas, vocabularies and labels, and what confidences mean."""

    areas: AreaList
    vocabularies: Vocabularies
    calibration: Calibration = field(default_factory=Calibration.load)

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "CardKnowledge":
        """Open all bundled tables; later calls return the same object."""
        knowledge = CardKnowledge(AreaList.load(), Vocabularies.load())
        Confusions.load()
        knowledge.known_places  # noqa: B018 - built here rather than in the first request
        knowledge.label_matcher  # noqa: B018 - likewise
        return knowledge

    @cached_property
    def label_matcher(self) -> LabelMatcher:
        """Finds printed labels."""
        return LabelMatcher(self.vocabularies.labels)

    @cached_property
    def birth_places(self) -> tuple[str, ...]:
        """Names under which most people's birth places are printed: regencies with and without prefix, Jakarta."""
        return tuple(sorted(set(self._iterate_birth_places())))

    @cached_property
    def known_places(self) -> frozenset[str]:
        """All names of provinces, regencies and districts: a birth place among them was read right."""
        regencies = [regency for province in self.areas.provinces() for regency in self.areas.children(province.code)]
        districts = {district.name for regency in regencies for district in self.areas.children(regency.code)}
        return frozenset({*self.birth_places, *districts, *(province.name for province in self.areas.provinces())})

    def _iterate_birth_places(self) -> Iterator[str]:
        yield "JAKARTA"
        for province in self.areas.provinces():
            for regency in self.areas.children(province.code):
                for name in self.areas.printed_names(regency):
                    yield name
                    yield strip_regency_prefix(name)
