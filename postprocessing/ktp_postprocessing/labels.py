"""Finding printed labels at the start of a line, and the blood-type label inside one.

Labels are compared by their letters only, with characters folded that recognisers confuse (0 and O; 1, I and L; ...),
so that `RT/RW`, `RTIRW`, `Kel / Desa` and `KeI/Desa:` are all found.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

BLOOD_TYPE_FIELD = "golongan_darah"
_SEPARATORS = " :;.=,-*'\""
_FOLDED = str.maketrans("0Q152846L7", "OOISZBAGIT")
_FOLDED_BYTES = bytes(range(128)).decode("ascii").upper().translate(_FOLDED).encode("ascii") + bytes(range(128, 256))
_DROPPED_BYTES = bytes(code for code in range(128) if not chr(code).isalnum())
_KEPT = frozenset(chr(code) for code in range(128) if code not in _DROPPED_BYTES)
_VALUE_MARKS = (":", ";", "=")  # a line that begins so is a value
_MIN_INNER_SIMILARITY = 80.0  # of the blood-type label inside a line, in percent
_BLOOD_TYPE_PART = re.compile("|".join("GOLDARAH"[start : start + 3].translate(_FOLDED) for start in range(6)))
_LENGTH_TOLERANCE = 2


class LabelHit(NamedTuple):
    """A label found in a text.

    Attributes:
        field: key of the label table.
        start: index of its first character.
        end: index after the label and the separators behind it.
        similarity: [0, 1].
        is_whole_line: nothing but separators stands beside it.
        printed: the label's printed form.
    """

    field: str
    start: int
    end: int
    similarity: float
    is_whole_line: bool
    printed: str


class FoldedText(NamedTuple):
    """Letters and digits of a text, folded, each with its index in the text."""

    letters: str
    indices: tuple[int, ...]


def fold(text: str) -> FoldedText:
    """Keep letters and digits, upper case, with confusable characters folded together."""
    indices = tuple(index for index, character in enumerate(text) if character in _KEPT)
    return FoldedText(fold_letters(text), indices)


def fold_letters(text: str) -> str:
    """The letters of `fold` alone."""
    return text.encode("ascii", "ignore").translate(_FOLDED_BYTES, _DROPPED_BYTES).decode("ascii")


@dataclass(frozen=True, slots=True)
class _Label:
    """A printed form of a field's label.

    Attributes:
        letters: folded.
        length: of them.
        most: edits between them and as many letters of a line beyond which the line does not begin with the label.
    """

    field: str
    printed: str
    letters: str
    length: int
    most: int


def _make_label(field: str, printed: str) -> _Label:
    letters = fold_letters(printed)
    most = _allowed_edits(len(letters), is_whole_line=True) + _LENGTH_TOLERANCE
    return _Label(field, printed, letters, len(letters), most)


class LabelMatcher:
    """Finds the labels of a label table (field -> printed forms)."""

    def __init__(self, labels: dict[str, tuple[str, ...]]) -> None:
        """Fold the table once."""
        forms = [(field, printed) for field, printed_forms in labels.items() for printed in printed_forms]
        self._labels = [_make_label(field, printed) for field, printed in forms]
        self._by_letters = {label.letters: label for label in reversed(self._labels)}
        self._blood_type_labels = [label for label in self._labels if label.field == BLOOD_TYPE_FIELD]

    def find_at_start(self, text: str) -> LabelHit | None:
        """The most similar label at the start of `text`, alone or glued to a value."""
        if text[:1] in _VALUE_MARKS:
            return None
        letters = fold_letters(text)
        whole = self._by_letters.get(letters)
        if whole is not None:  # most lines with a label are a label and nothing else
            return _make_hit(text, fold(text), whole, 1.0)
        folded: FoldedText | None = None
        best: LabelHit | None = None
        for label in self._labels:
            if Levenshtein.distance(label.letters, letters[: label.length], score_cutoff=label.most) > label.most:
                continue
            folded = fold(text) if folded is None else folded
            hit = _match_start(text, folded, label)
            if hit is not None and (best is None or (hit.similarity, hit.end) > (best.similarity, best.end)):
                best = hit
        return best

    def find_blood_type(self, text: str) -> LabelHit | None:
        """The blood-type label anywhere in `text`."""
        if not _BLOOD_TYPE_PART.search(fold_letters(text)):
            return None
        folded = fold(text)
        for known in self._blood_type_labels:
            label = known.letters
            if len(folded.letters) < len(label) - 1:
                continue
            match = fuzz.partial_ratio_alignment(label, folded.letters, score_cutoff=_MIN_INNER_SIMILARITY)
            if match is not None and match.dest_end > match.dest_start:
                start = folded.indices[match.dest_start]
                last = folded.indices[match.dest_end - 1]
                missing = len(label) - (match.dest_end - match.dest_start)
                while missing > 0 and text[last + 1 : last + 2].isalpha():  # a misread end of the label itself
                    last += 1
                    missing -= 1
                end = _skip_separators(text, last + 1)
                is_whole = start == 0 and end == len(text)
                return LabelHit(BLOOD_TYPE_FIELD, start, end, match.score / 100, is_whole, known.printed)
        return None


def _allowed_edits(length: int, *, is_whole_line: bool) -> int:
    """Edits after which a label still counts as read; short labels resemble too many words."""
    if length <= 3:
        return int(is_whole_line)
    return 1 if length <= 5 else max(2, length // 4)


def _match_start(text: str, folded: FoldedText, printed_label: _Label) -> LabelHit | None:
    best: LabelHit | None = None
    label = printed_label.letters
    count = len(folded.letters)
    for size in range(max(len(label) - _LENGTH_TOLERANCE, 1), min(len(label) + _LENGTH_TOLERANCE, count) + 1):
        allowed = _allowed_edits(len(label), is_whole_line=size == count)
        distance = Levenshtein.distance(label, folded.letters[:size], score_cutoff=allowed)
        if distance > allowed:
            continue
        similarity = 1 - distance / max(len(label), size)
        if best is not None and similarity <= best.similarity:
            continue
        last = folded.indices[size - 1]
        hit = _make_hit(text, FoldedText(label, folded.indices[:size]), printed_label, similarity)
        # Without a separator behind it a label must be exact, and in mixed case before a value in upper case.
        is_apart = hit.end > last + 1 or hit.is_whole_line
        if is_apart or (distance == 0 and text[last].islower() and not text[hit.end].islower()):
            best = hit
    return best


def _make_hit(text: str, folded: FoldedText, label: _Label, similarity: float) -> LabelHit:
    """The hit of a label that is the letters `folded` of a text."""
    end = _skip_separators(text, folded.indices[-1] + 1)
    return LabelHit(label.field, folded.indices[0], end, similarity, end == len(text), label.printed)


def _skip_separators(text: str, start: int) -> int:
    """Index of the first character from `start` on that is no separator; a final `-` after others is a value."""
    end = start
    while end < len(text) and text[end] in _SEPARATORS:
        end += 1
    if end == len(text) > start + 1 and text.endswith("-"):
        return end - 1
    return end
