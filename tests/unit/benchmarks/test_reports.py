"""Tables and the failure sheet say what was observed."""

import html
from pathlib import Path

import pytest
from rich.console import Console

from ktp_benchmarks.measures import Figure, Target
from ktp_benchmarks.observations import FieldObservation, ImageObservation
from ktp_benchmarks.report import figures_to_json, print_figures
from ktp_benchmarks.sheet import write_sheet
from ktp_benchmarks.statistics import Estimate, share
from ktp_benchmarks.truths import draw_missing, read_labelled
from ktp_specimen.strata import Stratum


@pytest.mark.parametrize(
    ("estimate", "target", "verdict"),
    [
        (Estimate(0.99, 0.98, 0.995, 9), Target(0.97, at_least=True), "met"),
        (Estimate(0.99, 0.98, 0.995, 9), Target(0.985, at_least=True), "met ?"),
        (Estimate(0.99, 0.98, 0.995, 9), Target(0.992, at_least=True), "NOT MET ?"),
        (Estimate(0.99, 0.98, 0.995, 9), Target(0.02, at_least=False), "NOT MET"),
        (Estimate(0.99, 0.98, 0.995, 9), None, ""),
    ],
)
def test_verdicts(estimate: Estimate, target: Target | None, verdict: str) -> None:
    console = Console(width=130)
    with console.capture() as capture:
        print_figures(console, [Figure("end to end", "fields", "clean", "%", estimate, target)])
    row = next(line for line in capture.get().splitlines() if "fields" in line)
    assert "99.00 %" in row
    assert "98.00 % – 99.50 %" in row
    assert row.rstrip().endswith(verdict or "99.50 %")


def test_json_keeps_value_interval_and_verdict() -> None:
    (row,) = figures_to_json([Figure("a", "b", "all", "%", share(1, 4), Target(0.5, at_least=True))])
    assert row["value"] == 0.25
    assert row["count"] == 4
    assert row["met"] is False


def test_the_sheet_shows_each_failure_once(tmp_path: Path) -> None:
    strata = (Stratum.CLEAN, Stratum.EMPTY)
    assert list(draw_missing(tmp_path, 7100, 2, strata))[-1] == 2
    images = read_labelled(tmp_path)
    card = images[0].cards[0]
    right = FieldObservation("nik", card.fields["nik"], card.fields["nik"], "", 0.9, legible=True)
    wrong = FieldObservation("nama", card.fields["nama"], "<b>X & Y</b>", "x", 0.8, legible=True)
    seen = [
        ImageObservation("a.jpg", "clean", 1, card_found=True, fields=[right, wrong]),
        ImageObservation("b.jpg", "empty", 0, failure="CARD_UNREADABLE", card_found=True),
    ]
    page = tmp_path / "failures.html"
    assert write_sheet(page, tmp_path, images, seen) == 2
    text = page.read_text("utf-8")
    assert "&lt;b&gt;X &amp; Y&lt;/b&gt;" in text
    assert html.escape(card.fields["nama"]) in text
    assert card.fields["nik"] not in text
    assert text.count("data:image/jpeg;base64,") == 2


def test_an_image_that_was_refused_is_one_failure(tmp_path: Path) -> None:
    list(draw_missing(tmp_path, 7100, 1, (Stratum.CLEAN,)))
    images = read_labelled(tmp_path)
    lost = [
        FieldObservation(name, text, None, "", 0.0, legible=True) for name, text in images[0].cards[0].fields.items()
    ]
    seen = [ImageObservation("a.jpg", "clean", 1, failure="CARD_NOT_FOUND", fields=lost)]
    assert write_sheet(tmp_path / "failures.html", tmp_path, images, seen) == 1
    assert "CARD_NOT_FOUND" in (tmp_path / "failures.html").read_text("utf-8")
