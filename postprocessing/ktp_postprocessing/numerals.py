"""Values made of digits: dates, RT/RW, and the place with the birth date."""

import re
from dataclasses import dataclass
from datetime import date

from ktp_postprocessing.confusions import Confusions

_DIGIT = r"[0-9OoDQIiLl|!ZzASsbBGgTq?\]\[]"
_GAP = r"[\s\-–—_.,:;~=/]{0,3}"
_SEPARATION = r"[\s\-–—_.,:;~=/]{1,3}"
_DATE_AT_END = re.compile(rf"(?<![0-9])(?<![0-9]\W)({_DIGIT}{{1,2}}){_GAP}({_DIGIT}{{2}}){_GAP}({_DIGIT}{{4}})\W*$")
_DATE_INSIDE = re.compile(
    rf"(?<![0-9])(?<![0-9]\W)({_DIGIT}{{1,2}}){_SEPARATION}({_DIGIT}{{1,2}}){_SEPARATION}({_DIGIT}{{4}})(?![0-9])"
)
_DATE_REMAINS = re.compile(rf"[\s,.;:](?:{_DIGIT}{{2}}|[0-9]{{1,4}})[\s\-.,:;/].*$")  # of a date that cannot be read
MIN_DATE_DIGITS = 6
"""Of what may be a date although it cannot be read as one: `26-06-20025`."""

_MAX_DATE_DIGITS, _MAX_DATE_LETTERS = 12, 2
_MIN_REAL_DIGITS = 4  # of the eight; fewer and a word was taken for a date
_DATE = re.compile(r"(\d{2})-(\d{2})-(\d{4})")
_RT_RW = re.compile(rf"^({_DIGIT}{{1,3}})[/\\|\-.,]({_DIGIT}{{1,3}})$")
_SLASH_LIKE = frozenset("1|lI7!LiT/")
_RT_RW_LENGTHS_WITHOUT_SLASH = {7: 3, 5: 2}  # total length -> length of the RT; the slash was read as a digit


@dataclass(frozen=True, slots=True)
class DateMatch:
    """A date found in a text.

    Attributes:
        text: `DD-MM-YYYY`.
        start: index of its first character.
        end: index after its last character.
    """

    text: str
    start: int
    end: int

    @property
    def calendar_date(self) -> date | None:
        """The date, or None if the calendar does not have it."""
        return parse_date(self.text)


def parse_date(text: str) -> date | None:
    """A `DD-MM-YYYY` text as a date; None if it is none."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        return None


def find_date(text: str) -> DateMatch | None:
    """The last date in a text, its digits repaired; also with lost or misread separators."""
    candidates = [match for match in [_DATE_AT_END.search(text)] if match is not None]
    candidates += reversed(list(_DATE_INSIDE.finditer(text)))
    found = [_make_date(match) for match in candidates if sum(c.isdigit() for c in match.group()) >= _MIN_REAL_DIGITS]
    return next((item for item in found if item.calendar_date is not None), found[0] if found else None)


def looks_like_date(text: str) -> bool:
    """Whether a text is made of so many digits and so few letters that it can hardly be anything but a misread date."""
    digit_count = sum(character.isdigit() for character in text)
    letter_count = sum(character.isalpha() for character in text)
    return MIN_DATE_DIGITS <= digit_count <= _MAX_DATE_DIGITS and letter_count <= _MAX_DATE_LETTERS


def _make_date(match: re.Match[str]) -> DateMatch:
    day, month, year = (Confusions.load().to_digits(part) for part in match.groups())
    return DateMatch(f"{day:0>2}-{month:0>2}-{year}", match.start(), match.end(3))


def split_place_and_date(text: str) -> tuple[slice, DateMatch | None]:
    """Split `BANDUNG, 17-08-1990`.

    Returns:
        The place's part of the text (empty slice if there is none), and the date.
    """
    found = find_date(text)
    remains = None if found is not None else _DATE_REMAINS.search(text)
    end = found.start if found is not None else remains.start() if remains is not None else len(text)
    place = text[:end].rstrip(" ,.;:-'")
    return slice(0, len(place)), found


def parse_rt_rw(text: str) -> tuple[str, str] | None:
    """The two numbers of `001/002`, also where the slash was read as a digit (`0011002`); None if they are none."""
    compact = "".join(text.split())
    to_digits = Confusions.load().to_digits
    match = _RT_RW.match(compact)
    if match is not None and (left := to_digits(match[1])).isdigit() and (right := to_digits(match[2])).isdigit():
        return left, right
    digits = to_digits(compact)
    if not (digits.isascii() and digits.isdigit()):
        return None
    rt_length = _RT_RW_LENGTHS_WITHOUT_SLASH.get(len(compact))
    if rt_length is not None and compact[rt_length] in _SLASH_LIKE:
        return digits[:rt_length], digits[rt_length + 1 :]
    return (digits[:3], digits[3:]) if len(digits) == 6 else None
