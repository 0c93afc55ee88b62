"""Best-path decoding and its confidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_postprocessing.ctc import decode_line, decode_lines

ALPHABET = " ABC"
BLANK = len(ALPHABET)


def make_log_probability(frames: list[dict[int, float]]) -> NDArray[np.float32]:
    """Rows of log probabilities from {class: probability}; the rest is spread over the other classes."""
    rows = np.zeros((len(frames), BLANK + 1))
    for row, given_probability in zip(rows, frames, strict=True):
        row[:] = (1 - sum(given_probability.values())) / (BLANK + 1 - len(given_probability))
        for index, probability in given_probability.items():
            row[index] = probability
    return np.log(np.maximum(rows, 1e-12)).astype(np.float32)


def test_repeats_merge_and_blanks_separate() -> None:
    sure = [{index: 0.999} for index in (BLANK, 1, 1, BLANK, 1, 0, 2, BLANK, 0, BLANK)]
    reading = decode_line(make_log_probability(sure), ALPHABET)
    assert reading.text == "AA B"
    assert reading.confidence > 0.98
    assert len(reading.character_confidences) == 4


def test_a_doubtful_character_lowers_only_its_own_confidence() -> None:
    frames = [{1: 0.999}, {BLANK: 0.999}, {2: 0.6, 3: 0.4}, {BLANK: 0.999}]
    reading = decode_line(make_log_probability(frames), ALPHABET)
    assert reading.text == "AB"
    assert reading.character_confidences[0] > 0.99
    assert reading.character_confidences[1] == pytest.approx(0.6, abs=0.01)


def test_a_character_that_was_nearly_read_lowers_the_confidence() -> None:
    frames = [{1: 0.999}, {BLANK: 0.999}, {BLANK: 0.6, 3: 0.4}, {BLANK: 0.999}, {2: 0.999}]
    reading = decode_line(make_log_probability(frames), ALPHABET)
    assert reading.text == "AB"
    assert reading.confidence == pytest.approx(0.6, abs=0.01)


def test_doubt_about_where_a_character_ends_is_harmless() -> None:
    frames = [{1: 0.999}, {1: 0.45, BLANK: 0.55}, {BLANK: 0.999}]
    assert decode_line(make_log_probability(frames), ALPHABET).confidence > 0.99


def test_blank_only_reads_nothing() -> None:
    reading = decode_line(make_log_probability([{BLANK: 0.99}] * 4), ALPHABET)
    assert (reading.text, reading.confidence) == ("", 0.0)


def test_an_alphabet_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="alphabet"):
        decode_line(np.zeros((4, 9), np.float32), ALPHABET)


@given(st.lists(st.lists(st.floats(-8, 8), min_size=5, max_size=5), min_size=1, max_size=30))
def test_any_frames_decode_to_alphabet_text_with_a_probability(logits: list[list[float]]) -> None:
    scores = np.array(logits)
    log_probability = (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)
    reading = decode_line(log_probability, ALPHABET)
    assert set(reading.text) <= set(ALPHABET)
    assert reading.text == reading.text.strip()
    assert 0.0 <= reading.confidence <= 1.0
    assert len(reading.character_confidences) == len(reading.text)


@given(st.lists(st.lists(st.lists(st.floats(-8, 8), min_size=5, max_size=5), max_size=12), max_size=6))
def test_lines_are_read_together_as_they_are_alone(lines: list[list[list[float]]]) -> None:
    frames = [np.array(logits, np.float32).reshape(-1, 5) for logits in lines]
    frames = [scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)) for scores in frames]
    together = decode_lines(frames, ALPHABET)
    assert len(together) == len(frames)
    for scores, reading in zip(frames, together, strict=True):
        alone = decode_line(scores, ALPHABET)
        assert (reading.text, reading.character_columns) == (alone.text, alone.character_columns)
        assert reading.character_confidences == pytest.approx(alone.character_confidences)
