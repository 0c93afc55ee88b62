"""Template matching: a read text against a list of texts that may be printed there.

A correction needs reasons: the read text is in no list, one entry is close in characters that recognisers confuse, and
no other entry is nearly as close. Editing a character that was read with confidence costs more than a doubtful one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ktp_postprocessing.confusions import Confusions

_SURE_CONFIDENCE = 0.9  # from here a character counts as confidently read
_CONFUSION_COST = 0.35  # of a doubtful character, or of a digit inside a word
_SURE_CONFUSION_COST = 0.7
_SUBSTITUTION_COST = 1.0
_SURE_SUBSTITUTION_COST = 2.5
_MISSING_COST = 1.0
_EXTRA_COST = 0.9
_SURE_EXTRA_COST = 2.0
_MISSING_SPACE_COST = 0.15
_EXTRA_SPACE_COST = 0.4
_PUNCTUATION_COST = 0.3
_CANDIDATE_COUNT = 4


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """How far a correction may go.

    Attributes:
        edits_per_character: cost allowed per character of the entry, on top of `base_edits`.
        base_edits: cost allowed for any entry.
        max_edits: never more than this.
        margin: by how much the runner-up must be dearer.
    """

    base_edits: float
    edits_per_character: float
    max_edits: float
    margin: float

    def allowed(self, length: int) -> float:
        """Highest cost for an entry of this length."""
        return min(self.base_edits + self.edits_per_character * length, self.max_edits)


CLOSED_LIST = MatchPolicy(base_edits=0.6, edits_per_character=0.25, max_edits=6.0, margin=0.5)
"""The printed value is certainly in the list (religion, sex, ...)."""

AREA_LIST = MatchPolicy(base_edits=0.1, edits_per_character=0.17, max_edits=4.0, margin=0.7)
"""The printed value is very probably in the list, possibly in another spelling."""

OPEN_LIST = MatchPolicy(base_edits=-0.3, edits_per_character=0.13, max_edits=3.0, margin=0.9)
"""The printed value may well be missing from the list (birth places, occupations)."""


@dataclass(frozen=True, slots=True)
class TemplateMatch:
    """An accepted entry.

    Attributes:
        value: the entry.
        cost: of the edits from the read text to it; 0 if it was read exactly.
    """

    value: str
    cost: float


def match_template(
    text: str, confidences: Sequence[float], entries: Sequence[str], policy: MatchPolicy
) -> TemplateMatch | None:
    """Find the entry that was printed, or None if the text had better be kept as read.

    Args:
        text: upper case, as read.
        confidences: one for each character; other lengths mean that nothing is known.
        entries: upper case.
        policy: how far a correction may go.
    """
    if not text or not entries:
        return None
    if text in entries:
        return TemplateMatch(text, 0.0)
    if len(confidences) != len(text):
        confidences = (0.0,) * len(text)
    near = process.extract(text, entries, scorer=Levenshtein.normalized_similarity, limit=_CANDIDATE_COUNT)
    ranked = sorted((weigh_edits(text, confidences, entry), entry) for entry, _, _ in near)
    cost, value = ranked[0]
    if cost > policy.allowed(len(value)):
        return None
    # The same letters with other gaps are no rival: KONGHUCU, KONG HU CU; BAU BAU, BAU-BAU.
    rivals = [other for other, entry in ranked[1:] if _letters(entry) != _letters(value)]
    if rivals and rivals[0] - cost < policy.margin:
        return None
    if _letters(text) == _letters(value) and text.count(" ") > value.count(" "):
        return None  # the same letters with more gaps: a spelling of its own, recognisers rather lose gaps
    return TemplateMatch(value, cost)


def weigh_edits(text: str, confidences: Sequence[float], entry: str) -> float:
    """Least cost of the edits that turn the read text into the entry.

    Args:
        text: as read.
        confidences: one for each character of it.
        entry: what may have been printed.
    """
    pairs = Confusions.load().pairs
    row = [0.0]
    for character in entry:
        row.append(row[-1] + _missing_cost(character))
    for index, character in enumerate(text):
        sure = confidences[index] >= _SURE_CONFIDENCE
        extra = _extra_cost(character, sure=sure)
        substitution = _SURE_SUBSTITUTION_COST if sure else _SUBSTITUTION_COST
        previous, row = row, [row[0] + extra]
        for column, printed in enumerate(entry, start=1):
            if character == printed:
                row.append(previous[column - 1])
                continue
            change = substitution
            if (character, printed) in pairs:
                change = _SURE_CONFUSION_COST if sure and character.isalpha() else _CONFUSION_COST
            row.append(min(previous[column - 1] + change, previous[column] + extra, row[-1] + _missing_cost(printed)))
    return row[-1]


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _missing_cost(character: str) -> float:
    if character == " ":
        return _MISSING_SPACE_COST
    return _MISSING_COST if character.isalnum() else _PUNCTUATION_COST


def _extra_cost(character: str, *, sure: bool) -> float:
    if character == " ":
        return _EXTRA_SPACE_COST
    if not character.isalnum():
        return _PUNCTUATION_COST
    return _SURE_EXTRA_COST if sure else _EXTRA_COST
