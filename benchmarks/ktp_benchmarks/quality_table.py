"""From observations to verdicts on the checks: what reading says of a picture, and how often a check agrees.

A picture is good where at least 95 % of what its unharmed twin lets be read is still read, bad where at most 75 % is
(or where a degradation that reading may survive, such as a copy's, is present). Between lies the grey zone, in which
either answer is right.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ktp_benchmarks.ladders import LADDERS
from ktp_benchmarks.quality_run import SCREEN, SEVERAL, UNLIKE, Observation

__all__ = ["GOOD_SHARE", "Curve", "Judged", "Verdicts", "curves", "judge_all", "tally"]

GOOD_SHARE, BAD_SHARE = 0.95, 0.75
VISIBLE_LATTICE = 5.0
"""RMS contrast, grey levels, from which on a screen's lattice must be told; below it is the grey zone."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture: the check that is asked, its score, and whether the picture is good; None in the grey zone."""

    subject: str
    attribute: str
    stratum: str
    score: float
    is_good: bool | None


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


@dataclass(frozen=True, slots=True)
class Curve:
    """A ladder's course: strengths, mean relative field accuracy, and the share of pictures that the check fails."""

    strengths: tuple[float, ...]
    exact_shares: tuple[float, ...]
    failed_shares: tuple[float, ...]


def judge_all(observations: Iterable[Observation]) -> list[Judged]:
    """Ask each check about the pictures made for it; pictures that were refused before the checks are left out."""
    observations = list(observations)
    attributes = {ladder.name: ladder.attribute for ladder in LADDERS}
    attributes |= {SCREEN: "moire", SEVERAL: "single_card", UNLIKE: "ktp_likeness"}
    twins = _twins(observations)
    judged = [
        Judged(o.subject, attributes[o.subject], o.stratum, o.scores[attributes[o.subject]], _goodness(o, twins))
        for o in observations
        if o.scores
    ]
    # An unharmed card alone in its picture is also what the checks of the models must pass, and shows no screen.
    for twin in (o for o in observations if o.subject == LADDERS[0].name and o.strength == 0.0 and o.scores):
        judged += [
            Judged(subject, attributes[subject], twin.stratum, twin.scores[attributes[subject]], is_good=True)
            for subject in (SCREEN, SEVERAL, UNLIKE)
        ]
    return judged


def tally(judged: Iterable[Judged], thresholds: Mapping[str, float]) -> dict[tuple[str, str], Verdicts]:
    """Count verdicts by attribute and stratum, `all` among the strata.

    Args:
        judged: pictures.
        thresholds: lowest score that passes, by attribute.
    """
    groups: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for item in judged:
        groups[item.attribute, item.stratum].append(item)
        groups[item.attribute, ALL].append(item)
    return {key: _count(items, thresholds[key[0]]) for key, items in groups.items()}


def curves(observations: Sequence[Observation], thresholds: Mapping[str, float]) -> dict[str, Curve]:
    """Follow each ladder over all cards: how reading falls, and when the check fails.

    A picture that was refused reads nothing and counts as failed.
    """
    twins = _twins(observations)
    found = {}
    for ladder in LADDERS:
        steps: dict[float, list[Observation]] = defaultdict(list)
        for o in observations:
            if o.subject == ladder.name and twins[o.subject, o.stratum, o.card].exact_share > 0.0:
                steps[o.strength].append(o)
        shares, failed = [], []
        for strength in sorted(steps):
            shares.append(float(np.mean([_relative_share(o, twins) for o in steps[strength]])))
            limit = thresholds[ladder.attribute]
            failed.append(float(np.mean([o.scores.get(ladder.attribute, 0.0) < limit for o in steps[strength]])))
        found[ladder.name] = Curve(tuple(sorted(steps)), tuple(shares), tuple(failed))
    return found


Twins = Mapping[tuple[str, str, tuple[int, int]], Observation]


def _twins(observations: Iterable[Observation]) -> Twins:
    """The unharmed picture of each subject, stratum and card."""
    return {(o.subject, o.stratum, o.card): o for o in observations if o.strength == 0.0}


def _relative_share(o: Observation, twins: Twins) -> float:
    return min(o.exact_share / twins[o.subject, o.stratum, o.card].exact_share, 1.0)


def _goodness(o: Observation, twins: Twins) -> bool | None:
    if o.subject in (SEVERAL, UNLIKE):
        return False
    if o.strength == 0.0:
        return True
    if o.subject == SCREEN:
        return False if o.strength >= VISIBLE_LATTICE else None
    bad_from = next(ladder.bad_from for ladder in LADDERS if ladder.name == o.subject)
    if bad_from is not None:
        return False if o.strength >= bad_from else None
    if twins[o.subject, o.stratum, o.card].exact_share == 0.0:
        return None
    share = _relative_share(o, twins)
    return True if share >= GOOD_SHARE else False if share <= BAD_SHARE else None


def _count(items: Sequence[Judged], threshold: float) -> Verdicts:
    good = [item.score >= threshold for item in items if item.is_good is True]
    bad = [item.score < threshold for item in items if item.is_good is False]
    return Verdicts(len(good), sum(good), len(bad), sum(bad), len(items) - len(good) - len(bad))
