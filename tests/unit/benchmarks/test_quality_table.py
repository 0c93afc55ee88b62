"""Which pictures count as good or bad, and what is counted of the checks' answers."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from ktp_benchmarks.ladders import LADDERS
from ktp_benchmarks.quality_curves import Curve
from ktp_benchmarks.quality_picture import write_picture
from ktp_benchmarks.quality_run import SCREEN, SEVERAL, STRATA, UNLIKE, Observation, plan
from ktp_benchmarks.quality_table import Verdicts, judge_all, tally
from ktp_benchmarks.totals import BLUR

THRESHOLDS = {ladder.attribute: 0.5 for ladder in LADDERS} | {"moire": 0.5, "single_card": 0.05, "ktp_likeness": 0.5}


def seen(subject: str, strength: float, exact_share: float, score: float, total: float | None = None) -> Observation:
    """A picture; its total is its strength where nothing else is said."""
    scores = dict.fromkeys(THRESHOLDS, score)
    return Observation(
        subject, "phone", (1, 0), strength, strength if total is None else total, exact_share, scores, ""
    )


def test_the_total_decides_what_is_good_whatever_was_read() -> None:
    observations = [
        seen("motion", 0.0, 0.8, 0.9, total=BLUR.good_to - 0.5),
        seen("motion", 2.0, 0.3, 0.8, total=BLUR.good_to),
        seen("motion", 4.0, 0.8, 0.3, total=(BLUR.good_to + BLUR.bad_from) / 2),
        seen("motion", 6.0, 0.8, 0.3, total=BLUR.bad_from),
        seen("motion", 8.0, 0.0, 0.7, total=BLUR.bad_from + 0.5),
    ]
    judged = judge_all(observations)
    assert [item.is_good for item in judged if item.subject == "motion"] == [True, True, None, False, False]
    verdicts = tally(judged, THRESHOLDS)
    assert verdicts["sharpness", "phone"] == verdicts["sharpness", "all"] == Verdicts(2, 2, 2, 1, 1)
    assert verdicts["sharpness", "all"].balanced_accuracy == 0.75


def test_a_hard_photograph_may_be_grey_unharmed() -> None:
    assert [item.is_good for item in judge_all([seen("motion", 0.0, 1.0, 0.9, total=BLUR.good_to + 0.1)])] == [None]


def test_by_reading_each_picture_is_held_against_its_unharmed_twin() -> None:
    observations = [
        seen("motion", 0.0, 0.8, 0.9),
        seen("motion", 2.0, 0.78, 0.8),
        seen("motion", 4.0, 0.7, 0.3),
        seen("motion", 6.0, 0.5, 0.3),
        seen("motion", 8.0, 0.0, 0.7),
    ]
    judged = judge_all(observations)
    assert [item.reads_well for item in judged] == [True, True, None, False, False]
    by_reading = tally(judged, THRESHOLDS, lambda item: item.reads_well)
    assert by_reading["sharpness", "all"] == Verdicts(2, 2, 2, 1, 1)


def test_reading_says_nothing_of_a_copy_nor_of_a_card_that_nobody_reads() -> None:
    judged = judge_all([seen("photocopy", 0.0, 1.0, 0.9), seen("motion", 0.0, 0.0, 0.9), seen("motion", 2.0, 0.0, 0.9)])
    assert all(item.reads_well is None for item in judged)


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


def test_what_was_refused_before_the_checks_is_not_judged() -> None:
    refused = replace(seen("motion", 6.0, 0.0, 0.0), scores={}, failure="CARD_NOT_FOUND")
    assert len(judge_all([seen("motion", 0.0, 1.0, 0.9), refused])) == 1


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
