"""Intervals and calibration errors: how sure the measured numbers are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

_Z = 1.959964
"""Two-sided 95 % of the normal distribution."""

_RESAMPLE_COUNT = 1000
_SEED = 20260101
_BIN_COUNT = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % confidence interval, from `count` observations."""

    value: float
    low: float
    high: float
    count: int


def share(hits: int, count: int) -> Estimate:
    """A share in [0, 1] with Wilson's interval, which stays honest where all or none were hit.

    Raises:
        ValueError: nothing was observed.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if count <= 0:
        raise ValueError("a share of nothing")
    rate = hits / count
    scale = 1 + _Z**2 / count
    middle = (rate + _Z**2 / (2 * count)) / scale
    reach = _Z * sqrt(rate * (1 - rate) / count + _Z**2 / (4 * count**2)) / scale
    return Estimate(rate, max(0.0, min(middle - reach, rate)), min(1.0, max(middle + reach, rate)), count)


Statistic = Callable[[NDArray[np.float64]], float]
"""A number from rows (n, k)."""


def bootstrap(groups: Sequence[NDArray[np.float64]], statistic: Statistic) -> Estimate:
    """Any statistic with its percentile bootstrap interval.

    Whole groups (cards) are drawn: the rows of one card are no independent draws.

    Args:
        groups: rows (n, k) of each card, n of its own; at least one row in all.
        statistic: of the rows of some cards.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13.
    """
    rows = np.concatenate(list(groups))
    if len(rows) == 0:
        raise ValueError("a statistic of nothing")
    rng = np.random.default_rng(_SEED)
    group_of_row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    values = []
    for _ in range(_RESAMPLE_COUNT):
        times_drawn = np.bincount(rng.integers(len(groups), size=len(groups)), minlength=len(groups))
        drawn = np.repeat(rows, times_drawn[group_of_row], axis=0)
        if len(drawn):
            values.append(statistic(drawn))
    low, high = np.percentile(values, (2.5, 97.5))
    return Estimate(statistic(rows), float(low), float(high), len(rows))


def percentile(rank: float) -> Statistic:
    """The statistic: a percentile of the first column."""
    return lambda rows: float(np.percentile(rows[:, 0], rank))


def mean(rows: NDArray[np.float64]) -> float:
    """The statistic: mean of the first column."""
    return float(rows[:, 0].mean())


def ratio(rows: NDArray[np.float64]) -> float:
    """The statistic: sum of the first column over that of the second."""
    return float(rows[:, 0].sum() / rows[:, 1].sum())


def calibration_error(rows: NDArray[np.float64]) -> float:
    """Expected calibration error: mean distance between confidence and accuracy over ten bins of equal width.

    Args:
        rows: (n, 2): confidence in [0, 1], and 1 where the value was exact, else 0.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.
    """
    bins = np.minimum((rows[:, 0] * _BIN_COUNT).astype(int), _BIN_COUNT - 1)
    sums = np.zeros((_BIN_COUNT, 2))
    np.add.at(sums, bins, rows)
    return float(np.abs(sums[:, 0] - sums[:, 1]).sum() / len(rows))
