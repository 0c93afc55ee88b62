"""Text from a CTC recogniser's log probabilities."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TextReading:
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


_NOTHING_READ = TextReading("", 0.0, (), ())


def decode_greedy(log_probability: NDArray[np.float32], alphabet: str) -> TextReading:
    """Decode the best path.

    A character's confidence is the highest probability it reaches in its frames, times the least probability, over the
    frames until the character after it, that nothing else stands there (blank, or one of the two neighbours, which
    would merge with them). So a dropped or an inserted character lowers it as a confused one does.

    Args:
        log_probability: (T, C) float32, log-softmax; the last class is the blank.
        alphabet: C - 1 characters in class order.

    Raises:
        ValueError: the alphabet does not fit C.

    Source: Graves et al. 2006, Connectionist Temporal Classification, best-path decoding.
    """
    frame_count, class_count = log_probability.shape
    if len(alphabet) != class_count - 1:
        raise ValueError(f"{class_count} classes need an alphabet of {class_count - 1} characters, not {len(alphabet)}")
    blank = class_count - 1
    best = log_probability.argmax(axis=1)
    starts = np.flatnonzero((best != blank) & (np.concatenate(([blank], best[:-1])) != best))
    if len(starts) == 0:
        return _NOTHING_READ
    classes = best[starts]
    frames = np.arange(frame_count)
    # For each frame the characters before (or at) it and after it; at the ends both are the outermost character.
    index = np.searchsorted(starts, frames, side="right") - 1
    before = classes[np.maximum(index, 0)]
    after = classes[np.minimum(index + 1, len(classes) - 1)]
    # Only these three classes matter: the exponential of all of them would cost more than everything else here.
    empty, left, right = np.exp(log_probability[frames[None], np.stack([np.full_like(before, blank), before, after])])
    harmless = np.minimum(empty + left + np.where(before == after, 0.0, right), 1.0)
    own = np.where(best == before, left, 0.0)
    peaks = np.maximum.reduceat(own, starts)
    gaps = np.minimum.reduceat(np.where(best == blank, harmless, 1.0), starts)
    gaps[0] *= harmless[: starts[0]].min(initial=1.0)
    characters = [alphabet[index] for index in classes]
    return _trim(characters, np.clip(peaks * gaps, 0.0, 1.0).tolist(), starts.tolist())


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
    return TextReading("".join(characters[first:last]), prod(kept), kept, tuple(columns[first:last]))
