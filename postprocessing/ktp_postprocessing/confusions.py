"""Which characters recognisers take for each other, from the tables in `data/`.

- `digit_shapes.csv`: what a digit is misread as, and the letter it stands for inside a word;
- `look_alikes.csv`: other pairs that look alike, in both directions;
- `measured_confusions.csv`: how often this project's recogniser read one for the other, counted by
  `benchmarks/measure_confusions.py` on specimens of a development seed.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ktp_postprocessing.tables import read_bundled

_LOOK_ALIKE_COUNT = 2  # misreadings of each known pair that are supposed beside the measured ones
_ANY_COUNT = 0.05  # of any other letter or digit
_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

_SMALL_L = re.compile("l")
_DIGIT_INSIDE_WORD = re.compile(r"(?=(?:[^A-Z]*[A-Z]){4})[A-Z]+[0-9][A-Z]+[,.]?")


@dataclass(frozen=True)
class Confusions:
    """The confusion tables.

    Attributes:
        pairs: upper-case characters that look alike, in both orders.
        digit_of: misread character -> the digit it stands for in a number.
        letter_of: misread character -> the letter it stands for in a word.
        counts: (printed, read) -> how often the recogniser read so; an empty `read` was lost.
    """

    pairs: frozenset[tuple[str, str]]
    digit_of: dict[int, str]
    letter_of: Mapping[str, str]
    counts: Mapping[tuple[str, str], int]

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "Confusions":
        """Read the bundled tables; later calls return the same object."""
        pairs: set[tuple[str, str]] = set()
        digit_of: dict[str, str] = {}
        letter_of = {"|": "I", "!": "I"}
        for row in read_bundled("digit_shapes"):
            letter_of[row["digit"]] = row["letter"]
            for shape in row["misread_as"]:
                digit_of.setdefault(shape, row["digit"])  # G is a 6 before it is a 9
                if shape.isupper():
                    pairs |= {(row["digit"], shape), (shape, row["digit"])}
        for row in read_bundled("look_alikes"):
            pairs |= {(row["one"], row["other"]), (row["other"], row["one"])}
        counts = {(row["printed"], row["read"]): int(row["count"]) for row in read_bundled("measured_confusions")}
        return Confusions(frozenset(pairs), {ord(shape): digit for shape, digit in digit_of.items()}, letter_of, counts)

    @cached_property
    def weights(self) -> Mapping[tuple[str, str], float]:
        """(printed, read) -> probability of reading so, given that `printed` was not read as printed.

        The shares of each printed letter or digit sum to 1; measured counts are smoothed by the known pairs, so that a
        misreading that was never measured is improbable but not impossible.
        """
        counts: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for printed in _ALNUM:
            counts[printed] = {read: _ANY_COUNT for read in ("", *_ALNUM) if read != printed}
        for printed, read in self.pairs:
            counts[printed][read] = counts[printed].get(read, 0.0) + _LOOK_ALIKE_COUNT
        for (printed, read), count in self.counts.items():
            counts[printed][read] = counts[printed].get(read, 0.0) + count
        return {
            (printed, read): count / sum(reads.values())
            for printed, reads in counts.items()
            for read, count in reads.items()
        }

    def to_digits(self, text: str) -> str:
        """Replace every character that looks like a digit by the digit."""
        return text.translate(self.digit_of)


def to_print_case(text: str) -> str:
    """Upper case, as values are printed; a small L among them is an I, or a 1 beside digits."""
    if "l" in text:
        text = _SMALL_L.sub(_read_small_l, text)
    if text.isascii():
        return text.upper()
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in text)


def _read_small_l(found: re.Match[str]) -> str:
    text, place = found.string, found.start()
    beside = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    return "1" if beside and all(other.isdigit() for other in beside) else "I"


def repair_words(text: str) -> str:
    """Turn digits into letters in words that are mostly letters, for values that hold no digits inside words."""
    return " ".join(_repair_word(word) for word in text.split(" "))


def repair_inner_digits(text: str) -> str:
    """Turn a single digit between letters of a word into a letter (`KUTIL4NG`); `K19`, `12A` and `BLOK4` stay."""
    words = text.split(" ")
    return " ".join(_repair_word(word) if _DIGIT_INSIDE_WORD.fullmatch(word) else word for word in words)


def _repair_word(word: str) -> str:
    letter_of = Confusions.load().letter_of
    letter_count = sum(character.isalpha() for character in word)
    digit_count = sum(character in letter_of for character in word)
    if letter_count <= digit_count:
        return word
    return "".join(letter_of.get(character, character) for character in word)
