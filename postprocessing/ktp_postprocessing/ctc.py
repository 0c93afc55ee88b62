"""Text from a CTC recogniser's log probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.ctc_search import Classes, align_text, search_text, sum_alignments


class TextReading(NamedTuple):
    """A decoded line.

    Attributes:
        text: as decoded, spaces at the ends removed.
        confidence: [0, 1], about the probability that every character is right; 0 for an empty text.
        character_confidences: one for each character of `text`; their product is `confidence`.
        character_columns: for each character of `text` the first time step of it, ascending.
    """

    text: str
    confidence: float
    character_confidences: tuple[float, ...]
    character_columns: tuple[int, ...]


_HALF = math.log(0.5)
_SURE = math.log(0.98)  # of a column's class on the best path; such columns bound a search
_LEAST = 1e-6
_DOUBTFUL = 0.5  # a character of more confidence is not searched for: nothing else there can be likelier
_NOTHING_READ = TextReading("", 0.0, (), ())


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of all lines, one after the other.

    Attributes:
        log_probability: (F, C) float32.
        offsets: (N,) first column of each line.
        lines: (F,) line of each column.
    """

    log_probability: NDArray[np.float32]
    offsets: NDArray[np.intp]
    lines: NDArray[np.intp]

    @classmethod
    def join(cls, lines: Sequence[NDArray[np.float32]]) -> "_Columns":
        """Put lines, none of them empty, one after the other."""
        lengths = np.array([len(line) for line in lines])
        return cls(np.concatenate(lines), np.cumsum(lengths) - lengths, np.repeat(np.arange(len(lines)), lengths))

    @property
    def blank(self) -> int:
        """The blank's class."""
        return int(self.log_probability.shape[1]) - 1

    def find_best(self) -> NDArray[np.intp]:
        """The likeliest class of each column, (F,)."""
        best = np.full(len(self.log_probability), self.blank)
        # Where the blank has more than half, nothing else is better.
        unsure = np.flatnonzero(self.log_probability[:, self.blank] <= _HALF)
        best[unsure] = self.log_probability[unsure].argmax(axis=1)
        return best


@dataclass(frozen=True, slots=True)
class _Path:
    """A path through the columns, and the K characters it reads.

    Attributes:
        classes: (F,) class of each column.
        starts: (K,) first column of each character, ascending.
        bounds: (N + 1,) first character of each line, and K.
    """

    classes: NDArray[np.intp]
    starts: NDArray[np.intp]
    bounds: NDArray[np.intp]

    @classmethod
    def of(cls, columns: _Columns, classes: NDArray[np.intp]) -> "_Path":
        """Find the characters of a path."""
        previous = np.concatenate(([columns.blank], classes[:-1]))
        previous[columns.offsets] = columns.blank
        starts = np.flatnonzero((classes != columns.blank) & (previous != classes))
        return cls(classes, starts, np.searchsorted(starts, np.append(columns.offsets, len(classes))))


class _Found(NamedTuple):
    """A text that a search found in columns first to last, and its likelihood there."""

    first: int
    last: int
    likelihood: float


def decode_line(log_probability: NDArray[np.float32], alphabet: str) -> TextReading:
    """Decode one line; see `decode_lines`."""
    return decode_lines([log_probability], alphabet)[0]


def decode_lines(log_probabilities: Sequence[NDArray[np.float32]], alphabet: str) -> list[TextReading]:
    """Decode lines; all at once, which is ten times as fast as one by one.

    Each line's best path is read; around its doubtful characters the text is searched whose likelihood, summed over all
    alignments, is the highest.

    A character's confidence is the highest probability it reaches in its frames, times the least probability, over the
    frames until the character after it, that nothing else stands there (blank, or one of the two neighbours, which
    would merge with them). So a dropped or an inserted character lowers it as a confused one does. Where the search
    found another text than the best path's, its characters share that text's likelihood.

    Args:
        log_probabilities: N lines, each (T, C) float32, log-softmax; the last class is the blank.
        alphabet: C - 1 characters in class order.

    Raises:
        ValueError: the alphabet does not fit C.

    Source: Graves et al. 2006, Connectionist Temporal Classification, best-path decoding.
    """
    readings = [_NOTHING_READ] * len(log_probabilities)
    filled = [index for index, line in enumerate(log_probabilities) if len(line)]
    if not filled:
        return readings
    columns = _Columns.join([log_probabilities[index] for index in filled])
    if len(alphabet) != columns.blank:
        classes = columns.blank + 1
        raise ValueError(f"{classes} classes need an alphabet of {columns.blank} characters, not {len(alphabet)}")
    path = _Path.of(columns, columns.find_best())
    if len(path.starts) == 0:
        return readings
    path, confidences = _search(columns, path, _rate_characters(columns, path))
    characters = [alphabet[index] for index in path.classes[path.starts].tolist()]
    places = (path.starts - columns.offsets[columns.lines[path.starts]]).tolist()
    for place, index in enumerate(filled):
        kept = slice(int(path.bounds[place]), int(path.bounds[place + 1]))
        readings[index] = _trim(characters[kept], confidences[kept], places[kept])
    return readings


def _search(columns: _Columns, path: _Path, confidences: NDArray[np.float64]) -> tuple[_Path, list[float]]:
    """The path with its doubtful stretches searched, and its characters' confidences."""
    classes = path.classes.copy()
    found: list[_Found] = []
    for first, last in _find_doubtful_stretches(columns, path, confidences):
        probability = np.exp(columns.log_probability[first:last].astype(np.float64))
        as_read, text = _collapse(classes[first:last], columns.blank), search_text(probability)
        if text == as_read:
            continue
        likelihood = sum_alignments(probability, text)
        if likelihood > sum_alignments(probability, as_read):
            classes[first:last] = align_text(probability, text)
            found.append(_Found(first, last, likelihood))
    if not found:
        return path, confidences.tolist()
    searched = _Path.of(columns, classes)
    confidences = _rate_characters(columns, searched)
    for stretch in found:
        inside = slice(*np.searchsorted(searched.starts, [stretch.first, stretch.last]).tolist())
        confidences[inside] = _share_out(stretch.likelihood, confidences[inside])
    return searched, confidences.tolist()


def _share_out(likelihood: float, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Confidences whose product is the likelihood, lower where they were lower before."""
    doubts = -np.log(np.clip(confidences, _LEAST, 1.0 - _LEAST))
    shared: NDArray[np.float64] = likelihood ** (doubts / doubts.sum())
    return shared


def _find_doubtful_stretches(columns: _Columns, path: _Path, confidences: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Ranges of columns, each within a line, around doubtful characters and as far as the next sure column."""
    starts, lines = path.starts, columns.lines[path.starts]
    line_ends = np.append(columns.offsets[1:], len(path.classes))
    chosen = columns.log_probability[np.arange(len(path.classes)), path.classes]
    gaps = np.maximum.reduceat(np.where(path.classes == columns.blank, chosen, -np.inf), starts)
    is_twice = (path.classes[starts[1:]] == path.classes[starts[:-1]]) & (lines[1:] == lines[:-1])
    doubtful = np.flatnonzero((confidences < _DOUBTFUL) | (np.append(is_twice, False) & (gaps < _SURE)))
    if len(doubtful) == 0:
        return []
    is_sure = chosen >= _SURE
    is_sure[columns.offsets] = is_sure[line_ends - 1] = True
    sure = np.flatnonzero(is_sure)
    ends = np.minimum(np.append(starts[1:], len(path.classes)), line_ends[lines] - 1)
    before = sure[np.searchsorted(sure, starts[doubtful], side="right") - 1]
    after = sure[np.searchsorted(sure, ends[doubtful])]
    stretches: list[tuple[int, int]] = []
    for first, last in zip(before.tolist(), (after + 1).tolist(), strict=True):
        if stretches and first < stretches[-1][1]:
            begun, ended = stretches.pop()
            stretches.append((begun, max(last, ended)))
        else:
            stretches.append((first, last))
    return stretches


def _collapse(classes: NDArray[np.intp], blank: int) -> Classes:
    """The text of a path."""
    is_start = (classes != blank) & (np.append(blank, classes[:-1]) != classes)
    return tuple(classes[is_start].tolist())


def _rate_characters(columns: _Columns, path: _Path) -> NDArray[np.float64]:
    """Confidence of each of a path's characters, (K,)."""
    stacked, best, starts, bounds = columns.log_probability, path.classes, path.starts, path.bounds
    line_of_frame, offsets, blank = columns.lines, columns.offsets, columns.blank
    frames = np.arange(len(stacked))
    classes = best[starts]
    # For each frame the characters of its line before (or at) it and after it; at the ends both are the outermost.
    index = np.repeat(np.arange(-1, len(starts)), np.diff(starts, prepend=0, append=len(stacked)))
    # A line without any borrows some; nobody asks for its confidences.
    first = bounds[line_of_frame]
    low = np.minimum(first, len(starts) - 1)
    high = np.maximum(bounds[line_of_frame + 1] - 1, low)
    before, after = classes[np.clip(index, low, high)], classes[np.clip(index + 1, low, high)]
    # Only these three classes matter: the exponential of all of them would cost more than everything else here.
    empty, left, right = np.exp(stacked[frames[None], np.stack([np.full_like(before, blank), before, after])])
    harmless = np.minimum(empty + left + np.where(before == after, 0.0, right), 1.0)
    is_leading = index < first
    peaks = np.maximum.reduceat(np.where(best == before, left, 0.0), starts)
    gaps = np.minimum.reduceat(np.where((best == blank) & ~is_leading, harmless, 1.0), starts)
    leading = np.minimum.reduceat(np.where(is_leading, harmless, 1.0), offsets)
    has_characters = bounds[1:] > bounds[:-1]
    gaps[bounds[:-1][has_characters]] *= leading[has_characters]
    confidences: NDArray[np.float64] = np.clip(peaks * gaps, 0.0, 1.0).astype(np.float64)
    return confidences


def _trim(characters: list[str], confidences: list[float], columns: list[int]) -> TextReading:
    """Cut spaces off both ends and sum up."""
    first, last = 0, len(characters)
    while first < last and characters[first] == " ":
        first += 1
    while last > first and characters[last - 1] == " ":
        last -= 1
    if first == last:
        return _NOTHING_READ
    kept = tuple(confidences[first:last])
    return TextReading("".join(characters[first:last]), math.prod(kept), kept, tuple(columns[first:last]))
