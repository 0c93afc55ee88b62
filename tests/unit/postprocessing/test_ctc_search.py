"""The likeliest text of CTC columns, against all texts and all paths of small alphabets."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_postprocessing.ctc import decode_line
from ktp_postprocessing.ctc_search import Classes, align_text, search_text, sum_alignments

BLANK = 2
COLUMNS = st.lists(st.lists(st.floats(-3, 3), min_size=BLANK + 1, max_size=BLANK + 1), min_size=1, max_size=6)


def make_probability(scores: list[list[float]]) -> NDArray[np.float64]:
    powers = np.exp(np.array(scores))
    probability: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probability


def collapse(path: tuple[int, ...]) -> Classes:
    starts = (path[place] for place in range(len(path)) if place == 0 or path[place] != path[place - 1])
    return tuple(label for label in starts if label != BLANK)


def sum_paths(probability: NDArray[np.float64]) -> dict[Classes, list[tuple[float, tuple[int, ...]]]]:
    """All paths of each text, with their likelihoods."""
    paths: defaultdict[Classes, list[tuple[float, tuple[int, ...]]]] = defaultdict(list)
    for path in product(range(BLANK + 1), repeat=len(probability)):
        paths[collapse(path)].append((float(np.prod(probability[np.arange(len(path)), path])), path))
    return paths


@given(COLUMNS)
def test_the_likelihood_is_the_sum_over_all_paths_and_the_alignment_the_best_of_them(scores: list[list[float]]) -> None:
    probability = make_probability(scores)
    for text, paths in sum_paths(probability).items():
        assert sum_alignments(probability, text) == pytest.approx(sum(likelihood for likelihood, _ in paths))
        aligned = tuple(align_text(probability, text).tolist())
        assert collapse(aligned) == text
        likelihood = float(np.prod(probability[np.arange(len(aligned)), aligned]))
        assert likelihood == pytest.approx(max(paths)[0])


@given(COLUMNS)
def test_a_wide_search_finds_the_likeliest_of_all_texts(scores: list[list[float]]) -> None:
    probability = make_probability(scores)
    best = max(sum(likelihood for likelihood, _ in paths) for paths in sum_paths(probability).values())
    assert sum_alignments(probability, search_text(probability, width=1000)) == pytest.approx(best, rel=0.05)


@given(COLUMNS)
def test_a_line_is_not_read_as_a_less_likely_text_than_its_best_path(scores: list[list[float]]) -> None:
    log_probability = np.log(make_probability(scores)).astype(np.float32)
    as_read = collapse(tuple(log_probability.argmax(axis=1).tolist()))
    found = tuple("AB".index(character) for character in decode_line(log_probability, "AB").text)
    probability = np.exp(log_probability.astype(np.float64))
    # Stretches are searched one by one; the sure columns between them leave a little to choose.
    assert sum_alignments(probability, found) >= 0.9 * sum_alignments(probability, as_read)


@given(st.lists(st.integers(0, BLANK), min_size=1, max_size=20))
def test_sure_columns_are_read_as_their_best_path(path: list[int]) -> None:
    probability = np.full((len(path), BLANK + 1), 0.001)
    probability[np.arange(len(path)), path] = 0.998
    reading = decode_line(np.log(probability).astype(np.float32), "AB")
    assert tuple("AB".index(character) for character in reading.text) == collapse(tuple(path))


def test_a_character_named_twice_by_the_best_path_is_read_once() -> None:
    """B, then an A that the best path takes for two: AA has 0.40, A has 0.53."""
    probability = np.array(
        [[0.005, 0.99, 0.005], [0.01, 0.01, 0.98], [0.6, 0.0, 0.4], [0.45, 0.0, 0.55], [0.6, 0.0, 0.4], [0.0, 0.0, 1.0]]
    )
    assert collapse(tuple(probability.argmax(axis=1).tolist())) == (1, 0, 0)
    reading = decode_line(np.log(np.maximum(probability, 1e-9)).astype(np.float32), "AB")
    assert reading.text == "BA"
    assert reading.confidence == pytest.approx(sum_alignments(probability, (1, 0)), rel=0.05)
