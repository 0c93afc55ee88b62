"""Names and addresses: no list holds them, so they stay as read but for what their characters can be.

Where the usual form differs in a mark or a letter from what was read (`DSN, MAWAR`, `S.H. M.KN`, `BLOK A1O`, `GO. 6`),
it is taken if the evidence leaves it nearly as likely; a form that was read clearly stays.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from ktp_postprocessing.confusions import Confusions, repair_inner_digits, repair_words, to_print_case
from ktp_postprocessing.fields import Normal
from ktp_postprocessing.lines import Span
from ktp_postprocessing.tables import read_bundled

_LETTERS = re.compile(r"[A-Za-z]+")
_TITLE_CASE = re.compile(r"[A-Z][a-z]*[a-km-z][a-z]*|drg?|drs|dra")  # `No`, `Pd`, `dr`; not `Al`, whose l may be an I
_USUAL_NATS = 4.0  # by which a usual form is likelier beforehand
_CUSTOM_NATS = 1.5  # the same where offices differ: some print no blank behind a name's comma
_IMPOSSIBLE_NATS = 12.0  # by which anything is likelier than what is never printed
_TRAILING_NAME_MARKS = " ,;:=_*'\"-"
_TRAILING_ADDRESS_MARKS = " ,;:="
_HOUSE_NUMBER = re.compile(r"\bNO ?[.:]? ?([0-9A-Z]{1,4})(?![0-9A-Z])")
_DIGIT_LIKE_LETTERS = "OI"  # no house number ends with them, lest it be misread
_STREET_WORD = re.compile(r"(?<![A-Z0-9])[A-Z0-9]*[A-Z][A-Z0-9]*(?![A-Z0-9])")
_MIN_STREET_LETTERS = 5  # of a word that may be a misread one of the list; shorter ones resemble too many
_LONG_WORD_LETTERS = 8  # from which on two letters may differ
_ADDRESS_WORD = re.compile(r"^(?=[0-9]*[A-Z])[0-9A-Z]+(?=[ .])|(?<= )(?=[0-9]*[A-Z])[0-9A-Z]{2,4}(?=[.:]? ?[0-9])")


class _Form(NamedTuple):
    """What is seldom printed, what is usual instead, and by how many nats that is likelier beforehand."""

    seldom: re.Pattern[str]
    usual: tuple[str, ...]
    nats: float = _USUAL_NATS


@lru_cache(maxsize=1)
def _list_name_forms() -> tuple[_Form, ...]:
    printed = sorted((row["printed"] for row in read_bundled("degrees")), key=len, reverse=True)
    degree = "|".join(r"\.?".join(form.replace(".", "")) for form in printed)
    initials, between = r"\b([A-Z]\.[A-Z])", rf"(?!\.?, )[.,:; ]+(?=(?:{degree})\b)"
    return (
        _Form(re.compile(r"\.\.+"), (".,", "."), _IMPOSSIBLE_NATS),
        # Commas stand between degrees, and before the first; a full stop ends those made of initials.
        _Form(re.compile(initials + between, re.IGNORECASE), (r"\1., ",)),
        _Form(re.compile(rf"(?!{initials}\b)\b({degree}){between}", re.IGNORECASE), (r"\2., ", r"\2, ")),
        _Form(re.compile(rf"(?<=[A-Z]{{3}})[.:;] ?(?=(?:{degree})(?:[., ]|$))", re.IGNORECASE), (", ",)),
        _Form(re.compile(rf"(?<=[A-Z]{{3}}),(?=(?:{degree})(?:[., ]|$))", re.IGNORECASE), (", ",), _CUSTOM_NATS),
        _Form(re.compile(r"(\.[A-Z][A-Za-z]{0,2})\.? (?=[A-Z][A-Za-z]{0,3}\.)"), (r"\1., ",)),  # S.XY M.XY
        _Form(re.compile(r", ?(DRS|IR|DR|PROF|DRA)$"), (r", \1.",)),
        # Nurses (Ns) are S.Kep.; S.Ked. are physicians.
        _Form(re.compile(r"\bS\.Ked(\.?,?) ?(?=Ns\b)", re.IGNORECASE), (r"S.Kep\1 ",), _IMPOSSIBLE_NATS),
        _Form(re.compile(r"(?<=S\.Kep)(\.?),? NS\b"), (r"\1, Ns",)),
    )


_ADDRESS_FORMS = (
    _Form(re.compile(r"\b(JL|JLN|GG|DSN|KP|LK|KAV|KOMP|BLK|NO)[,;:](?= )"), (r"\1.",)),
    _Form(re.compile(r"(?<=[A-Z0-9][0-9])O(?=[A-Z]?\b)"), ("0",)),
    _Form(re.compile(r"\b(?!NO)([A-Z]?)O(?=[0-9])"), (r"\g<1>0",)),
    _Form(re.compile(r"(?<!BLOK )(?<!BLK )\bS(?=[0-9]+[A-Z]?\b)"), ("5",)),
    _Form(re.compile(r"(?<=[0-9])[IL](?=[0-9])"), ("1",)),
    _Form(re.compile(r"\b([XV]*)IIII\b"), (r"\1III",), _IMPOSSIBLE_NATS),
)


def read_name(span: Span) -> Normal:
    """A person's name: it holds no digits, so digits in words are misread letters."""
    text = repair_words(to_free_case(span.text)).rstrip(_TRAILING_NAME_MARKS)
    return Normal(_apply_forms(span, text, _list_name_forms()), span.confidence)


def read_address(span: Span) -> Normal:
    """An address: only a digit between letters is certainly misread."""
    text = repair_inner_digits(to_free_case(span.text)).rstrip(_TRAILING_ADDRESS_MARKS)
    for words, kind in ((_ADDRESS_WORD, "abbreviation"), (_STREET_WORD, "name")):
        for match in reversed(list(words.finditer(text))):
            text = _choose(span, text, (match.span(), _list_near_words(match.group(), kind)), _USUAL_NATS)
    for match in reversed(list(_HOUSE_NUMBER.finditer(text))):
        text = _choose(span, text, (match.span(1), _list_numbers(match[1])), _USUAL_NATS)
    return Normal(_apply_forms(span, text, (_make_gap_form(), *_ADDRESS_FORMS)), span.confidence)


def _apply_forms(span: Span, text: str, forms: Iterable[_Form]) -> str:
    for form in forms:
        for match in reversed(list(form.seldom.finditer(text))):
            usual = [match.expand(replacement) for replacement in form.usual]
            text = _choose(span, text, (match.span(), usual), form.nats)
    return text


def _choose(span: Span, text: str, change: tuple[tuple[int, int], Sequence[str]], nats: float) -> str:
    """The text, or the likeliest of those with other characters in one place, which are likelier beforehand."""
    (start, end), others = change
    if not others:
        return text
    texts = [text, *(text[:start] + other + text[end:] for other in others)]
    scores = span.evidence.score([other.upper() for other in texts])
    scores[1:] += nats
    return texts[int(scores.argmax())]


@lru_cache(maxsize=1)
def _list_address_words() -> dict[str, str]:
    """Word -> its kind: an abbreviation stands first or before a number, a name anywhere."""
    return {row["printed"]: row["kind"] for row in read_bundled("address_words")}


@lru_cache(maxsize=1)
def _make_gap_form() -> _Form:
    """No word is made of an abbreviation and a street's name: a gap was lost (`JLANGGREK`)."""
    names = "|".join(word for word, kind in _list_address_words().items() if kind == "name")
    return _Form(re.compile(rf"^(JLN?|GG|KP|DSN|DUSUN)(?=(?:{names})\b)"), (r"\1 ", r"\1. "), _IMPOSSIBLE_NATS)


def _list_near_words(word: str, kind: str) -> list[str]:
    """The words of a kind that differ from a word in a letter or, if long, in two; none for one of any kind."""
    known = _list_address_words()
    if word in known or (kind == "name" and len(word) < _MIN_STREET_LETTERS):
        return []
    most = 2 if len(word) >= _LONG_WORD_LETTERS else 1
    near = (other for other, its_kind in known.items() if its_kind == kind)
    return [other for other in near if Levenshtein.distance(word, other, score_cutoff=most) <= most]


def _list_numbers(text: str) -> list[str]:
    """A house number as digits, also with a letter behind; none if it is one already."""
    if text.isdigit() or text[:-1].isdigit():
        return []
    to_digits = Confusions.load().to_digits
    numbers = [to_digits(text)]
    if text[-1] not in _DIGIT_LIKE_LETTERS:
        numbers.append(to_digits(text[:-1]) + text[-1])
    return [number for number in numbers if number[:-1].isdigit() or number.isdigit()]


def to_free_case(text: str) -> str:
    """Upper case, but for words with one capital letter in front, which degrees and `No.` are printed with."""
    upper = to_print_case(text)
    pieces = list(upper)
    for match in _LETTERS.finditer(text):
        if _TITLE_CASE.fullmatch(match.group()):
            pieces[match.start() : match.end()] = match.group()
    return "".join(pieces)
