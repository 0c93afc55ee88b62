"""Which characters recognisers take for each other, from the tables in `data/`."""

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

# Other shapes of digits and letters that only occur as misreadings; a card's values are in upper case.
_STRAY_DIGIT_SHAPES = {
    "o": "0",
    "i": "1",
    "l": "1",
    "|": "1",
    "!": "1",
    "]": "1",
    "[": "1",
    "z": "2",
    "s": "5",
    "?": "7",
}
_STRAY_DIGIT_SHAPES |= {"b": "6", "g": "9", "q": "9"}
_LETTER_OF_DIGIT = {
    "0": "O",
    "1": "I",
    "2": "Z",
    "4": "A",
    "5": "S",
    "6": "G",
    "7": "T",
    "8": "B",
    "9": "G",
    "|": "I",
    "!": "I",
}


_DIGIT_INSIDE_WORD = re.compile(r"(?=(?:[^A-Z]*[A-Z]){4})[A-Z]+[0-9][A-Z]+[,.]?")


@dataclass(frozen=True)
class Confusions:
    """The confusion tables.

    Attributes:
        pairs: upper-case characters that look alike, in both orders.
        digit_of: misread character -> the digit it stands for in a number.
    """

    pairs: frozenset[tuple[str, str]]
    digit_of: dict[int, str]

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "Confusions":
        """Read the bundled tables; later calls return the same object."""
        pairs: set[tuple[str, str]] = set()
        digit_of: dict[str, str] = dict(_STRAY_DIGIT_SHAPES)
        for row in _read_table("confusions"):
            for letter in row["letters"]:
                pairs |= {(row["digit"], letter), (letter, row["digit"])}
                digit_of.setdefault(letter, row["digit"])
        for row in _read_table("letter_confusions"):
            pairs |= {(row["one"], row["other"]), (row["other"], row["one"])}
        return Confusions(frozenset(pairs), {ord(letter): digit for letter, digit in digit_of.items()})

    def to_digits(self, text: str) -> str:
        """Replace every character that looks like a digit by the digit."""
        return text.translate(self.digit_of)


def to_print_case(text: str) -> str:
    """Upper case, as values are printed; a small L among them is an I, or a 1 beside digits."""
    characters = []
    for index, character in enumerate(text):
        if character == "l":
            beside = text[max(index - 1, 0) : index] + text[index + 1 : index + 2]
            characters.append("1" if beside and all(other.isdigit() for other in beside) else "I")
        else:
            upper = character.upper()
            characters.append(upper if len(upper) == 1 else character)
    return "".join(characters)


def repair_words(text: str) -> str:
    """Turn digits into letters in words that are mostly letters, for values that hold no digits inside words."""
    return " ".join(_repair_word(word) for word in text.split(" "))


def repair_inner_digits(text: str) -> str:
    """Turn a single digit between letters of a word into a letter (`KUTIL4NG`); `K19`, `12A` and `BLOK4` stay."""
    words = text.split(" ")
    return " ".join(_repair_word(word) if _DIGIT_INSIDE_WORD.fullmatch(word) else word for word in words)


def _repair_word(word: str) -> str:
    letter_count = sum(character.isalpha() for character in word)
    digit_count = sum(character in _LETTER_OF_DIGIT for character in word)
    if letter_count <= digit_count:
        return word
    return "".join(_LETTER_OF_DIGIT.get(character, character) for character in word)


def _read_table(name: str) -> list[dict[str, str]]:
    text = files("ktp_postprocessing").joinpath(f"data/{name}.csv").read_text("ascii")
    return list(csv.DictReader(text.splitlines()))
