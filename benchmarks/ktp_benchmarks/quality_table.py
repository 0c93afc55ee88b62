"""From observations to verdicts on the checks: which pictures are good or bad, and how often a check agrees.

What decides is physical: a picture is good where its total degradation lies below the grey zone of its scale, bad where
it lies above (`totals.py` has the scales). Beside it stands the stricter question whether the check foretold what was
read of this very picture: at least 95 % of what its unharmed twin lets be read, or at most 75 %. With some twenty
fields on a card one lost field may decide that, and luck with it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ktp_benchmarks.ladders import LADDERS
from ktp_benchmarks.quality_curves import BAD_SHARE, GOOD_SHARE, Twins, relative_share, twins_of
from ktp_benchmarks.quality_run import SCREEN, SEVERAL, UNLIKE, Observation

__all__ = ["Judged", "Verdicts", "judge_all", "tally"]

VISIBLE_LATTICE = 5.0
"""RMS contrast, grey levels, from which on a screen's lattice must be told; below it is the grey zone."""

ALL = "all"

_TOTALS = {ladder.name: ladder.total for ladder in LADDERS}


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture and the check that is asked about it.

    Attributes:
        subject: the ladder, or what else was drawn.
        attribute: the check.
        stratum: how hard the scene is.
        score: the check's.
        is_good: by its degradation; None in the grey zone.
        reads_well: by its reading; None between, and where reading decides nothing.
    """

    subject: str
    attribute: str
    stratum: str
    score: float
    is_good: bool | None
    reads_well: bool | None = None


Label = Callable[[Judged], bool | None]
"""What a check should have said: yes, no, or either."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How a check did: good pictures and those of them that passed, bad ones and those that failed."""

    good: int
    good_passed: int
    bad: int
    bad_failed: int
    grey: int

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of the two shares; None where a kind is missing."""
        if not (self.good and self.bad):
            return None
        return (self.good_passed / self.good + self.bad_failed / self.bad) / 2


def judge_all(observations: Iterable[Observation]) -> list[Judged]:
    """Ask each check about the pictures made for it; pictures that were refused before the checks are left out."""
    observations = list(observations)
    attributes = {ladder.name: ladder.attribute for ladder in LADDERS}
    attributes |= {SCREEN: "moire", SEVERAL: "single_card", UNLIKE: "ktp_likeness"}
    twins = twins_of(observations)
    judged = []
    for o in observations:
        if o.scores:
            score = o.scores[attributes[o.subject]]
            labels = _is_good(o), _reads_well(o, twins)
            judged.append(Judged(o.subject, attributes[o.subject], o.stratum, score, *labels))
    # An unharmed card alone in its picture is also what the checks of the models must pass, and shows no screen.
    for twin in (o for o in observations if o.subject == LADDERS[0].name and o.strength == 0.0 and o.scores):
        judged += [
            Judged(subject, attributes[subject], twin.stratum, twin.scores[attributes[subject]], is_good=True)
            for subject in (SCREEN, SEVERAL, UNLIKE)
        ]
    return judged


def tally(
    judged: Iterable[Judged], thresholds: Mapping[str, float], label: Label = lambda item: item.is_good
) -> dict[tuple[str, str], Verdicts]:
    """Count verdicts by attribute and stratum, `all` among the strata.

    Args:
        judged: pictures.
        thresholds: lowest score that passes, by attribute.
        label: what the check should have said.
    """
    groups: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for item in judged:
        groups[item.attribute, item.stratum].append(item)
        groups[item.attribute, ALL].append(item)
    return {key: _count(items, thresholds[key[0]], label) for key, items in groups.items()}


def _is_good(o: Observation) -> bool | None:
    if o.subject in (SEVERAL, UNLIKE):
        return False
    if o.subject == SCREEN:
        return True if o.strength == 0.0 else False if o.total >= VISIBLE_LATTICE else None
    return _TOTALS[o.subject].judge(o.total)


def _reads_well(o: Observation, twins: Twins) -> bool | None:
    if o.subject not in _TOTALS or not _TOTALS[o.subject].reading_decides:
        return None
    share = relative_share(o, twins)
    if share is None:
        return None
    return True if share >= GOOD_SHARE else False if share <= BAD_SHARE else None


def _count(items: Sequence[Judged], threshold: float, label: Label) -> Verdicts:
    good = [item.score >= threshold for item in items if label(item) is True]
    bad = [item.score < threshold for item in items if label(item) is False]
    return Verdicts(len(good), sum(good), len(bad), sum(bad), len(items) - len(good) - len(bad))
