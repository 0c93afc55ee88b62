"""The confusion tables: every misreading that is known of KTP readers, and shares that make a distribution."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.confusions import Confusions, repair_inner_digits, repair_words, to_print_case

CONFUSIONS = Confusions.load()


@pytest.mark.parametrize(
    ("shapes", "digit"),
    [
        ("ODQo", "0"),
        ("ILl|i!", "1"),
        ("Zz", "2"),
        ("A", "4"),
        ("Ss", "5"),
        ("bG", "6"),
        ("?T", "7"),
        ("B", "8"),
        ("gq", "9"),
    ],
)
def test_shapes_in_numbers_become_digits(shapes: str, digit: str) -> None:
    assert CONFUSIONS.to_digits(shapes) == digit * len(shapes)


@pytest.mark.parametrize(
    ("misread", "word"), [("KUT1L4NG", "KUTILANG"), ("5UKARA5A", "SUKARASA"), ("80GOR", "BOGOR"), ("|NDAH", "INDAH")]
)
def test_digits_in_words_become_letters(misread: str, word: str) -> None:
    assert repair_words(misread) == word


@pytest.mark.parametrize("text", ["K19", "12A", "BLOK4", "2 X 11", "NO. 12"])
def test_numbers_in_addresses_stay(text: str) -> None:
    assert repair_inner_digits(text) == text


def test_the_shares_of_each_character_make_a_distribution() -> None:
    sums: defaultdict[str, float] = defaultdict(float)
    for (printed, read), share in CONFUSIONS.weights.items():
        assert printed != read
        assert 0 < share <= 1
        sums[printed] += share
    assert all(total == pytest.approx(1.0) for total in sums.values())
    assert {"0", "9", "A", "Z"} <= sums.keys()


def test_known_look_alikes_are_likelier_than_any_other_character() -> None:
    weights = CONFUSIONS.weights
    assert weights["O", "0"] > weights["O", "X"]
    assert weights["8", "B"] > weights["8", "W"]


def test_measured_misreadings_are_of_letters_and_digits() -> None:
    assert CONFUSIONS.counts
    for (printed, read), count in CONFUSIONS.counts.items():
        assert printed.isalnum()
        assert read == "" or read.isalnum()
        assert count > 0


@given(st.text(max_size=30))
def test_repairing_again_changes_nothing(text: str) -> None:
    for repair in (to_print_case, repair_words, repair_inner_digits, CONFUSIONS.to_digits):
        assert repair(repair(text)) == repair(text)
