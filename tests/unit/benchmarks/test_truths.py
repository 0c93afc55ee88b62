"""Labelled images: complete truths of the renderer, and the little that people write about their own cards."""

import json
from pathlib import Path

import pytest

from ktp_benchmarks.truths import OWN_STRATUM, TruthInvalid, parse_labelled, read_labelled
from ktp_specimen.generate import draw_specimen
from ktp_specimen.strata import Stratum


def test_the_least_that_can_be_told() -> None:
    image = parse_labelled('{"file": "a.jpg", "fields": {"nik": "1", "golongan_darah": "", "agama": null}}')
    (card,) = image.cards
    assert (image.file, image.stratum) == ("a.jpg", OWN_STRATUM)
    assert dict(card.fields) == {"nik": "1", "golongan_darah": "", "agama": ""}
    assert (card.quad, card.lines, card.quarter_turns) == (None, None, None)
    assert not card.complete


def test_an_image_without_a_card() -> None:
    assert parse_labelled('{"file": "a.jpg", "cards": []}').cards == ()


def test_what_the_renderer_writes_is_complete() -> None:
    truth = draw_specimen(5, 0, Stratum.CLEAN).truth
    image = parse_labelled(truth.to_json())
    (card,) = image.cards
    assert image.stratum == "clean"
    assert card.complete
    assert dict(card.fields) == dict(truth.cards[0].fields)
    assert card.quad is not None
    assert abs(card.quad - truth.cards[0].quad).max() < 0.01
    assert card.quarter_turns == truth.cards[0].quarter_turns
    assert card.lines is not None
    assert len(card.lines) == len(truth.cards[0].lines)


def test_lines_that_are_hidden_or_marked_are_illegible() -> None:
    quad = [[0, 0], [9, 0], [9, 3], [0, 3]]
    lines = [
        {"text": "A  B", "quad": quad},
        {"text": "A", "quad": quad, "visible": 0.5},
        {"text": "A", "quad": quad, "legible": False, "field": "tempat_lahir"},
        {"text": "Agama", "quad": quad, "legible": False, "field": "agama", "kind": "label"},
    ]
    fields = {"nik": "1", "nama": "A", "tempat_lahir": "A", "tanggal_lahir": "B", "agama": "C"}
    record = {"file": "a.jpg", "cards": [{"fields": fields, "lines": lines, "illegible": ["nama"]}]}
    (card,) = parse_labelled(json.dumps(record)).cards
    assert card.lines is not None
    assert [line.legible for line in card.lines] == [True, False, False, False]
    assert card.lines[0].text == "A B"
    assert card.illegible == {"nama", "tempat_lahir", "tanggal_lahir"}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"file": "a.jpg"}',
        '{"fields": {}}',
        '{"file": "a.jpg", "fields": []}',
        '{"file": "a.jpg", "cards": [{"quad": [[0, 0], [1, 1]]}]}',
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "truth.jsonl").write_text('{"file": "a.jpg", "fields": {}}\n' + line + "\n")
    with pytest.raises(TruthInvalid, match="line 2"):
        read_labelled(tmp_path)
    assert len(read_labelled(tmp_path, 1)) == 1


def test_a_missing_image_and_a_missing_truth_are_named(tmp_path: Path) -> None:
    with pytest.raises(TruthInvalid, match="does not exist"):
        read_labelled(tmp_path)
    (tmp_path / "truth.jsonl").write_text('{"file": "a.jpg", "fields": {}}\n')
    with pytest.raises(TruthInvalid, match=r"no image a\.jpg"):
        read_labelled(tmp_path)
