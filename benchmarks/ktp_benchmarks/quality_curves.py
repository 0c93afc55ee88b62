"""How reading falls with degradation: by what was added on each ladder, and by the total there is on each scale."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_benchmarks.ladders import LADDERS, Ladder
from ktp_benchmarks.quality_run import Observation

__all__ = ["BAD_SHARE", "GOOD_SHARE", "Curve", "Twins", "Zone", "curves", "find_zones", "relative_share", "twins_of"]

GOOD_SHARE, BAD_SHARE = 0.95, 0.75
"""Of what the unharmed twin lets be read: from the first on reading does not suffer, up to the second it does."""

Values = NDArray[np.float64]
Twins = Mapping[tuple[str, str, tuple[int, int]], Observation]


@dataclass(frozen=True, slots=True)
class Curve:
    """A ladder's course: strengths, mean relative field accuracy, and the share of pictures that the check fails."""

    strengths: tuple[float, ...]
    exact_shares: tuple[float, ...]
    failed_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """The grey zone that a scale's curve gives, and how well the scale tells reading.

    Attributes:
        good_to: total up to which, on the average, `GOOD_SHARE` is still read.
        bad_from: total from which on at most `BAD_SHARE` is; None where reading never falls so far.
        misfit: root mean square distance between a picture's reading and the falling curve through all of them.
        strength_misfit: the same, with curves over the strength that each ladder added.
    """

    good_to: float
    bad_from: float | None
    misfit: float
    strength_misfit: float


def twins_of(observations: Iterable[Observation]) -> Twins:
    """Find the unharmed picture of each subject, stratum and card."""
    return {(o.subject, o.stratum, o.card): o for o in observations if o.strength == 0.0}


def relative_share(o: Observation, twins: Twins) -> float | None:
    """Share read of what the unharmed twin lets be read; None where nothing of that one is."""
    whole = twins[o.subject, o.stratum, o.card].exact_share
    return min(o.exact_share / whole, 1.0) if whole else None


def curves(observations: Sequence[Observation], thresholds: Mapping[str, float]) -> dict[str, Curve]:
    """Follow each ladder over all cards: how reading falls, and when the check fails.

    A picture that was refused reads nothing and counts as failed.
    """
    twins = twins_of(observations)
    found = {}
    for ladder in LADDERS:
        limit = thresholds[ladder.attribute]
        steps: dict[float, list[tuple[float, bool]]] = defaultdict(list)
        for o in observations:
            share = relative_share(o, twins) if o.subject == ladder.name else None
            if share is not None:
                steps[o.strength].append((share, o.scores.get(ladder.attribute, 0.0) < limit))
        means = {strength: np.mean(steps[strength], axis=0) for strength in sorted(steps)}
        shares, failed = ([float(mean[i]) for mean in means.values()] for i in (0, 1))
        found[ladder.name] = Curve(tuple(means), tuple(shares), tuple(failed))
    return found


def find_zones(observations: Sequence[Observation]) -> dict[str, Zone]:
    """Read the grey zone of each scale off the curve through the pictures that the checks were asked about."""
    twins = twins_of(observations)
    ladders: dict[str, list[Ladder]] = defaultdict(list)
    for ladder in LADDERS:
        if ladder.total.reading_decides:
            ladders[ladder.total.name].append(ladder)
    zones = {}
    for name, members in ladders.items():
        parts = [_columns(observations, ladder, twins) for ladder in members]
        total, _, share = (np.concatenate(column) for column in zip(*parts, strict=True))
        fitted = fit_falling(total, share)
        good, bad = total[fitted >= GOOD_SHARE], total[fitted <= BAD_SHARE]
        by_strength = np.concatenate([fit_falling(strength, read) - read for _, strength, read in parts])
        zones[name] = Zone(
            good_to=float(good.max()) if len(good) else float(total.min()),
            bad_from=float(bad.min()) if len(bad) else None,
            misfit=_root_mean_square(fitted - share),
            strength_misfit=_root_mean_square(by_strength),
        )
    return zones


def fit_falling(places: Values, values: Values) -> Values:
    """Fit the falling curve that is nearest in least squares: (N,), in the order of the places.

    Source: Barlow et al. 1972, Statistical inference under order restrictions (pooling adjacent violators).
    """
    steps, index = np.unique(places, return_inverse=True)
    pools: list[tuple[float, int, int]] = []  # mean, pictures, steps
    for place in range(len(steps)):
        here = values[index == place]
        pool = (float(here.mean()), len(here), 1)
        while pools and pools[-1][0] <= pool[0]:
            mean, count, width = pools.pop()
            both = count + pool[1]
            pool = ((mean * count + pool[0] * pool[1]) / both, both, width + pool[2])
        pools.append(pool)
    fitted = np.repeat([mean for mean, _, _ in pools], [width for _, _, width in pools])
    return np.asarray(fitted[index], dtype=np.float64)


def _columns(observations: Sequence[Observation], ladder: Ladder, twins: Twins) -> tuple[Values, Values, Values]:
    """Totals, strengths and relative shares of a ladder's pictures that were not refused."""
    rows = [
        (o.total, o.strength, share)
        for o in observations
        if o.subject == ladder.name and o.scores and (share := relative_share(o, twins)) is not None
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _root_mean_square(values: Values) -> float:
    return float(np.sqrt(np.mean(values**2)))
