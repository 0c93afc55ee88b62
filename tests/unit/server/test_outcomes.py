"""`ktp-ocr read`: which files, in which order, and the form of a JSON line."""

import asyncio
import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from ktp_server.annotate import annotate, write_annotated
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.outcomes import FileOutcome, assessment_to_json, find_images, outcome_to_json, read_files
from ktp_server.presentation import render_checks, render_outcome
from tests.contract.scripted_reader import QUAD, ScriptedReader, recognition_of


def test_folders_are_searched_for_images_and_files_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", "deeper/c.bmp", "d.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    odd = tmp_path / "notes.txt"
    found = find_images([odd, tmp_path])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "notes.txt",
        "a.png",
        "b.JPG",
        "d.jpeg",
        "deeper/c.bmp",
    ]


async def test_outcomes_keep_the_order_and_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    reader = ScriptedReader()
    reader.failures[b"bad"] = RecognitionError(ErrorReason.CARD_NOT_FOUND, "no card")
    reader.failures[b"worse"] = RuntimeError("boom")
    paths = [tmp_path / name for name in ("wait", "bad", "worse", "missing", "fine")]
    for path in paths:
        if path.name != "missing":
            path.write_bytes(path.name.encode())
    asyncio.get_running_loop().call_later(0.05, reader.release.set)
    outcomes = [outcome async for outcome in read_files(reader.recognize, paths, 3)]
    assert [outcome.path for outcome in outcomes] == paths
    assert [None if outcome.error is None else outcome.error.reason.value for outcome in outcomes] == [
        None,
        "CARD_NOT_FOUND",
        "INTERNAL",
        "REQUEST_INVALID",
        None,
    ]


async def test_an_assessment_lists_every_check() -> None:
    result = await ScriptedReader().assess_quality(b"A")
    document = assessment_to_json(Path("a.jpg"), result)
    restored = json.loads(json.dumps(document))
    assert restored["status"] == "OK"
    assert set(restored["requirements"]) == {"file_size_min", "jpeg_quality_min"}
    assert set(restored["quality"]) == set(result.quality)
    output = io.StringIO()
    Console(file=output, width=160).print(render_checks(result))
    shown = output.getvalue()
    assert "too dark: use more light" in shown
    assert "jpeg_quality_min" in shown
    assert "card: (10, 20) (110, 21) (109, 84) (9, 83), rotation -12.5°" in shown
    assert "glare: (10, 20)" in shown


def test_json_of_a_success() -> None:
    line = outcome_to_json(FileOutcome(Path("a.jpg"), result=recognition_of("BUDI")))
    assert list(line) == [
        *("file", "status", "message", "fields", "normalised", "findings"),
        *("quality", "glare_quads", "covered_fields", "card", "timings_ms"),
    ]
    assert (line["file"], line["status"]) == ("a.jpg", "OK")
    restored = json.loads(json.dumps(line))
    quad = [[x, y] for x, y in QUAD]
    assert restored["fields"]["nama"] == {
        "value": "BUDI",
        "raw_value": "budi",
        "confidence": 0.97,
        "correction": "normalised",
        "quad": quad,
    }
    assert restored["fields"]["rt"]["quad"] is None
    assert restored["fields"]["alamat"]["value"] is None
    assert restored["normalised"]["birth_date"] == "1990-01-05"
    assert restored["normalised"]["sex"] == "FEMALE"
    assert restored["normalised"]["rt"] == 0
    assert "issue_date" not in restored["normalised"]
    assert restored["findings"][0]["code"] == "NIK_SERIAL_ZERO"
    pose = {"pitch_degrees": -7.25, "yaw_degrees": 3.5, "roll_degrees": -12.0, "tilt_degrees": 8.0}
    assert restored["card"] == {"quad": quad, "rotation_degrees": -12.5, "pose": pose}
    assert restored["quality"]["brightness"]["passed"] is False
    assert restored["glare_quads"] == [quad]
    assert restored["covered_fields"] == ["nama", "alamat"]
    assert restored["timings_ms"]["total"] == 22.0


def test_json_of_a_failure() -> None:
    error = RecognitionError(ErrorReason.IMAGE_CORRUPT, "cut short")
    assert outcome_to_json(FileOutcome(Path("a.jpg"), error=error)) == {
        "file": "a.jpg",
        "status": "IMAGE_CORRUPT",
        "message": "cut short",
        "fields": {},
        "normalised": {},
        "findings": [],
        "quality": {},
        "glare_quads": [],
        "covered_fields": [],
        "card": None,
        "timings_ms": {},
    }


@pytest.mark.parametrize("colour", [True, False])
def test_table_shows_values_confidences_and_advice(colour: bool) -> None:
    console = Console(record=True, width=120, force_terminal=colour, file=io.StringIO())
    console.print(render_outcome(FileOutcome(Path("a.jpg"), result=recognition_of("BUDI"))))
    text = console.export_text(styles=colour)
    for part in (
        "BUDI",
        "0.970",
        "unreadable",
        "too dark: use more light",
        "NIK_SERIAL_ZERO",
        "file_size_min",
        "nama, alamat",
    ):
        assert part in text
    assert ("\x1b[" in text) is colour


def test_table_of_a_failure_names_it() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    error = RecognitionError(ErrorReason.CARD_NOT_FOUND, "no identity card was found")
    console.print(render_outcome(FileOutcome(Path("a.jpg"), error=error)))
    assert "CARD_NOT_FOUND: no identity card was found" in console.export_text()


async def test_checks_are_drawn_without_fields(tmp_path: Path) -> None:
    assessment = await ScriptedReader().assess_quality(b"A")
    encoded = cv2.imencode(".png", np.full((400, 533, 3), 90, dtype=np.uint8))[1].tobytes()
    write_annotated(tmp_path / "checked.png", encoded, assessment)
    picture = cv2.imread(str(tmp_path / "checked.png"))
    assert picture is not None
    assert picture.shape == (400, 533 + 400, 3)
    failed_row = picture[370:, 533:].astype(int)
    assert (failed_row[..., 2] - failed_row[..., 0] > 80).any(), "failed checks are named in red"
    outline = picture[19:23, 15:105].astype(int)
    assert (outline[..., 2] - outline[..., 0] > 80).any(), "glare is outlined in red"


def test_a_picture_of_no_known_format_is_refused(tmp_path: Path) -> None:
    encoded = cv2.imencode(".png", np.full((400, 533, 3), 90, dtype=np.uint8))[1].tobytes()
    with pytest.raises(OSError, match="txt"):
        write_annotated(tmp_path / "picture.txt", encoded, recognition_of("BUDI"))


def test_annotated_picture_outlines_the_card_and_leaves_the_image_alone() -> None:
    pixels = np.full((120, 160, 3), 90, dtype=np.uint8)
    picture = annotate(pixels, recognition_of("BUDI"))
    assert picture.shape == (120, 160 + 120, 3)
    assert (pixels == 90).all()
    changed = (picture[:, :160] != 90).any(axis=2)
    assert changed[20:22, 10:110].mean() > 0.4
    assert not changed[100:, :].any()
    assert (picture[:, 160:] < 100).any()


@pytest.mark.parametrize("turned", [False, True])
def test_a_number_stands_behind_the_end_of_its_text(turned: bool) -> None:
    corners = [(60.0, 40.0), (120.0, 40.0), (120.0, 60.0), (60.0, 60.0)]
    first, second, third, fourth = corners[2:] + corners[:2] if turned else corners
    result = recognition_of("BUDI")
    field = replace(result.card.fields["nama"], quad=(first, second, third, fourth))
    blank = np.full((120, 200, 3), 90, dtype=np.uint8)
    picture = annotate(blank, replace(result, card=replace(result.card, fields={"nama": field})))
    without = annotate(blank, replace(result, card=replace(result.card, fields={})))
    drawn = (picture[:, :200] != without[:, :200]).any(axis=2)
    left, right = drawn[40:60, 10:57].any(), drawn[40:60, 124:180].any()
    assert (left, right) == (turned, not turned)


def test_thresholds_are_printed_without_the_noise_of_floats() -> None:
    result = recognition_of("BUDI")
    quality = {"single_card": replace(result.quality["sharpness"], threshold=1.0 - 0.95)}
    line = outcome_to_json(FileOutcome(Path("a.jpg"), result=replace(result, quality=quality)))
    assert '"threshold": 0.05,' in json.dumps(line)
