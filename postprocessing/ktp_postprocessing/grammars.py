"""What fields made of digits can be: NIK, dates, RT/RW; and the most likely such texts for given evidence."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

from ktp_postprocessing.ctc_search import Beam, keep_likeliest
from ktp_postprocessing.evidence import BLANK, Evidence, encode
from ktp_postprocessing.nik import FEMALE_DAY_OFFSET, NIK_LENGTH, parse_nik
from ktp_postprocessing.numerals import parse_date

_BEAM_WIDTH = 12
_BEAM_SHARE = 1e-5  # of the best beginning's likelihood; a beginning below it is given up
_MIN_SHARE = 2e-4  # of a character in a column, relative to the column's best; below it the beam leaves it out

_DIGITS = "0123456789"
_MONTHS = tuple(f"{month:02d}" for month in range(1, 13))
_DAYS = tuple(f"{day:02d}" for day in range(1, 32))
_NIK_DAYS = (*_DAYS, *(f"{day + FEMALE_DAY_OFFSET:02d}" for day in range(1, 32)))
_LONGEST_MONTHS_DAYS = {"02": 29, "04": 30, "06": 30, "09": 30, "11": 30}
_RT_RW_DIGIT_COUNT = 3
_RT_RW = re.compile(r"[0-9]{3}/[0-9]{3}")


class Grammar(Protocol):
    """A set of texts, told by what may follow a beginning; `characters` are all they are made of."""

    characters: ClassVar[str]

    def next_characters(self, prefix: str) -> str:
        """The characters that may follow `prefix`; none after a whole text."""
        ...

    def holds(self, text: str) -> bool:
        """Whether a text is one of the set."""
        ...


@dataclass(frozen=True)
class NikGrammar:
    """16 digits with a known province, a regency, a district, and a real birth date.

    Attributes:
        provinces: two-digit codes.
    """

    provinces: tuple[str, ...]
    characters: ClassVar[str] = _DIGITS

    def next_characters(self, prefix: str) -> str:
        """See `Grammar`."""
        place = len(prefix)
        begun = prefix[place & ~1 :]  # the first digit of a pair, or nothing
        if place < 2:
            return _continue_pair(self.provinces, begun)
        if place < 6:
            return "123456789" if begun == "0" else _DIGITS
        if place < 8:
            return _continue_pair(_NIK_DAYS, begun)
        if place < 10:
            return _continue_pair(_months_with_day(int(prefix[6:8]) % FEMALE_DAY_OFFSET), begun)
        if place == 11 and int(prefix[6:8]) % FEMALE_DAY_OFFSET == 29 and prefix[8:10] == "02":
            return "048" if int(begun) % 2 == 0 else "26"  # leap years
        return _DIGITS if place < NIK_LENGTH else ""

    def holds(self, text: str) -> bool:
        """See `Grammar`."""
        nik = parse_nik(text)
        known = nik is not None and nik.province_code in self.provinces and bool(nik.birth_dates())
        return known and text.isdigit() and "00" not in (text[2:4], text[4:6])


@dataclass(frozen=True)
class DateGrammar:
    """`DD-MM-YYYY`, a day of the calendar in one of the years."""

    years: range
    characters: ClassVar[str] = _DIGITS + "-"

    def next_characters(self, prefix: str) -> str:
        """See `Grammar`."""
        place = len(prefix)
        if place in (2, 5):
            return "-"
        if place < 2:
            return _continue_pair(_DAYS, prefix)
        if place < 5:
            return _continue_pair(_months_with_day(int(prefix[:2])), prefix[3:])
        if place >= 10:
            return ""
        begun = prefix[6:]
        digits = [digit for digit in _DIGITS if self._begins_year(begun + digit)]
        if place == 9:
            digits = [digit for digit in digits if parse_date(prefix + digit) is not None]
        return "".join(digits)

    def holds(self, text: str) -> bool:
        """See `Grammar`."""
        day = parse_date(text)
        return day is not None and day.year in self.years

    def _begins_year(self, begun: str) -> bool:
        first, last = int(begun.ljust(4, "0")), int(begun.ljust(4, "9"))
        return first < self.years.stop and last >= self.years.start


@dataclass(frozen=True)
class RtRwGrammar:
    """`001/002`."""

    characters: ClassVar[str] = _DIGITS + "/"

    def next_characters(self, prefix: str) -> str:
        """See `Grammar`."""
        place = len(prefix)
        if place == _RT_RW_DIGIT_COUNT:
            return "/"
        return _DIGITS if place < 2 * _RT_RW_DIGIT_COUNT + 1 else ""

    def holds(self, text: str) -> bool:
        """See `Grammar`."""
        return _RT_RW.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text and its log-likelihood in nats, on the scale of `Evidence.score`."""

    text: str
    log_likelihood: float


def decode_grammar(evidence: Evidence, grammar: Grammar) -> list[Hypothesis]:
    """The most likely whole texts of a grammar, best first; none if the evidence leaves no room for any.

    Source: Graves and Jaitly 2014, prefix beam search over CTC outputs, here with a grammar as the language model.
    """
    columns = evidence.probability
    of_characters = columns[:, encode(grammar.characters)].tolist()
    likely = [
        {character: share for character, share in zip(grammar.characters, row, strict=True) if share >= _MIN_SHARE}
        for row in of_characters
    ]
    beam: Beam[str] = {"": (1.0, 0.0)}
    following: dict[str, str] = {}
    for blank, characters in zip(columns[:, BLANK].tolist(), likely, strict=True):
        extended: Beam[str] = {}
        for prefix, (in_blank, in_character) in beam.items():
            stay_blank, stay_character = extended.get(prefix, (0.0, 0.0))
            repeated = characters.get(prefix[-1:], 0.0) * in_character
            extended[prefix] = (stay_blank + (in_blank + in_character) * blank, stay_character + repeated)
            if prefix not in following:
                following[prefix] = grammar.next_characters(prefix)
            allowed = following[prefix]
            for character, probability in characters.items():
                if character in allowed:
                    reached = in_blank if prefix.endswith(character) else in_blank + in_character
                    longer_blank, longer_character = extended.get(prefix + character, (0.0, 0.0))
                    extended[prefix + character] = (longer_blank, longer_character + reached * probability)
        beam = keep_likeliest(extended, _BEAM_WIDTH, _BEAM_SHARE)
    whole = [
        Hypothesis(text, math.log(likelihood))
        for text, (in_blank, in_character) in beam.items()
        if (likelihood := in_blank + in_character) > 0.0 and text and not grammar.next_characters(text)
    ]
    return sorted(whole, key=lambda hypothesis: -hypothesis.log_likelihood)


@lru_cache(maxsize=512)
def _continue_pair(pairs: tuple[str, ...], begun: str) -> str:
    return "".join(sorted({pair[len(begun)] for pair in pairs if pair.startswith(begun)}))


def _months_with_day(day: int) -> tuple[str, ...]:
    return tuple(month for month in _MONTHS if day <= _LONGEST_MONTHS_DAYS.get(month, 31))
