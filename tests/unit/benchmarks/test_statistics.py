"""Intervals against published values, and calibration errors that can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_benchmarks.statistics import bootstrap, calibration_error, mean, percentile, ratio, share


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3 (Wilson's score).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(hits: int, count: int, low: float, high: float) -> None:
    estimate = share(hits, count)
    assert estimate.low == pytest.approx(low, abs=5e-5)
    assert estimate.high == pytest.approx(high, abs=5e-5)
    assert estimate.value == hits / count


@given(st.integers(1, 2000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_a_share_lies_inside_its_interval(counts: tuple[int, int]) -> None:
    estimate = share(*counts)
    assert 0.0 <= estimate.low <= estimate.value <= estimate.high <= 1.0
    assert estimate.low < estimate.high


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        share(0, 0)


def test_bootstrap_is_as_wide_as_the_standard_error_says() -> None:
    rng = np.random.default_rng(1)
    groups = [rng.normal(5.0, 2.0, (1, 1)) for _ in range(400)]
    estimate = bootstrap(groups, mean)
    assert estimate.value == pytest.approx(5.0, abs=0.3)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * 2.0 / 20, rel=0.15)
    assert estimate.count == 400


def test_bootstrap_draws_whole_cards() -> None:
    rng = np.random.default_rng(1)
    cards = [np.full((20, 1), value) for value in rng.normal(0.0, 1.0, 50)]
    rows = [row[None] for card in cards for row in card]
    by_card, by_row = bootstrap(cards, mean), bootstrap(rows, mean)
    assert by_card.value == by_row.value
    assert by_card.high - by_card.low > 3 * (by_row.high - by_row.low)


def test_percentile_is_of_the_first_column() -> None:
    rows = np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]])
    assert percentile(50)(rows) == 2.0


def test_ratio_is_of_the_columns_sums() -> None:
    assert ratio(np.array([[1.0, 1.0], [2.0, 5.0]])) == 0.5


def test_calibration_error_by_hand() -> None:
    # Bin 0.9 to 1: confidence 0.95 on average, half right: off by 0.45. Bin 0.2 to 0.3: 0.25, none right: off by 0.25.
    rows = np.array([[0.9, 1.0], [1.0, 0.0], [0.25, 0.0], [0.25, 0.0]])
    assert calibration_error(rows) == pytest.approx((2 * 0.45 + 2 * 0.25) / 4)
    assert calibration_error(np.array([[1.0, 1.0], [0.0, 0.0]])) == 0.0
