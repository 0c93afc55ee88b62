"""One field's piece of a line -> its value: decoding under what the field can be, normalisation, raw confidence.

A reader returns None where what was read is no value the field can have: the field is withheld, never guessed.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ktp_postprocessing.area_path import AreaChoice
from ktp_postprocessing.confusions import Confusions, repair_words, to_print_case
from ktp_postprocessing.grammars import DateGrammar, Grammar, NikGrammar, RtRwGrammar, decode_grammar
from ktp_postprocessing.lexicon import CLOSED_LIST, SHORT_LIST, LexiconPolicy, choose_entry, strip_marks
from ktp_postprocessing.lines import Span
from ktp_postprocessing.nik import NIK_LENGTH, parse_nik, repair_nik
from ktp_postprocessing.numerals import find_date, looks_like_date, parse_rt_rw
from ktp_postprocessing.reading import Correction, FieldReading

# Electronic cards have been issued since 2009 (UU 23/2006); a holder is at least 17, or married.
BIRTH_YEARS = range(1900, 2016)
ISSUE_YEARS = range(2009, 2040)
VALIDITY_YEARS = range(2009, 2060)

_SURE_CONFIDENCE = 0.98  # a value read with it that its grammar allows is not decoded again
_MAX_GRAMMAR_GAP = 14.0  # nats from the digits as read to a value; two misread digits cost about ten
_NIK_BIRTH = slice(6, 12)
_MAX_LOST_DIGITS = 1  # of a NIK; one of two equal neighbours may be lost, more are wiped out
_AGREEMENT = 6.5  # nats for a NIK and a birth date that agree, as nearly all do; less than a sure digit
_MIN_POSTERIOR = 0.3  # of a value made of digits; below it nobody can tell which one was printed
_DOUBT_PER_NAT = 0.0117  # a factor of 0.9 for each misread character of 9 nats
_UNLISTED_CONFIDENCE = 0.7  # of a value that its closed list does not have
_MIN_UNLISTED_CONFIDENCE = 0.5  # from which such a value may be one that the list lacks
_REPAIRED_CONFIDENCE = 0.95  # of a number some characters of which were read as letters
_LISTED_DOUBT = 0.5  # a value exactly in its list: this part of the doubt remains
_COMPLETE_LISTS = (CLOSED_LIST, SHORT_LIST)


class Normal(NamedTuple):
    """A value in the making."""

    value: str
    confidence: float
    correction: Correction = Correction.NONE


def make_reading(span: Span, normal: Normal) -> FieldReading:
    """Join a value with the place and the text it was read from."""
    confidence = min(max(normal.confidence, 0.0), 1.0)
    correction = normal.correction
    if correction is Correction.NONE and normal.value != span.text:
        correction = Correction.NORMALISED
    return FieldReading(normal.value, span.text, confidence, correction, span.make_quad())


def read_listed(span: Span, entries: Sequence[str], policy: LexiconPolicy = CLOSED_LIST) -> Normal | None:
    """A value from a list: its most likely entry, or the text as read where the list may lack it."""
    choice = choose_entry(span, entries, policy)
    if choice.is_listed:
        as_read = choice.value == strip_marks(to_print_case(span.text))
        confidence = choice.posterior * math.exp(-_DOUBT_PER_NAT * choice.gap)
        if as_read and choice.posterior == 1.0:
            confidence = 1 - (1 - span.confidence) * _LISTED_DOUBT
        return Normal(choice.value, confidence, Correction.NONE if as_read else Correction.TEMPLATE)
    if policy in _COMPLETE_LISTS and span.confidence < _MIN_UNLISTED_CONFIDENCE:
        return None
    penalty = _UNLISTED_CONFIDENCE if policy in _COMPLETE_LISTS else 1.0
    return Normal(repair_words(choice.value), span.confidence * choice.posterior * penalty)


def read_only_listed(span: Span, entries: Sequence[str], policy: LexiconPolicy = CLOSED_LIST) -> Normal | None:
    """A value from a list that is complete."""
    normal = read_listed(span, entries, policy)
    return normal if normal is not None and normal.value in entries else None


def read_area(span: Span, choice: AreaChoice | None) -> Normal:
    """An area's name, decided together with the areas above and below it."""
    text = strip_marks(to_print_case(span.text))
    if choice is None or choice.value is None:
        return Normal(repair_words(text), span.confidence * _UNLISTED_CONFIDENCE)
    if choice.value == text:
        return Normal(text, 1 - (1 - span.confidence) * _LISTED_DOUBT)
    posterior = 1 / (1 + math.exp(-choice.margin))
    return Normal(choice.value, posterior * math.exp(-_DOUBT_PER_NAT * choice.cost), Correction.TEMPLATE)


def read_blood_type(span: Span, entries: Sequence[str]) -> Normal | None:
    """A blood type; a lone 0 is an O. None if it is no blood type at all."""
    text = span.text.replace(" ", "")
    if not any(character.isalnum() for character in text):
        return Normal("-", span.confidence * (1.0 if set(text) == {"-"} else _UNLISTED_CONFIDENCE))
    letters = "".join(Confusions.load().letter_of.get(character, character) for character in text)
    if letters != text and letters in entries:
        return Normal(letters, span.confidence * _REPAIRED_CONFIDENCE)
    return read_only_listed(span, entries, SHORT_LIST)


def read_nik(span: Span, provinces: tuple[str, ...], birth_digits: str) -> Normal | None:
    """The NIK's digits; letters that look like digits are repaired.

    Args:
        span: the NIK's row.
        provinces: two-digit codes.
        birth_digits: the six of the printed birth date and sex; empty if those were not read. A card may disagree with
            its own NIK, so they only count where the digits themselves are in doubt.
    """
    digits, places = repair_nik(span.text)
    if len(places) < NIK_LENGTH - _MAX_LOST_DIGITS:
        return None
    nik = parse_nik(digits)
    if nik is not None and nik.birth_dates() and _is_all_digits(span, places):
        confidence = math.prod(span.confidences[place] for place in places)
        if any(not span.text[place].isdigit() for place in places):
            confidence *= _REPAIRED_CONFIDENCE
        if confidence >= _SURE_CONFIDENCE:
            return Normal(digits, confidence)  # also with a province that nobody knows: former ones are valid
    as_read = _read_number(span, digits, NikGrammar(provinces))
    if as_read is None or not birth_digits or as_read.value[_NIK_BIRTH] == birth_digits:
        return as_read
    agreeing = as_read.value[: _NIK_BIRTH.start] + birth_digits + as_read.value[_NIK_BIRTH.stop :]
    likelier, other = (float(score) for score in span.evidence.score([as_read.value, agreeing]))
    lead = other + _AGREEMENT - likelier
    if lead < 0:
        return as_read
    return Normal(agreeing, as_read.confidence / (1 + math.exp(-lead)), Correction.CROSS_CHECK)


def settle_birth_date(span: Span, as_read: str | None, in_nik: Sequence[str]) -> Normal | None:
    """The birth date as the NIK has it, if what was read leaves room for it; None if it does not.

    Args:
        span: where the birth date stands.
        as_read: the date that was read there; None if it was withheld.
        in_nik: the dates that the NIK, read surely, can mean; a card may disagree with its own NIK, so a date that was
            read clearly stays.
    """
    if not span.text or not in_nik or as_read in in_nik:
        return None
    text = as_read or Confusions.load().to_digits(span.text)
    likelihood, *others = (float(score) for score in span.evidence.score([text, *in_nik]))
    best = max(others)
    gap = max(likelihood - best, 0.0)
    if gap > (_MAX_GRAMMAR_GAP if as_read is None else _AGREEMENT):
        return None
    posterior = 1.0 if as_read is None else 1 / (1 + math.exp(gap - _AGREEMENT))
    confidence = posterior * math.exp(-_DOUBT_PER_NAT * gap)
    return Normal(in_nik[others.index(best)], confidence, Correction.CROSS_CHECK)


def _is_all_digits(span: Span, places: Sequence[int]) -> bool:
    """Whether the digits at these places are all there is, so that no choice between more of them was made."""
    return sum(character.isalnum() for character in span.text) == len(places)


def read_date(span: Span, years: range) -> Normal | None:
    """A date as `DD-MM-YYYY`; None if there is none, or none that the calendar and the years have."""
    found = find_date(span.text)
    if found is None:
        return _read_number(span, span.text, DateGrammar(years)) if looks_like_date(span.text) else None
    return _read_number(span.cut(found.start, found.end), found.text, DateGrammar(years))


def read_validity(span: Span, entries: Sequence[str]) -> Normal | None:
    """`SEUMUR HIDUP` or a date."""
    return read_date(span, VALIDITY_YEARS) or read_only_listed(span, entries)


def read_rt_rw(span: Span) -> Normal | None:
    """`001/002`."""
    parts = parse_rt_rw(span.text)
    if parts is None:
        return _read_number(span, Confusions.load().to_digits("".join(span.text.split())), RtRwGrammar())
    value = "/".join(parts)
    if [len(part) for part in parts] != [3, 3]:
        return Normal(value, span.confidence * _UNLISTED_CONFIDENCE)
    return _read_number(span, value, RtRwGrammar())


def _read_number(span: Span, digits: str, grammar: Grammar) -> Normal | None:
    """The grammar's most likely text; None if the digits as read are far from any, or no text stands out.

    Args:
        span: the number and nothing else.
        digits: the text as read, letters that look like digits replaced.
        grammar: what it can be.
    """
    is_valid = grammar.holds(digits)
    if is_valid and span.confidence >= _SURE_CONFIDENCE:
        return Normal(digits, span.confidence * (1.0 if digits == span.text else _REPAIRED_CONFIDENCE))
    found = decode_grammar(span.evidence, grammar)
    if not found:
        return None
    best = found[0].log_likelihood
    posterior = 1 / sum(math.exp(hypothesis.log_likelihood - best) for hypothesis in found)
    gap = 0.0 if found[0].text == digits else max(float(span.evidence.score([digits])[0]) - best, 0.0)
    if gap > _MAX_GRAMMAR_GAP or posterior < _MIN_POSTERIOR:
        return None
    return Normal(found[0].text, posterior * math.exp(-_DOUBT_PER_NAT * gap))
