"""The card's areas, resolved together: the most probable consistent path province -> regency -> district -> village.

A district is only looked up inside its regency, a village inside its district: names repeat all over the country. So a
badly read district is still found if its regency and village are well read. The regency in the NIK is a soft prior: it
is where the holder was first registered, and people move. Any name may also be missing from the list (a new village, an
old spelling): then the text stays as read, at a cost that is the same for all areas of the level.

Costs are negative log-likelihoods in nats.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ktp_postprocessing.areas import Area, AreaLexicon, AreaList
from ktp_postprocessing.confusions import repair_words
from ktp_postprocessing.labels import fold_letters

LEVELS = ("provinsi", "kabupaten_kota", "kecamatan", "kelurahan_desa")

ScoreNames = Callable[[str, Sequence[str]], NDArray[np.float64]]
"""Field name, candidate names -> log-likelihoods in nats relative to the text as read: at most about 0."""

UNLISTED_COST = 9.0  # about one sure character, or three doubtful ones, otherwise than read
_UNREAD_COST = 4.0  # a level whose text is missing tells nothing, but a reading without gaps is better
_LOST_GAPS_COST = 3.0  # at most, of the same letters without their gaps
_NIK_REWARD = 3.0  # 85 % of holders live where they were registered, against a few per cent by chance
_NATS_PER_EDIT = 4.0  # where nobody scores the names
_MIN_MARGIN = 2.0  # the runner-up is at most 1/7 as likely
_MAX_MARGIN = 20.0  # reported where no other name is near
_MIN_SIMILARITY = 0.5  # of folded texts, for a name to be scored at all
_CANDIDATE_COUNT = 6
_WIDTH, _DOUBTFUL_WIDTH = 8, 60  # paths kept after a level; the largest regency has 51 districts
_CLEAR_COST = 4.0  # of the best path's name, from which many may be as near to what was read
_BEAM = 8.5  # nats by which a kept path may be dearer than the best: an exact name is not left for an unlisted one


@dataclass(frozen=True, slots=True)
class AreaChoice:
    """What was decided for one level.

    Attributes:
        area: the area on the best path.
        value: its printed name, as read or corrected; None if the text had better be kept as read.
        cost: of that name, nats.
        margin: by how much the best path with another name here is dearer, nats, at most 20.
        is_unique: no other area of that name may be meant; a few districts have two villages of one name.
    """

    area: Area
    value: str | None
    cost: float
    margin: float
    is_unique: bool


@dataclass(frozen=True, slots=True)
class AreaPath:
    """Choices by field name; levels below the deepest one that was told are missing."""

    choices: dict[str, AreaChoice]

    @property
    def areas(self) -> dict[str, Area]:
        """The areas alone."""
        return {name: choice.area for name, choice in self.choices.items()}


@dataclass(frozen=True, slots=True)
class _Step:
    """One level of a path: its area, the printed name it was taken for (None: unread or unlisted), and that cost."""

    area: Area
    name: str | None
    cost: float


@dataclass(frozen=True, slots=True)
class _Text:
    """What was read for a level, and who scores names for it."""

    field: str
    read: str
    score: ScoreNames | None

    def weigh(self, names: Sequence[str]) -> list[float]:
        """Cost of each name, nats."""
        if not names:
            return []
        if self.score is not None:
            costs = [-float(value) for value in self.score(self.field, names)]
        else:
            letters = fold_letters(self.read)
            costs = [_NATS_PER_EDIT * Levenshtein.distance(letters, fold_letters(name)) for name in names]
        return [
            min(cost, _LOST_GAPS_COST) if self._lost_gaps_of(name) else cost
            for name, cost in zip(names, costs, strict=True)
        ]

    def _lost_gaps_of(self, name: str) -> bool:
        """Whether the text is the name with gaps lost (`KOTAMEDAN`): recognisers lose gaps, they hardly add any."""
        return len(self.read) < len(name) and repair_words(self.read).replace(" ", "") == name.replace(" ", "")


@dataclass(frozen=True, slots=True)
class _Path:
    cost: float
    steps: tuple[_Step, ...]


def resolve_areas(
    texts: dict[str, str], areas: AreaList, nik_regency: Area | None, score: ScoreNames | None = None
) -> AreaPath:
    """Find the path.

    Args:
        texts: field name -> text as read, upper case, for the fields in `LEVELS` that were read.
        areas: the list.
        nik_regency: regency of the NIK, if known.
        score: likelihoods from what the recogniser saw; without it, edits of the texts are counted.
    """
    nik_code = nik_regency.code if nik_regency is not None else ""
    if not (nik_code or texts.get(LEVELS[0]) or texts.get(LEVELS[1])):
        return AreaPath({})  # the same district and village names occur all over the country
    paths = [_Path(0.0, ())]
    depth = max((level for level, name in enumerate(LEVELS, start=1) if texts.get(name)), default=0)
    for name in LEVELS[:depth]:
        lexicons = [areas.lexicon(path.steps[-1].area.code if path.steps else "") for path in paths]
        text = texts.get(name, "")
        if text:
            extended = _extend_by_text(paths, lexicons, _Text(name, text, score), nik_code)
        else:
            extended = _extend_by_all(paths, lexicons, _UNREAD_COST, nik_code)
        if not extended:
            break
        extended.sort(key=lambda path: path.cost)
        best = extended[0].steps[-1]
        width = _WIDTH if best.name is not None and best.cost < _CLEAR_COST else _DOUBTFUL_WIDTH
        paths = [path for path in extended[:width] if path.cost < extended[0].cost + _BEAM]
    choices = [_choose(paths, level) for level in range(len(paths[0].steps))]
    told = max((level for level, choice in enumerate(choices, start=1) if choice.value is not None), default=0)
    return AreaPath(dict(zip(LEVELS[:told], choices, strict=False)))


def _extend_by_text(paths: Sequence[_Path], lexicons: Sequence[AreaLexicon], text: _Text, nik_code: str) -> list[_Path]:
    """Each path with each area below it: those whose names resemble the text, and the others as unlisted."""
    extended = [
        _extend(path, _Step(owner, text.read, 0.0), nik_code)
        for path, lexicon in zip(paths, lexicons, strict=True)
        for owner in lexicon.find(text.read)
    ]
    # Nothing is nearer than the text itself: elsewhere only a path that is better so far is worth a look.
    best = min((path.cost for path in extended), default=math.inf)
    open_ends = [(path, lexicon) for path, lexicon in zip(paths, lexicons, strict=True) if path.cost < best]
    extended += _extend_by_similar(open_ends, text, nik_code)
    best = min((path.cost for path in extended), default=math.inf)
    open_ends = [pair for pair in open_ends if pair[0].cost + UNLISTED_COST - _NIK_REWARD < best + _BEAM]
    return extended + _extend_by_all(
        [path for path, _ in open_ends], [lexicon for _, lexicon in open_ends], UNLISTED_COST, nik_code
    )


def _extend_by_similar(ends: Sequence[tuple[_Path, AreaLexicon]], text: _Text, nik_code: str) -> list[_Path]:
    letters = fold_letters(text.read)
    near = [
        (path, lexicon.owners[index], lexicon.printed[index])
        for path, lexicon in ends
        for _, _, index in process.extract(
            letters,
            lexicon.folded,
            scorer=Levenshtein.normalized_similarity,
            limit=_CANDIDATE_COUNT,
            score_cutoff=_MIN_SIMILARITY,
        )
    ]
    names = list(dict.fromkeys(printed for _, _, printed in near))
    costs = dict(zip(names, text.weigh(names), strict=True))
    found: dict[tuple[_Path, Area], _Step] = {}
    for path, owner, printed in sorted(near, key=lambda item: costs[item[2]]):
        if costs[printed] <= UNLISTED_COST:
            found.setdefault((path, owner), _Step(owner, printed, max(costs[printed], 0.0)))
    return [_extend(path, step, nik_code) for (path, _), step in found.items()]


def _extend_by_all(paths: Sequence[_Path], lexicons: Sequence[AreaLexicon], cost: float, nik_code: str) -> list[_Path]:
    return [
        _extend(path, _Step(area, None, cost), nik_code)
        for path, lexicon in zip(paths, lexicons, strict=True)
        for area in dict.fromkeys(lexicon.owners)
    ]


def _extend(path: _Path, step: _Step, nik_code: str) -> _Path:
    agrees = nik_code and step.area.code.count(".") < 2 and nik_code.startswith(step.area.code)
    reward = _NIK_REWARD / 2 if agrees else 0.0  # half for the province, half for the regency
    return _Path(path.cost + step.cost - reward, (*path.steps, step))


def _choose(paths: Sequence[_Path], level: int) -> AreaChoice:
    """What the best path says of a level, and how far the best path that says otherwise is behind."""
    best = paths[0]
    step = best.steps[level]
    letters = fold_letters(step.name or "")
    rivals = [path for path in paths[1:] if len(path.steps) == len(best.steps)]
    named_otherwise = [path.cost for path in rivals if fold_letters(path.steps[level].name or "") != letters]
    namesakes = [
        path.cost
        for path in rivals
        if path.steps[level].area != step.area and fold_letters(path.steps[level].name or "") == letters
    ]
    margin = min([*(cost - best.cost for cost in named_otherwise), _MAX_MARGIN])
    is_sure = step.name is not None and (step.cost == 0.0 or margin >= _MIN_MARGIN)
    is_unique = all(cost - best.cost >= _MIN_MARGIN for cost in namesakes)
    return AreaChoice(step.area, step.name if is_sure else None, step.cost, margin, is_unique)
