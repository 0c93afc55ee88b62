"""The card's areas, resolved together: the most probable consistent path province -> regency -> district -> village.

A district is only looked up inside its regency, a village inside its district: names repeat all over the country. So a
badly read district is still found if its regency and village are well read. The regency in the NIK is a soft prior: it
is where the holder was first registered, and people move.
"""

from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ktp_postprocessing.areas import Area, AreaList
from ktp_postprocessing.labels import fold

LEVELS = ("provinsi", "kabupaten_kota", "kecamatan", "kelurahan_desa")
_BRANCH_COUNTS = (3, 3, 3, 2)
_UNREAD_COST = 0.5  # of a level whose text is missing or tells nothing: neither reward nor ban
_LEVEL_WEIGHTS = (1.0, 1.5, 1.0, 1.0)  # the regency's name is the longest and the most telling
_NIK_REWARD = 0.1
_MAX_COST = 0.4  # 1 - similarity beyond which a text does not tell the area
_WIDTH, _UNREAD_WIDTH = 4, 40  # paths kept after a level


@dataclass(frozen=True, slots=True)
class AreaPath:
    """Matched areas, by field name; levels below the deepest one that was told are missing."""

    areas: dict[str, Area]


@dataclass(frozen=True, slots=True)
class _Step:
    cost: float
    areas: tuple[Area, ...]
    costs: tuple[float, ...]


def resolve_areas(texts: dict[str, str], areas: AreaList, nik_regency: Area | None) -> AreaPath:
    """Find the path.

    Args:
        texts: field name -> text as read, for the fields in `LEVELS` that were read.
        areas: the list.
        nik_regency: regency of the NIK, if known.
    """
    steps = [_Step(0.0, (), ())]
    for level, name in enumerate(LEVELS):
        text = fold(texts.get(name, "")).letters
        if not text and not any(texts.get(below) for below in LEVELS[level + 1 :]):
            break
        extended = [following for step in steps for following in _extend(step, text, areas, nik_regency)]
        if not extended:
            break
        steps = sorted(extended, key=lambda step: step.cost)
        is_told = steps[0].costs[-1] <= _MAX_COST
        steps = steps[: _WIDTH if is_told else _UNREAD_WIDTH]
    best = steps[0]
    depth = max((level for level, cost in enumerate(best.costs, start=1) if cost <= _MAX_COST), default=0)
    return AreaPath(dict(zip(LEVELS[:depth], best.areas, strict=False)))


def _extend(step: _Step, text: str, areas: AreaList, nik_regency: Area | None) -> list[_Step]:
    level = len(step.areas)
    parent = step.areas[-1].code if step.areas else ""
    nik_code = nik_regency.code if nik_regency is not None else ""
    found = []
    for area, cost in _rank_children(areas, parent, text, _BRANCH_COUNTS[level]):
        weighted = _LEVEL_WEIGHTS[level] * cost
        if level < 2 and nik_code and nik_code.startswith(area.code):
            weighted -= _NIK_REWARD
        found.append(_Step(step.cost + weighted, (*step.areas, area), (*step.costs, cost)))
    return found


def _rank_children(areas: AreaList, parent: str, text: str, count: int) -> list[tuple[Area, float]]:
    """The `count` children most similar to the text, with 1 - similarity; all of them if none resembles it."""
    names, owners = _fold_children(areas, parent)
    best: dict[Area, float] = {}
    for _, similarity, index in process.extract(
        text, names, scorer=Levenshtein.normalized_similarity, limit=2 * count, score_cutoff=0.0
    ):
        area = owners[index]
        best[area] = min(best.get(area, 1.0), 1 - similarity)
    if not text or min(best.values(), default=1.0) > _MAX_COST:
        return [(area, best.get(area, _UNREAD_COST) if text else _UNREAD_COST) for area in dict.fromkeys(owners)]
    return list(best.items())[:count]


@lru_cache(maxsize=2048)
def _fold_children(areas: AreaList, parent: str) -> tuple[tuple[str, ...], tuple[Area, ...]]:
    """Folded printed names of the children, and the area of each."""
    pairs = [(fold(name).letters, area) for area in areas.children(parent) for name in areas.printed_names(area)]
    return tuple(name for name, _ in pairs), tuple(area for _, area in pairs)
