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
_UNREAD_COST = 0.5  # of a level whose text is missing: neither reward nor ban
_LEVEL_WEIGHTS = (1.0, 1.5, 1.0, 1.0)  # the regency's name is the longest and the most telling
_NIK_REWARD = 0.1
_MAX_PATH_COST_PER_LEVEL = 0.45  # beyond it a level's area is not considered identified


@dataclass(frozen=True, slots=True)
class AreaPath:
    """Matched areas, by field name; levels that fit nothing are missing, and so are those below them."""

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
        width = 4 if text else 40
        steps = sorted(extended, key=lambda step: step.cost)[: max(width, _BRANCH_COUNTS[level])]
    best = steps[0]
    found: dict[str, Area] = {}
    for name, area, cost in zip(LEVELS, best.areas, best.costs, strict=False):
        if cost > _MAX_PATH_COST_PER_LEVEL and name in texts:
            break
        found[name] = area
    return AreaPath(found)


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
    """The `count` children most similar to the text, with 1 - similarity; all of them for an empty text."""
    names, owners = _fold_children(areas, parent)
    if not text:
        return [(area, _UNREAD_COST) for area in dict.fromkeys(owners)]
    best: dict[Area, float] = {}
    for _, similarity, index in process.extract(
        text, names, scorer=Levenshtein.normalized_similarity, limit=2 * count, score_cutoff=0.0
    ):
        area = owners[index]
        best[area] = min(best.get(area, 1.0), 1 - similarity)
    return list(best.items())[:count]


@lru_cache(maxsize=2048)
def _fold_children(areas: AreaList, parent: str) -> tuple[tuple[str, ...], tuple[Area, ...]]:
    """Folded printed names of the children, and the area of each."""
    pairs = [(fold(name).letters, area) for area in areas.children(parent) for name in areas.printed_names(area)]
    return tuple(name for name, _ in pairs), tuple(area for _, area in pairs)
