"""Fitted lines against answers known beforehand, and curves against what they were drawn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_benchmarks.calibration_fit import (
    FOLLOWERS,
    Line,
    Sample,
    cross_validate,
    fit_calibration,
    fit_line,
    to_json,
    to_logit,
)
from ktp_benchmarks.statistics import calibration_error
from ktp_postprocessing.calibration import Calibration
from ktp_postprocessing.reading import FIELD_NAMES


def test_without_samples_the_prior_stands() -> None:
    assert fit_line(np.zeros(0), np.zeros(0), Line(1.3, 0.2), (1.0, 1.0)) == Line(1.3, 0.2)


def test_a_line_is_found_again() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(1.0, 2.0, 20000)
    exact = (rng.random(20000) < 1 / (1 + np.exp(-(0.6 * logits - 0.8)))).astype(np.float64)
    line = fit_line(logits, exact, Line(1.0, 0.0), (1.0, 1.0))
    assert line.slope == pytest.approx(0.6, abs=0.03)
    assert line.offset == pytest.approx(-0.8, abs=0.06)


def test_confidences_that_mislead_are_levelled_and_never_turned_round() -> None:
    logits = np.repeat([-2.0, 2.0], 500)
    line = fit_line(logits, (logits < 0).astype(np.float64), Line(1.0, 0.0), (1.0, 1.0))
    assert line.slope == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.floats(0, 2), st.floats(-3, 3))
def test_the_optimum_is_found_from_anywhere(rows: list[tuple[float, bool]], slope: float, offset: float) -> None:
    logits, exact = to_logit(np.array([raw for raw, _ in rows])), np.array([float(right) for _, right in rows])
    line = fit_line(logits, exact, Line(slope, offset), (1.0, 1.0))

    def loss(candidate: Line) -> float:
        scores = candidate(logits)
        penalty = (candidate.slope - slope) ** 2 + (candidate.offset - offset) ** 2
        return float((np.logaddexp(0.0, scores) - exact * scores).sum()) + penalty / 2

    if line.slope > 0:
        for change in ((0.01, 0.0), (-0.01, 0.0), (0.0, 0.01), (0.0, -0.01)):
            assert loss(line) <= loss(Line(line.slope + change[0], line.offset + change[1])) + 1e-9


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
    assert 0.0 < calibration.apply("nik", 0.0) < 0.1
    with pytest.raises(ValueError, match="nothing"):
        fit_calibration([])
