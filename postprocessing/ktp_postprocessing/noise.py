"""How noisy a recogniser is on a card, judged by texts that are known beforehand: labels and closed vocabularies.

A recogniser that says nothing of single characters is believed by this: where it read a hundred known letters right, a
rare name is what is printed; where it misread five of them, a name one letter off the list's is rather misread.
"""

from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

# What is supposed before anything was seen; a card has about 115 letters in labels and 40 in closed vocabularies.
_SUPPOSED_MISREAD_COUNT, _SUPPOSED_LETTER_COUNT = 0.3, 50.0


class Noise(NamedTuple):
    """Counts of known letters.

    Attributes:
        misread_count: of them read otherwise or lost, or letters too many.
        letter_count: all of them.
    """

    misread_count: float = 0.0
    letter_count: float = 0.0

    @property
    def misread_share(self) -> float:
        """Probability that a character was misread, in (0, 1)."""
        share = (self.misread_count + _SUPPOSED_MISREAD_COUNT) / (self.letter_count + _SUPPOSED_LETTER_COUNT)
        return min(share, 0.5)

    def add(self, printed: str, read: str) -> "Noise":
        """The counts with one more known text; only letters and digits are compared, in any case."""
        letters = _keep_letters(printed)
        misread_count = Levenshtein.distance(letters, _keep_letters(read))
        return Noise(self.misread_count + misread_count, self.letter_count + len(letters))


def _keep_letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
