"""Figures from observations made by hand."""

import pytest

from ktp_benchmarks.geometry import BoxScore
from ktp_benchmarks.measures import ALL, TARGETS, Figure, measure, measure_fields
from ktp_benchmarks.observations import (
    FieldObservation,
    ImageObservation,
    LineObservation,
    OutlineObservation,
)


def field(name: str, truth: str, value: str | None, confidence: float = 0.99, legible: bool = True) -> FieldObservation:
    return FieldObservation(name, truth, value, value or "", 0.0 if value is None else confidence, legible)


def card(stratum: str, *fields: FieldObservation) -> ImageObservation:
    return ImageObservation("a.jpg", stratum, 1, card_found=True, fields=list(fields))


def value_of(figures: list[Figure], section: str, name: str, stratum: str = ALL) -> float:
    (figure,) = [f for f in figures if (f.section, f.name, f.stratum) == (section, name, stratum)]
    return figure.estimate.value


def test_fields_count_by_stratum_and_legibility() -> None:
    figures = measure(
        [
            card("clean", field("nik", "12", "12"), field("nama", "A", "A")),
            card("hard", field("nik", "34", "35"), field("nama", "B", None), field("agama", "C", "X", 0.9, False)),
        ]
    )
    assert value_of(figures, "end to end", "legible fields exact", "clean") == 1.0
    assert value_of(figures, "end to end", "legible fields exact", "hard") == 0.0
    assert value_of(figures, "end to end", "legible fields exact") == 0.5
    assert value_of(figures, "end to end", "all fields exact") == 0.4
    assert value_of(figures, "end to end", "NIK exact") == 0.5
    assert value_of(figures, "end to end", "whole card exact") == 0.5
    assert value_of(figures, "end to end", "wiped-out fields invented") == 1.0


def test_an_illegible_field_spoils_no_card_and_a_doubted_one_is_not_invented() -> None:
    figures = measure([card("hard", field("nik", "12", "12"), field("nama", "B", "X", 0.2, legible=False))])
    assert value_of(figures, "end to end", "whole card exact") == 1.0
    assert value_of(figures, "end to end", "wiped-out fields invented") == 0.0


def test_a_field_that_is_not_printed_spoils_the_card() -> None:
    figures = measure([card("clean", field("nik", "12", "12"), field("agama", "", "ISLAM")), card("clean")])
    assert value_of(figures, "end to end", "whole card exact") == 0.0
    assert value_of(figures, "end to end", "cards with a field that is not printed") == 1.0
    blank = measure([card("clean", field("nik", "12", "12"), field("agama", "", None))])
    assert value_of(blank, "end to end", "whole card exact") == 1.0


def test_a_missed_card_and_one_where_there_is_none() -> None:
    figures = measure(
        [
            ImageObservation("a.jpg", "phone", 1, failure="CARD_NOT_FOUND"),
            ImageObservation("b.jpg", "phone", 1, card_found=True),
            ImageObservation("c.jpg", "empty", 0, failure="CARD_UNREADABLE", card_found=True),
            ImageObservation("d.jpg", "empty", 0, failure="CARD_NOT_FOUND", card_found=True),
            ImageObservation("e.jpg", "empty", 0, failure="CARD_NOT_FOUND"),
            ImageObservation("f.jpg", "empty", 0, failure="CARD_NOT_FOUND"),
        ]
    )
    assert value_of(figures, "segmentation", "card missed") == 0.5
    assert value_of(figures, "segmentation", "card found where there is none") == 0.5
    assert value_of(figures, "end to end", "scenes without a card told so") == 0.75


def test_outlines_boxes_and_lines() -> None:
    seen = card("phone", field("nik", "1", "1"))
    seen.outline = OutlineObservation(0.97, 0.99, 0.3, turns_right=True, text_turn_degrees=0.1)
    seen.boxes = BoxScore(true_count=10, found_count=8, matched_count=8, joined_count=1, cut_count=2, cut_crop_count=1)
    seen.lines = [
        LineObservation("nik", "value", ": 3171012345670001", "=3171012345670001"),
        LineObservation("nik", "label", "NIK", "NIK"),
    ]
    figures = measure([seen])
    assert value_of(figures, "segmentation", "mask IoU, mean") == 0.97
    assert value_of(figures, "segmentation", "worst corner, 95th percentile") == 0.3
    assert value_of(figures, "text detection", "lines found, IoU 0.5") == 0.8
    assert value_of(figures, "text detection", "lines found, or in one box with their label") == 0.9
    assert value_of(figures, "text detection", "boxes right, IoU 0.5") == 1.0
    assert value_of(figures, "text detection", "lines with a glyph outside the box") == 0.25
    assert value_of(figures, "recognition", "lines exact") == 0.5
    assert value_of(figures, "recognition", "NIK exact") == 1.0


def test_confidence_counts_what_came_back() -> None:
    sure_and_wrong = field("nama", "B", "X", 0.97)
    figures = measure([card("hard", field("nik", "1", "1", 0.96), sure_and_wrong, field("agama", "C", None))])
    assert value_of(figures, "confidence", "wrong among confidence >= 0.95") == 0.5
    assert value_of(figures, "confidence", "calibration error, all fields") == pytest.approx(0.465)
    by_field = measure_fields([card("hard", field("nik", "1", "1", 0.96), sure_and_wrong)])
    assert value_of(by_field, "field calibration error", "nama") == pytest.approx(0.97)
    assert value_of(by_field, "field exact", "nik", "hard") == 1.0


def test_targets_are_met_by_the_value_and_doubtful_across_the_interval() -> None:
    figures = measure([card("clean", *(field("nik", "1", "1") for _ in range(20)))])
    (figure,) = [f for f in figures if f.name == "legible fields exact" and f.stratum == "clean"]
    assert figure.met
    assert not figure.certain


def test_every_target_belongs_to_a_figure() -> None:
    seen = card("clean", field("nik", "1", "1"), field("nama", "A", "A", legible=False))
    seen.outline = OutlineObservation(0.97, 0.99, 0.3, turns_right=True, text_turn_degrees=0.1)
    seen.boxes = BoxScore(1, 1, 1, 0, 0, 0)
    seen.lines = [LineObservation("nik", "value", "3171012345670001", "3171012345670001")]
    others = [ImageObservation("a.jpg", "empty", 0)]
    figures = measure([seen, *others])
    assert set(TARGETS) <= {(figure.section, figure.name) for figure in figures}


def test_what_is_not_known_is_not_measured() -> None:
    figures = measure([card("own", field("nik", "1", "1"))])
    assert {figure.section for figure in figures} == {"segmentation", "end to end", "confidence"}
    assert {f.name for f in figures if f.section == "segmentation"} == {"card missed"}
