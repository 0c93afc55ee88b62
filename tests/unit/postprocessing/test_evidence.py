"""Likelihoods: against a brute-force sum over alignments, and in what they prefer."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_postprocessing.evidence import BLANK, Evidence, encode, join_evidence
from ktp_postprocessing.frames import LineFrames

ALPHABET = " 01ABIOl-"


def make_frames(rows: list[dict[str, float]]) -> LineFrames:
    """Columns from {character: probability}; "" is the blank, which also takes what is left."""
    probability = np.full((len(rows), len(ALPHABET) + 1), 1e-9)
    for row, given_probability in zip(probability, rows, strict=True):
        for character, value in given_probability.items():
            row[ALPHABET.index(character) if character else -1] = value
        row[-1] += max(1.0 - sum(given_probability.values()), 0.0)
    return LineFrames.of_line(np.log(probability).astype(np.float32), ALPHABET, ())


def sum_alignments(probability: NDArray[np.float64], text: str) -> float:
    """Over all sequences of classes of `text` and blanks that collapse to it."""
    wanted = encode(text).tolist()
    total = 0.0
    for path in product(sorted({*wanted, BLANK}), repeat=len(probability)):
        collapsed = [code for index, code in enumerate(path) if index == 0 or path[index - 1] != code]
        if [code for code in collapsed if code != BLANK] == wanted:
            total += float(np.prod([probability[column, code] for column, code in enumerate(path)]))
    return total


@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=1, max_size=6),
    st.lists(st.text("AB ", max_size=4), min_size=1, max_size=4),
)
def test_a_score_is_the_sum_over_all_alignments(rows: list[list[float]], texts: list[str]) -> None:
    probability = np.full((len(rows), BLANK + 1), 1e-6)
    for row, (blank, space, a, b) in zip(probability, rows, strict=True):
        row[[BLANK, *encode(" AB")]] = blank, space, a, b
    scores = Evidence(probability).score(texts)
    for text, score in zip(texts, scores, strict=True):
        expected = sum_alignments(probability, text)
        assert np.exp(score) == pytest.approx(expected, rel=1e-6, abs=1e-290)


def test_quiet_columns_cost_nothing() -> None:
    short = make_frames([{"A": 0.99}, {"": 1.0}, {"B": 0.99}])
    long = make_frames([{"A": 0.99}, *[{"": 1.0}] * 20, {"B": 0.99}])
    texts = ["AB", "A", "AAB", "A B"]
    np.testing.assert_allclose(Evidence.from_frames(short).score(texts), Evidence.from_frames(long).score(texts))


def test_a_small_l_is_no_small_letter_in_a_value() -> None:
    scores = Evidence.from_frames(make_frames([{"l": 0.99}])).score(["I", "A"])
    assert scores[0] > scores[1] + 5


@pytest.mark.parametrize(
    ("read", "likelier", "rarer"),
    [
        ("SUKARA5A", "SUKARASA", "SUKARATA"),
        ("KOTAMEDAN", "KOTA MEDAN", "KOTAMEDANA"),
        ("lSLAM", "ISLAM", "ASLAM"),
        ("0O1", "001", "0X1"),
    ],
)
def test_look_alikes_and_lost_gaps_are_likelier_than_other_errors(read: str, likelier: str, rarer: str) -> None:
    scores = Evidence.from_text(read, (0.99,) * len(read)).score([likelier, rarer])
    assert scores[0] > scores[1] + 1


def test_a_doubtful_character_may_be_another() -> None:
    sure, doubtful = (Evidence.from_text("KEBON", (0.99, 0.99, 0.99, value, 0.99)) for value in (0.99, 0.4))
    gap_sure, gap_doubtful = (float(np.subtract(*evidence.score(["KEBON", "KEBUN"]))) for evidence in (sure, doubtful))
    assert gap_doubtful < gap_sure - 2


def test_joined_pieces_stand_a_gap_apart() -> None:
    joined = join_evidence([Evidence.from_text(text, (0.99,) * len(text)) for text in ("SITI", "AMINAH")])
    scores = joined.score(["SITI AMINAH", "SITIAMINAH", "SITI"])
    assert scores.argmax() == 0
    assert scores[1] > scores[2]


@given(st.text(max_size=12), st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_any_text_has_a_finite_score(read: str, texts: list[str]) -> None:
    assert np.isfinite(Evidence.from_text(read, (0.9,) * len(read)).score(texts)).all()


def test_frames_are_cut_between_characters() -> None:
    whole = LineFrames.of_line(np.zeros((20, len(ALPHABET) + 1), np.float32), ALPHABET, (2, 6, 10, 16))
    piece = whole.cut(1, 3)
    assert (piece.start, piece.stop, piece.columns) == (4, 13, (6, 10))
    assert piece.share(1) == pytest.approx(4 / 9)
    assert whole.keep([0, 3]).columns == (2, 16)
