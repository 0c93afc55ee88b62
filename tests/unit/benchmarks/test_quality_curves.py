"""Curves of reading, and the grey zones that are read off them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_benchmarks.ladders import LADDERS
from ktp_benchmarks.quality_curves import Curve, curves, find_zones, fit_falling
from ktp_benchmarks.quality_run import Observation

THRESHOLDS = {ladder.attribute: 0.5 for ladder in LADDERS}
READ = {0.0: 1.0, 1.0: 0.97, 2.0: 0.8, 3.0: 0.6, 4.0: 0.1}


def seen(subject: str, strength: float, exact_share: float, score: float, card: int = 0) -> Observation:
    scores = dict.fromkeys(THRESHOLDS, score)
    return Observation(subject, "phone", (1, card), strength, strength + 0.5, exact_share, scores, "")


def ladders_of_all() -> list[Observation]:
    return [seen(ladder.name, strength, share, 0.9) for ladder in LADDERS for strength, share in READ.items()]


def test_a_curve_is_the_mean_over_cards() -> None:
    observations = [seen("defocus", 0.0, 1.0, 0.9, card) for card in range(2)]
    observations += [seen("defocus", 3.0, 0.9, 0.6, 0), seen("defocus", 3.0, 0.5, 0.4, 1)]
    curve = curves(observations, THRESHOLDS)["defocus"]
    assert curve.strengths == (0.0, 3.0)
    assert curve.exact_shares == pytest.approx((1.0, 0.7))
    assert curve.failed_shares == (0.0, 0.5)


def test_what_was_refused_before_the_checks_reads_nothing_and_counts_as_failed() -> None:
    refused = replace(seen("motion", 6.0, 0.0, 0.0), scores={}, failure="CARD_NOT_FOUND")
    observations = [seen("motion", 0.0, 1.0, 0.9), refused]
    assert curves(observations, THRESHOLDS)["motion"] == Curve((0.0, 6.0), (1.0, 0.0), (0.0, 1.0))


def test_a_zone_lies_where_reading_falls() -> None:
    zones = find_zones(ladders_of_all())
    assert set(zones) == {ladder.total.name for ladder in LADDERS if ladder.total.reading_decides}
    assert all((zone.good_to, zone.bad_from) == (1.5, 3.5) for zone in zones.values())
    assert all(zone.misfit == pytest.approx(0.0) for zone in zones.values())


def test_a_zone_has_no_end_where_reading_never_suffers_so_far() -> None:
    zones = find_zones([o for o in ladders_of_all() if o.strength < 3.0])
    assert all(zone.bad_from is None for zone in zones.values())


def test_pictures_without_scores_and_cards_that_nobody_reads_draw_no_zone() -> None:
    refused = [replace(o, total=0.6, exact_share=0.0, scores={}) for o in ladders_of_all()]
    unreadable = [replace(o, card=(1, 7), exact_share=0.0) for o in ladders_of_all()]
    kept = [*ladders_of_all(), *(o for o in refused if o.strength > 0.0), *unreadable]
    assert find_zones(kept) == find_zones(ladders_of_all())


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0.0, 1.0)), min_size=1, max_size=30))
def test_the_falling_curve_falls_keeps_the_mean_and_is_nearer_than_a_level_one(pairs: list[tuple[int, float]]) -> None:
    places, values = np.array(pairs, dtype=np.float64).T
    fitted = fit_falling(places, values)
    assert (np.diff(fitted[np.argsort(places, kind="stable")]) <= 1e-9).all()
    assert fitted.mean() == pytest.approx(values.mean())
    assert ((fitted - values) ** 2).sum() <= ((values.mean() - values) ** 2).sum() + 1e-9
    assert all(len({round(v, 9) for v in fitted[places == place]}) == 1 for place in set(places))
