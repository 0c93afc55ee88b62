"""The benchmarks' commands on specimens and on somebody's own few labels."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from ktp_specimen.strata import Stratum
from tests.end_to_end.conftest import SpecimenSet

ROOT = Path(__file__).parents[2]


def run_benchmark(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_accuracy_of_specimens_reaches_every_section(specimens: SpecimenSet, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(specimens.folder, folder)
    outcome = run_benchmark("accuracy.py", str(folder), "--count", "3", "--results", str(tmp_path))
    assert outcome.returncode == 0, outcome.stderr
    (result,) = tmp_path.glob("*-accuracy-set.json")
    figures = json.loads(result.read_text("utf-8"))["figures"]
    sections = {figure["section"] for figure in figures}
    assert {"segmentation", "text detection", "recognition", "end to end", "confidence", "field exact"} <= sections
    exact = {f["stratum"]: f["value"] for f in figures if f["name"] == "legible fields exact"}
    assert exact["clean"] >= 0.9
    assert (folder / "failures.html").read_text("utf-8").startswith("<!doctype html>")
    assert "targets are met" in outcome.stdout


def test_accuracy_of_own_cards_needs_fields_only_and_outlives_a_broken_file(
    specimens: SpecimenSet, tmp_path: Path
) -> None:
    shutil.copy(specimens.path(Stratum.CLEAN), tmp_path / "one.jpg")
    (tmp_path / "two.jpg").write_bytes(b"no picture")
    fields = dict(specimens.truths[Stratum.CLEAN][0].cards[0].fields)
    labels = [{"file": name, "fields": fields} for name in ("one.jpg", "two.jpg")]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
    outcome = run_benchmark("accuracy.py", str(tmp_path), "--results", str(tmp_path / "results"))
    assert outcome.returncode == 0, outcome.stderr
    (result,) = (tmp_path / "results").glob("*.json")
    text = result.read_text("utf-8")
    shares = {f["name"]: f["value"] for f in json.loads(text)["figures"] if f["stratum"] == "own"}
    assert shares["NIK exact"] == 0.5
    assert fields["nik"] not in text
    assert "IMAGE_FORMAT_UNSUPPORTED" in (tmp_path / "failures.html").read_text("utf-8")


def test_calibration_goes_on_where_it_stopped(specimens: SpecimenSet, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(specimens.folder, folder)
    for count, card_count in (("2", 2), ("5", 3)):
        table = tmp_path / f"{count}.json"
        outcome = run_benchmark("calibrate.py", str(folder), "--count", count, "--out", str(table))
        assert outcome.returncode == 0, outcome.stderr
        assert json.loads(table.read_text("utf-8"))["provenance"]["cards"] == card_count
    (kept,) = folder.glob("readings-*.jsonl")
    files = [json.loads(line)["file"] for line in kept.read_text("utf-8").splitlines()]
    assert files == ["images/000000.jpg", "images/000001.jpg", "images/000004.jpg"]


def test_load_mixes_nothing_up_and_loses_nothing(specimens: SpecimenSet, tmp_path: Path) -> None:
    """The short form of `make load`: what must hold however busy the machine is."""
    outcome = run_benchmark("load.py", str(specimens.folder), "--scale", "0.02", "--results", str(tmp_path))
    assert outcome.returncode == 0, outcome.stderr
    (result,) = tmp_path.glob("*-load.json")
    scenarios = json.loads(result.read_text("utf-8"))["scenarios"]
    checks = {check["name"].strip(): check for scenario in scenarios.values() for check in scenario["checks"]}
    assert checks["calls by 64 callers at a time"]["value"] >= 64
    for name in (
        "answers of another card",
        "calls that ended otherwise",
        "unforeseen failures",
        "answered by the server's log, and by nobody's count",
        "calls sent well before SIGTERM and not answered",
        "highest exit status",
        "images that were sent and never answered",
    ):
        assert checks[name]["met"], checks[name]


def test_a_folder_without_labels_is_named(tmp_path: Path) -> None:
    for script in ("accuracy.py", "speed.py", "calibrate.py", "load.py"):
        outcome = run_benchmark(script, str(tmp_path))
        assert outcome.returncode == 2
        assert "truth.jsonl" in outcome.stderr


def test_help_teaches() -> None:
    for script in ("accuracy.py", "speed.py", "calibrate.py", "load.py"):
        outcome = run_benchmark(script, "--help")
        assert outcome.returncode == 0
        assert "Your own cards" in outcome.stdout
