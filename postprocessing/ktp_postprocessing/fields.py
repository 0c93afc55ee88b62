"""One field's text -> its value: normalisation and template matching, field by field."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ktp_postprocessing.confusions import Confusions, repair_inner_digits, repair_words, to_print_case
from ktp_postprocessing.lines import Span
from ktp_postprocessing.matching import CLOSED_LIST, MatchPolicy, match_template
from ktp_postprocessing.nik import NIK_LENGTH, repair_nik
from ktp_postprocessing.numerals import find_date, parse_rt_rw, repair_date
from ktp_postprocessing.reading import Correction, FieldReading

# Electronic cards have been issued since 2009 (UU 23/2006); a holder is at least 17, or married.
BIRTH_YEARS = range(1900, 2016)
ISSUE_YEARS = range(2009, 2040)
VALIDITY_YEARS = range(2009, 2060)

_EDIT_CONFIDENCE = 0.9  # kept for each unit of edit cost of a correction
_UNLISTED_CONFIDENCE = 0.7  # of a value that its closed list does not have
_INVALID_CONFIDENCE = 0.5  # of a number whose structure is wrong
_REPAIRED_CONFIDENCE = 0.95  # of a number some characters of which were repaired
_REPAIRED_DATE_CONFIDENCE = 0.8
_LISTED_DOUBT = 0.5  # a value exactly in its list: this part of the doubt remains

_BLOOD_TYPE = re.compile(r"^(AB|A|B|O)\s?([+\-]?)$")
_BLOOD_TYPE_SHAPES = str.maketrans({"0": "O", "Q": "O", "D": "O", "C": "O", "8": "B", "4": "A", "3": "B"})
_TRAILING_MARKS = " ,;:=_*'\"-"


@dataclass(frozen=True, slots=True)
class Normal:
    """A value in the making."""

    value: str
    confidence: float
    correction: Correction


def make_reading(span: Span, normal: Normal) -> FieldReading:
    """Join a value with the place and the text it was read from."""
    confidence = min(max(normal.confidence, 0.0), 1.0)
    correction = normal.correction
    if correction is Correction.NONE and normal.value != span.text:
        correction = Correction.NORMALISED
    return FieldReading(normal.value, span.text, confidence, correction, span.make_quad())


def read_free_text(span: Span) -> Normal:
    """An address: upper case; only a digit between letters is certainly misread."""
    value = repair_inner_digits(to_print_case(span.text)).rstrip(" ,;:=")
    return Normal(value, span.confidence, Correction.NONE)


def read_name(span: Span) -> Normal:
    """A person's name: it holds no digits, so digits in words are misread letters."""
    value = repair_words(to_print_case(span.text)).rstrip(_TRAILING_MARKS)
    return Normal(value, span.confidence, Correction.NONE)


def read_listed(span: Span, entries: Sequence[str], policy: MatchPolicy = CLOSED_LIST) -> Normal:
    """A value from a list: kept if it is in it, corrected if one entry is clearly meant, else kept as read."""
    text = to_print_case(span.text).strip(_TRAILING_MARKS) or span.text
    match = match_template(text, span.confidences, entries, policy)
    if match is None:
        repaired = repair_words(text)
        penalty = _UNLISTED_CONFIDENCE if policy is CLOSED_LIST else 1.0
        if repaired != text and repaired in entries:
            return Normal(repaired, span.confidence, Correction.TEMPLATE)
        return Normal(repaired, span.confidence * penalty, Correction.NONE)
    if match.cost == 0:
        return Normal(match.value, 1 - (1 - span.confidence) * _LISTED_DOUBT, Correction.NONE)
    # A correction is as sure as it is small; the misread characters' own doubt is settled by it.
    return Normal(match.value, _EDIT_CONFIDENCE**match.cost, Correction.TEMPLATE)


def read_blood_type(span: Span, entries: Sequence[str]) -> Normal | None:
    """A blood type; a lone 0 is an O. None if it is no blood type at all."""
    text = to_print_case(span.text).strip(" .,:;='\"_")
    match = _BLOOD_TYPE.match(text.translate(_BLOOD_TYPE_SHAPES))
    if match is not None:
        return Normal(match[1] + match[2], span.confidence, Correction.NONE)
    if text in {"-", "--"}:
        return Normal("-", span.confidence, Correction.NONE)
    found = match_template(text, span.confidences, [entry for entry in entries if len(entry) > 3], CLOSED_LIST)
    return None if found is None else Normal(found.value, _EDIT_CONFIDENCE**found.cost, Correction.TEMPLATE)


def read_nik(span: Span) -> Normal:
    """The NIK's digits; letters that look like digits are repaired."""
    digits, places = repair_nik(span.text)
    confidence = 1.0
    for index in places:
        confidence *= span.confidences[index]
    if any(not span.text[index].isdigit() for index in places):
        confidence *= _REPAIRED_CONFIDENCE
    if len(digits) != NIK_LENGTH:
        return Normal(digits or span.text, confidence * _INVALID_CONFIDENCE, Correction.NONE)
    return Normal(digits, confidence, Correction.NONE)


def read_date(span: Span, years: range) -> Normal | None:
    """A date as `DD-MM-YYYY`, repaired if only one confusable digit keeps it from being plausible; None if none."""
    found = find_date(span.text)
    if found is None:
        return None
    confidence = span.cut(found.start, found.end).confidence
    repaired = repair_date(found.text, years)
    if repaired is None:
        return Normal(found.text, confidence * _INVALID_CONFIDENCE, Correction.NONE)
    # The repair settles the misread digit's doubt, but others may be wrong too.
    return Normal(repaired, confidence if repaired == found.text else _REPAIRED_DATE_CONFIDENCE, Correction.NONE)


def read_validity(span: Span, entries: Sequence[str]) -> Normal:
    """`SEUMUR HIDUP` or a date."""
    return read_date(span, VALIDITY_YEARS) or read_listed(span, entries)


def read_rt_rw(span: Span) -> tuple[Normal, tuple[str, str] | None]:
    """`001/002`, and its two parts if it has them."""
    parts = parse_rt_rw(span.text)
    if parts is None:
        compact = "".join(span.text.split())
        known_digits = Confusions.load().to_digits(compact)
        value = known_digits if any(character.isdigit() for character in compact) else compact
        return Normal(value, span.confidence * _INVALID_CONFIDENCE, Correction.NONE), None
    value = "/".join(parts)
    repaired = value != "".join(span.text.split())
    return Normal(value, span.confidence * (_REPAIRED_CONFIDENCE if repaired else 1.0), Correction.NONE), parts
