"""Costs from answers made by hand."""

import pytest
from rich.console import Console

from ktp_benchmarks.speed_run import SpeedRun, check_costs, print_speed, speed_to_json
from ktp_benchmarks.workers import Answer

STAGES = {"decode": 4.0, "requirements": 1.0, "segmentation": 40.0, "quality": 2.0, "text_boxes": 3.0, "fields": 2.0}


def ours(cpu_s: float, failure: str = "") -> Answer:
    return Answer(cpu_s, 2 * cpu_s, 100.0, 0.75 * cpu_s, {} if failure else STAGES, failure)


def make_run() -> SpeedRun:
    return SpeedRun(
        answers={
            "ktp-ocr": [ours(0.1), ours(0.001, "CARD_NOT_FOUND"), ours(0.3), ours(0.2)],
            "rapidocr": [
                Answer(1.0, 1.0, 500.0),
                Answer(1.0, 1.0, 500.0),
                Answer(1.5, 1.0, 500.0),
                Answer(4.0, 4.0, 500.0),
            ],
        },
        versions={"ktp-ocr": "ktp-ocr 0", "rapidocr": "rapidocr 1"},
        missing=["akshara is not installed"],
    )


def test_costs_are_medians_over_the_images_that_were_read() -> None:
    checks = {check.name: check for check in check_costs(make_run(), 12_500_000, {1: 200.0, 8: 700.0})}
    assert checks["CPU per card, JPEG to fields"].value == pytest.approx(200.0)
    assert checks["CPU time over that of rapidocr, median of ratios"].value == pytest.approx(0.1)
    assert checks["CPU time outside the models"].value == pytest.approx(25.0)
    assert checks["CPU time outside the models"].met is False
    assert checks["postprocessing (text boxes, fields)"].value == pytest.approx(5.0)
    assert checks["postprocessing (text boxes, fields)"].met
    assert checks["image checks (requirements, quality)"].value == pytest.approx(3.0)
    assert checks["ONNX files together"].value == pytest.approx(12.5)
    assert checks["peak memory of the server, 1 caller at a time"].met
    assert checks["peak memory of the server, 8 callers at a time"].met is False


def test_the_report_names_readers_stages_and_who_is_missing() -> None:
    run = make_run()
    console = Console(width=130, record=True, quiet=False, file=None)
    with console.capture() as capture:
        print_speed(console, run, check_costs(run, 12_500_000, {}))
    text = capture.get()
    assert "not measured: akshara is not installed" in text
    assert all(stage in text for stage in STAGES)
    assert "10.0 ×" in text
    record = speed_to_json(run, check_costs(run, 12_500_000, {}))
    assert record["stages_ms"] == STAGES
