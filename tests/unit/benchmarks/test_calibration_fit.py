"""Isotonic fits against answers known by hand, and curves against what they were drawn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_benchmarks.calibration_fit import (
    FOLLOWERS,
    KINDS,
    Sample,
    cross_validate,
    fit_calibration,
    fit_isotonic,
    to_json,
)
from ktp_benchmarks.statistics import calibration_error
from ktp_postprocessing.calibration import Calibration
from ktp_postprocessing.reading import FIELD_NAMES


def test_violators_are_pooled() -> None:
    x, y = np.arange(5.0), np.array([0.0, 1.0, 0.0, 0.5, 1.0])
    places, values, sums = fit_isotonic(x, y, np.ones(5))
    assert places.tolist() == [0.0, 2.0, 4.0]
    assert values.tolist() == [0.0, 0.5, 1.0]
    assert sums.tolist() == [1.0, 3.0, 1.0]


def test_weights_count_as_repetitions() -> None:
    once = fit_isotonic(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([3.0, 1.0]))
    often = fit_isotonic(np.array([0.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4))
    for left, right in zip(once, often, strict=True):
        assert left.tolist() == right.tolist()


@given(st.lists(st.tuples(st.floats(-9, 9), st.booleans(), st.floats(0.1, 5)), min_size=1, max_size=40))
def test_levels_ascend_and_keep_the_mean(rows: list[tuple[float, bool, float]]) -> None:
    data = np.array(sorted(rows), np.float64)
    places, values, sums = fit_isotonic(data[:, 0], data[:, 1], data[:, 2])
    assert (np.diff(values) > 0).all()
    assert (np.diff(places) >= -1e-9).all()
    assert (values * sums).sum() == pytest.approx((data[:, 1] * data[:, 2]).sum())


def draw_samples(count: int, field: str, power: float) -> list[Sample]:
    """Samples whose true probability is raw ** power."""
    rng = np.random.default_rng(count)
    raws = 1 - rng.random(count) ** 3
    return [
        Sample(f"{index}", field, float(raw), bool(rng.random() < raw**power))
        for index, raw in enumerate(raws.tolist())
    ]


def test_every_field_gets_a_curve_that_the_reader_accepts() -> None:
    calibration = Calibration.from_json(to_json(fit_calibration(draw_samples(50, "nik", 2.0)), {"set": "x"}))
    assert set(calibration.curves) == set(FIELD_NAMES)
    assert {field for fields in KINDS.values() for field in fields} | {"rt", "rw"} == set(FIELD_NAMES)
    assert calibration.curves["rt"] == calibration.curves["rt_rw"]
    assert FOLLOWERS["rt_rw"] == ("rt", "rw")


def test_overconfidence_is_mended_on_cards_that_the_fit_has_not_seen() -> None:
    samples = draw_samples(3000, "nama", 4.0)
    exact = np.array([float(sample.exact) for sample in samples])
    before = calibration_error(np.column_stack([[sample.raw for sample in samples], exact]))
    after = calibration_error(np.column_stack([cross_validate(samples), exact]))
    assert before > 0.1
    assert after < 0.03


def test_a_field_with_many_samples_has_a_curve_of_its_own() -> None:
    samples = draw_samples(4000, "nama", 6.0) + draw_samples(4001, "alamat", 1.0)
    calibration = Calibration.from_json(to_json(fit_calibration(samples), {}))
    assert calibration.apply("nama", 0.8) < 0.45
    assert calibration.apply("alamat", 0.8) > 0.7


def test_no_confidence_becomes_certain_and_nothing_cannot_be_fitted() -> None:
    samples = [Sample(str(index), "nik", 0.999, exact=True) for index in range(100)]
    calibration = Calibration.from_json(to_json(fit_calibration(samples), {}))
    assert 0.99 < calibration.apply("nik", 1.0) < 1.0
    with pytest.raises(ValueError, match="nothing"):
        fit_calibration([])
