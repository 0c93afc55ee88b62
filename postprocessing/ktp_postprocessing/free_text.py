"""Names and addresses: no list holds them, so they stay as read but for what their characters can be.

Where the usual form differs in a mark or a look-alike digit from what was read (`DSN, MAWAR`, `S.H. M.KN`, `BLOK A1O`),
it is taken if the evidence leaves it nearly as likely; a form that was read clearly stays.
"""

import re
from collections.abc import Sequence

from ktp_postprocessing.confusions import repair_inner_digits, repair_words, to_print_case
from ktp_postprocessing.fields import Normal
from ktp_postprocessing.lines import Span

_LETTERS = re.compile(r"[A-Za-z]+")
_TITLE_CASE = re.compile(r"[A-Z][a-z]*[a-km-z][a-z]*|drg?|drs|dra")  # `No`, `Pd`, `dr`; not `Al`, whose l may be an I
_USUAL_NATS = 4.0  # by which a usual form is likelier beforehand
_USUAL_IN_NAMES = (
    (re.compile(r"(\.[A-Z][A-Za-z]{0,2})\.? (?=[A-Z][A-Za-z]{0,3}\.)"), r"\1., "),  # S.H. M.KN
    (re.compile(r", ?(DRS|IR|DR|PROF|DRA)$"), r", \1."),
    (re.compile(r"(?<=[A-Z]{4})\.(?= (SE|ST|SH|S\.[A-Z]|M\.[A-Z]|A\.MD)\b)"), ","),  # NINGSIH. ST
)
_USUAL_IN_ADDRESSES = (
    (re.compile(r"\b(JL|JLN|GG|DSN|KP|LK|KAV|KOMP|BLK|NO)[,;:](?= )"), r"\1."),
    (re.compile(r"^J(?=\.? )"), "JL"),
    (re.compile(r"(?<=[A-Z0-9][0-9])O(?=[A-Z]?\b)"), "0"),
    (re.compile(r"\b(?!NO)([A-Z]?)O(?=[0-9])"), r"\g<1>0"),
    (re.compile(r"(?<!BLOK )(?<!BLK )\bS(?=[0-9]+[A-Z]?\b)"), "5"),
    (re.compile(r"(?<=[0-9])[IL](?=[0-9])"), "1"),
)
_TRAILING_NAME_MARKS = " ,;:=_*'\"-"
_TRAILING_ADDRESS_MARKS = " ,;:="


def read_name(span: Span) -> Normal:
    """A person's name: it holds no digits, so digits in words are misread letters."""
    text = repair_words(to_free_case(span.text)).rstrip(_TRAILING_NAME_MARKS)
    return Normal(_choose_usual(span, text, _USUAL_IN_NAMES), span.confidence)


def read_address(span: Span) -> Normal:
    """An address: only a digit between letters is certainly misread."""
    text = repair_inner_digits(to_free_case(span.text)).rstrip(_TRAILING_ADDRESS_MARKS)
    return Normal(_choose_usual(span, text, _USUAL_IN_ADDRESSES), span.confidence)


def _choose_usual(span: Span, text: str, forms: Sequence[tuple[re.Pattern[str], str]]) -> str:
    for pattern, usual in forms:
        other = pattern.sub(usual, text)
        if other != text:
            as_read, as_usual = (float(score) for score in span.evidence.score([text.upper(), other.upper()]))
            text = other if as_usual + _USUAL_NATS > as_read else text
    return text


def to_free_case(text: str) -> str:
    """Upper case, but for words with one capital letter in front, which degrees and `No.` are printed with."""
    upper = to_print_case(text)
    pieces = list(upper)
    for match in _LETTERS.finditer(text):
        if _TITLE_CASE.fullmatch(match.group()):
            pieces[match.start() : match.end()] = match.group()
    return "".join(pieces)
