"""Calibration curves: interpolation, monotony, and what a table may not say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.calibration import Calibration, Curve
from ktp_postprocessing.reading import FIELD_NAMES

UNIT = st.floats(0.0, 1.0)
CURVES = st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=8, unique_by=lambda knot: knot[0]).map(
    lambda knots: Curve(tuple(sorted(raw for raw, _ in knots)), tuple(sorted(value for _, value in knots)))
)


def table(*groups: tuple[list[str], list[list[float]]]) -> str:
    return json.dumps({"groups": {str(i): {"fields": f, "knots": k} for i, (f, k) in enumerate(groups)}})


def test_between_knots_lies_a_line_and_beyond_them_nothing_changes() -> None:
    curve = Curve((0.2, 0.6, 0.8), (0.1, 0.5, 0.9))
    assert [curve(raw) for raw in (0.0, 0.2, 0.6, 0.8, 1.0)] == [0.1, 0.1, 0.5, 0.9, 0.9]
    assert curve(0.3) == pytest.approx(0.2)
    assert curve(0.7) == pytest.approx(0.7)


@given(CURVES, UNIT, UNIT)
def test_every_curve_is_monotone_and_stays_in_the_unit_interval(curve: Curve, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= curve(low) <= curve(high) + 1e-12 <= 1.0 + 2e-12


@pytest.mark.parametrize(
    ("raw", "probability"),
    [((), ()), ((0.5,), (0.5, 0.6)), ((0.5, 0.5), (0.1, 0.2)), ((0.1, 0.5), (0.6, 0.5)), ((0.1, 1.5), (0.6, 0.7))],
)
def test_a_curve_that_is_none_is_refused(raw: tuple[float, ...], probability: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="curve"):
        Curve(raw, probability)


def test_fields_of_a_group_share_its_curve_and_others_keep_their_confidence() -> None:
    calibration = Calibration.from_json(table((["nik", "nama"], [[0.0, 0.0], [1.0, 0.5]])))
    assert calibration.apply("nik", 0.5) == calibration.apply("nama", 0.5) == 0.25
    assert calibration.apply("agama", 0.7) == Calibration.identity().apply("nik", 0.7) == 0.7


def test_a_field_in_two_groups_is_refused() -> None:
    knots = [[0.0, 0.0], [1.0, 1.0]]
    with pytest.raises(ValueError, match="nik is in two groups"):
        Calibration.from_json(table((["nik"], knots), (["nik"], knots)))


def test_bundled_table_names_fields() -> None:
    assert set(Calibration.load().curves) <= set(FIELD_NAMES)
