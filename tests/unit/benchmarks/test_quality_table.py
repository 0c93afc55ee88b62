"""Which pictures count as good or bad, and what is counted of the checks' answers."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ktp_benchmarks.ladders import LADDERS
from ktp_benchmarks.quality_picture import write_picture
from ktp_benchmarks.quality_run import SCREEN, SEVERAL, STRATA, UNLIKE, Observation, plan
from ktp_benchmarks.quality_table import Curve, Verdicts, curves, judge_all, tally

THRESHOLDS = {ladder.attribute: 0.5 for ladder in LADDERS} | {"moire": 0.5, "single_card": 0.05, "ktp_likeness": 0.5}


def seen(subject: str, strength: float, exact_share: float, score: float, card: int = 0) -> Observation:
    return Observation(subject, "phone", (1, card), strength, exact_share, dict.fromkeys(THRESHOLDS, score), "")


def test_reading_decides_against_the_unharmed_twin() -> None:
    observations = [
        seen("motion", 0.0, 0.8, 0.9),
        seen("motion", 2.0, 0.78, 0.8),
        seen("motion", 4.0, 0.7, 0.3),
        seen("motion", 6.0, 0.5, 0.3),
        seen("motion", 8.0, 0.0, 0.7),
    ]
    assert [item.is_good for item in judge_all(observations)] == [True, True, None, False, False]
    verdicts = tally(judge_all(observations), THRESHOLDS)
    assert verdicts["sharpness", "phone"] == verdicts["sharpness", "all"] == Verdicts(2, 2, 2, 1, 1)
    assert verdicts["sharpness", "all"].balanced_accuracy == 0.75


def test_a_copy_is_bad_although_it_can_be_read() -> None:
    judged = judge_all([seen("photocopy", 0.0, 1.0, 0.9), seen("photocopy", 0.3, 1.0, 0.1)])
    assert [item.is_good for item in judged] == [True, False]


def test_a_faint_lattice_lies_in_the_grey_zone() -> None:
    judged = judge_all([seen(SCREEN, strength, 1.0, 0.9) for strength in (0.0, 2.0, 9.0)])
    assert [item.is_good for item in judged] == [True, None, False]


def test_unharmed_cards_are_what_the_models_checks_must_pass() -> None:
    observations = [seen(LADDERS[0].name, 0.0, 1.0, 0.9), seen(SEVERAL, 1.0, 0.0, 0.0), seen(UNLIKE, 1.0, 0.0, 0.1)]
    verdicts = tally(judge_all(observations), THRESHOLDS)
    assert verdicts["single_card", "all"] == verdicts["ktp_likeness", "all"] == Verdicts(1, 1, 1, 1, 0)
    assert verdicts["moire", "all"].balanced_accuracy is None


def test_what_was_refused_before_the_checks_is_not_judged_but_reads_nothing() -> None:
    refused = replace(seen("motion", 6.0, 0.0, 0.0), scores={}, failure="CARD_NOT_FOUND")
    observations = [seen("motion", 0.0, 1.0, 0.9), refused]
    assert len(judge_all(observations)) == 1
    assert curves(observations, THRESHOLDS)["motion"] == Curve((0.0, 6.0), (1.0, 0.0), (0.0, 1.0))


def test_a_curve_is_the_mean_over_cards() -> None:
    observations = [seen("defocus", 0.0, 1.0, 0.9, card) for card in range(2)]
    observations += [seen("defocus", 3.0, 0.9, 0.6, 0), seen("defocus", 3.0, 0.5, 0.4, 1)]
    curve = curves(observations, THRESHOLDS)["defocus"]
    assert curve.strengths == (0.0, 3.0)
    assert curve.exact_shares == pytest.approx((1.0, 0.7))
    assert curve.failed_shares == (0.0, 0.5)


def test_the_picture_has_a_panel_for_each_ladder(tmp_path: Path) -> None:
    path = tmp_path / "curves.svg"
    write_picture(path, {ladder.name: Curve((0.0, 1.0, 2.0), (1.0, 0.5, 0.1), (0.0, 0.0, 1.0)) for ladder in LADDERS})
    panels = ET.parse(path).getroot().findall("{http://www.w3.org/2000/svg}g")
    assert len(panels) == len(LADDERS)


def test_the_plan_has_each_stratum_and_screens_where_there_are_some() -> None:
    tasks = plan(7001, 2, 3)
    ladder_cards = [task for task in tasks if task.subject is None]
    assert [task.stratum for task in ladder_cards] == [*STRATA, *STRATA]
    assert len({task.index for task in ladder_cards}) == 6
    assert sum(task.subject == SCREEN for task in tasks) == 4
    assert sum(task.subject == SEVERAL for task in tasks) == sum(task.subject == UNLIKE for task in tasks) == 3
