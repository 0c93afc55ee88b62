"""Names and addresses: no list holds them, so they stay as read but for what their characters can be."""

import re

from ktp_postprocessing.confusions import repair_inner_digits, repair_words, to_print_case
from ktp_postprocessing.fields import Normal
from ktp_postprocessing.lines import Span

_LETTERS = re.compile(r"[A-Za-z]+")
_TITLE_CASE = re.compile(r"[A-Z][a-z]*[a-km-z][a-z]*")  # `No`, `Pd`, `Kep`; not `Al`, whose l may be an I
_TRAILING_NAME_MARKS = " ,;:=_*'\"-"
_TRAILING_ADDRESS_MARKS = " ,;:="


def read_name(span: Span) -> Normal:
    """A person's name: it holds no digits, so digits in words are misread letters."""
    return Normal(repair_words(to_free_case(span.text)).rstrip(_TRAILING_NAME_MARKS), span.confidence)


def read_address(span: Span) -> Normal:
    """An address: only a digit between letters is certainly misread."""
    return Normal(repair_inner_digits(to_free_case(span.text)).rstrip(_TRAILING_ADDRESS_MARKS), span.confidence)


def to_free_case(text: str) -> str:
    """Upper case, but for words with one capital letter in front, which degrees and `No.` are printed with."""
    upper = to_print_case(text)
    pieces = list(upper)
    for match in _LETTERS.finditer(text):
        if _TITLE_CASE.fullmatch(match.group()):
            pieces[match.start() : match.end()] = match.group()
    return "".join(pieces)
