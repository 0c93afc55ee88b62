"""Text from a CTC recogniser's log probabilities."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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
_NOTHING_READ = TextReading("", 0.0, (), ())


def decode_greedy(log_probability: NDArray[np.float32], alphabet: str) -> TextReading:
    """Decode the best path of one line; see `decode_greedy_lines`."""
    return decode_greedy_lines([log_probability], alphabet)[0]


def decode_greedy_lines(log_probabilities: Sequence[NDArray[np.float32]], alphabet: str) -> list[TextReading]:
    """Decode the best path of each line; all lines at once, which is ten times as fast as one by one.

    A character's confidence is the highest probability it reaches in its frames, times the least probability, over the
    frames until the character after it, that nothing else stands there (blank, or one of the two neighbours, which
    would merge with them). So a dropped or an inserted character lowers it as a confused one does.

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
    stacked = np.concatenate([log_probabilities[index] for index in filled])
    blank = stacked.shape[1] - 1
    if len(alphabet) != blank:
        raise ValueError(f"{blank + 1} classes need an alphabet of {blank} characters, not {len(alphabet)}")
    lengths = np.array([len(log_probabilities[index]) for index in filled])
    offsets = np.cumsum(lengths) - lengths
    line_of_frame = np.repeat(np.arange(len(filled)), lengths)
    best = np.full(len(stacked), blank)
    unsure = np.flatnonzero(stacked[:, blank] <= _HALF)  # where the blank has more than half, nothing else is better
    best[unsure] = stacked[unsure].argmax(axis=1)
    previous = np.concatenate(([blank], best[:-1]))
    previous[offsets] = blank
    starts = np.flatnonzero((best != blank) & (previous != best))
    if len(starts) == 0:
        return readings
    bounds = np.searchsorted(starts, np.append(offsets, len(stacked)))  # of each line's characters
    confidences = _rate_characters(stacked, best, starts, (bounds, line_of_frame, offsets))
    characters = [alphabet[index] for index in best[starts].tolist()]
    columns = (starts - offsets[line_of_frame[starts]]).tolist()
    for place, index in enumerate(filled):
        kept = slice(int(bounds[place]), int(bounds[place + 1]))
        readings[index] = _trim(characters[kept], confidences[kept], columns[kept])
    return readings


def _rate_characters(
    stacked: NDArray[np.float32],
    best: NDArray[np.intp],
    starts: NDArray[np.intp],
    lines: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]],
) -> list[float]:
    """Confidence of each character: (K,) for the K frames in `starts`, of all lines' frames `stacked`."""
    bounds, line_of_frame, offsets = lines
    blank = stacked.shape[1] - 1
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
    confidences: list[float] = np.clip(peaks * gaps, 0.0, 1.0).tolist()
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
