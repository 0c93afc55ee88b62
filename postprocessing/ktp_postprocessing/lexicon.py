"""A piece of a line against a list of texts that may be printed there: the most likely entry, or the text as read.

Every entry near the text as read is scored by its likelihood under the evidence, and so is the text as read, which must
be more likely than any entry by the policy's prior where the list does not have it: a rare value that was read clearly
stays. The value's share of the summed likelihoods is its posterior.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ktp_postprocessing.confusions import to_print_case
from ktp_postprocessing.lines import Span

_SURE_CONFIDENCE = 0.98  # a listed text read with it is not decoded again
_SHORTLIST_COUNT = 8
_SHORT_COUNT = 16  # up to so many entries none is left out; of two characters, all are alike
_NATS_PER_MISREADING = 6.0  # between a look-alike's and any other letter's
_EDGE_MARKS = " ,;:=_*'\".-"


@dataclass(frozen=True, slots=True)
class LexiconPolicy:
    """How much more likely than an entry a text outside the list must be, in nats.

    Attributes:
        base: for any text.
        per_character: for each character of it.
        limit: never more than this.
        misread_share_max: share of an entry's characters that may have been read otherwise for it to be considered.
    """

    base: float
    per_character: float
    limit: float
    misread_share_max: float = 1.0

    def prior_against(self, span: Span) -> float:
        """What the text as read is held back by if it is not in the list, nats.

        The more misreadings the confidences let expect, the more of them may separate the text from what is printed.
        """
        expected = sum(1 - confidence for confidence in span.confidences)
        misreadings = _NATS_PER_MISREADING * (expected + 2 * math.sqrt(expected))
        return min(self.base + self.per_character * len(span.text) + misreadings, self.limit)


CLOSED_LIST = LexiconPolicy(base=8.0, per_character=3.0, limit=60.0, misread_share_max=0.67)
"""The printed value is certainly in the list (religion, sex, ...)."""

SHORT_LIST = LexiconPolicy(base=6.0, per_character=0.0, limit=6.5)
"""The printed value is certainly in the list, but of one or two characters: anything is near it (blood types)."""

AREA_LIST = LexiconPolicy(base=7.0, per_character=0.0, limit=30.0, misread_share_max=0.4)
"""The printed value is very probably in the list, possibly in another spelling."""

REGENCY_LIST = LexiconPolicy(base=10.0, per_character=1.0, limit=45.0, misread_share_max=0.5)
"""The printed value is a province or regency: the list holds all there are and were."""

OPEN_LIST = LexiconPolicy(base=6.5, per_character=0.0, limit=30.0, misread_share_max=0.4)
"""The printed value may well be missing from the list (birth places, occupations)."""


@dataclass(frozen=True, slots=True)
class LexiconChoice:
    """The value chosen.

    Attributes:
        value: an entry, or the text as read.
        posterior: its share of the likelihood of all texts considered, [0, 1].
        gap: by how many nats it is less likely than the text as read; 0 if it is as likely.
        is_listed: it is an entry.
    """

    value: str
    posterior: float
    gap: float
    is_listed: bool


def choose_entry(span: Span, entries: Sequence[str], policy: LexiconPolicy) -> LexiconChoice:
    """Choose what was printed.

    Args:
        span: with the text as read.
        entries: upper case.
        policy: how far a text outside the list is believed.
    """
    text = to_print_case(span.text)
    text = text if text in entries else strip_marks(text)
    is_listed = text in entries
    if not entries or (is_listed and span.confidence >= _SURE_CONFIDENCE):
        return LexiconChoice(text, 1.0, 0.0, is_listed)
    texts = [text, *(entry for entry in _shortlist(text, entries, policy.misread_share_max) if entry != text)]
    if len(texts) == 1:
        return LexiconChoice(text, 1.0, 0.0, is_listed)
    scores = span.evidence.score(texts)
    weights = scores.copy()
    if not is_listed:
        weights[0] -= policy.prior_against(span)
    best = int(weights.argmax())
    posterior = 1.0 / float(np.exp(weights - weights[best]).sum())
    return LexiconChoice(texts[best], posterior, max(float(scores[0] - scores[best]), 0.0), is_listed or best > 0)


def score_entries(span: Span, entries: Sequence[str]) -> NDArray[np.float64]:
    """Log-likelihoods of entries relative to the text as read, nats; 0 where the entry is as likely.

    Args:
        span: with the text as read.
        entries: N texts in upper case.

    Returns:
        (N,) float64, at most 0.
    """
    scores = span.evidence.score([strip_marks(to_print_case(span.text)), *entries])
    relative: NDArray[np.float64] = np.minimum(scores[1:] - scores[0], 0.0)
    return relative


def strip_marks(text: str) -> str:
    """A text without the marks at its ends that belong to no value; the text itself if it has nothing else."""
    return text.strip(_EDGE_MARKS) or text


def _shortlist(text: str, entries: Sequence[str], misread_share_max: float) -> Sequence[str]:
    """The entries most similar to the text; a short list is not cut."""
    found = process.extract(
        text,
        entries,
        scorer=Levenshtein.normalized_similarity,
        limit=_SHORTLIST_COUNT if len(entries) > _SHORT_COUNT else None,
        score_cutoff=1 - misread_share_max,
    )
    return [entry for entry, _, _ in found]
