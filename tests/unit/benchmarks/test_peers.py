"""Other readers: the talk with their processes, and how their answers are scored."""

import sys
from pathlib import Path

import pytest

from ktp_benchmarks.observations import FieldObservation, ImageObservation
from ktp_benchmarks.peer_accuracy import compare_with_peers, score_fields, score_texts
from ktp_benchmarks.session import LOG
from ktp_benchmarks.truths import LabelledImage, parse_labelled
from ktp_benchmarks.workers import WorkerFailed, open_worker

IMAGE = parse_labelled(
    '{"file": "a.jpg", "fields": {"nik": "3171012345670001", "alamat": "JL. A 1", "agama": "ISLAM"}}'
)

ECHO = """
import json, sys
print(json.dumps({"ready": "echo 1"}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    answer = {"cpu_s": 0.5, "wall_s": 1.0, "peak_kib": 2048, "texts": [asked["file"], str(asked["quarter_turns"])]}
    print(json.dumps(answer), flush=True)
    if asked["file"].endswith("last.jpg"):
        sys.exit(3)
"""


def turned(file: str, turns: int) -> LabelledImage:
    return parse_labelled(f'{{"file": "{file}", "cards": [{{"fields": {{}}, "quarter_turns": {turns}}}]}}')


def test_a_worker_is_asked_and_answers_until_it_breaks_off() -> None:
    with open_worker([sys.executable, "-c", ECHO], "echo") as worker:
        answer = worker.ask(Path("/cards"), turned("one.jpg", 3))
        assert worker.version == "echo 1"
        assert answer.texts == ("/cards/one.jpg", "3")
        assert (answer.cpu_s, answer.wall_s, answer.peak_mib, answer.failure) == (0.5, 1.0, 2.0, "")
        worker.ask(Path("/cards"), turned("last.jpg", 0))
        with pytest.raises(WorkerFailed, match="echo broke off"):
            worker.ask(Path("/cards"), turned("one.jpg", 0))


def test_a_worker_that_does_not_start_is_named() -> None:
    command = [sys.executable, "-c", "raise SystemExit(4)"]
    with pytest.raises(WorkerFailed, match="exit status 4"), open_worker(command, "broken"):
        pytest.fail("it was taken for started")


def test_texts_are_found_whatever_the_spaces() -> None:
    scores = score_texts(IMAGE.cards[0], ["NIK:3171012345670001", "Alamat JL.A1"])
    assert scores == [
        ("field strings found", True),
        ("field strings found", True),
        ("field strings found", False),
        ("NIK found", True),
    ]


def test_fields_must_be_exact() -> None:
    scores = score_fields(IMAGE.cards[0], {"nik": "3171012345670001", "alamat": "JL.A 1"})
    assert scores == [
        ("eleven fields exact", True),
        ("eleven fields exact", False),
        ("eleven fields exact", False),
        ("NIK exact", True),
    ]


def test_peers_that_are_not_installed_are_named_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktp_benchmarks.workers.PEER_PYTHON", tmp_path / "python")
    seen = ImageObservation("a.jpg", "own", 1, fields=[FieldObservation("nik", "1", "1", "1", 0.9, legible=True)])
    comparison = compare_with_peers(
        tmp_path, [parse_labelled('{"file": "a.jpg", "fields": {"nik": "1"}}')], [seen], LOG
    )
    assert comparison.shares["ktp-ocr", "NIK exact", "all"].value == 1.0
    assert len(comparison.missing) == 2
    assert "make setup-peers" in comparison.missing[0]
