"""What may be printed in a piece of a line, and how likely each text is: the likelihoods behind every decoding.

Whatever a line comes from, it becomes columns of probabilities over the characters that values are printed in (upper
case) and the CTC blank: from the recogniser's own columns, or, for lines of another OCR, from the text as read and its
confidences. Recognisers are surer than they should be, so a share of every probability goes to the characters that look
alike, to the blank (a character too many) and from the blank (a lost one).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.confusions import Confusions
from ktp_postprocessing.frames import LineFrames

_FIRST, _LAST = 32, 96  # ASCII up to the capital letters and the marks behind them
_UNKNOWN = _LAST - _FIRST  # any other character
BLANK = _UNKNOWN + 1
_CLASS_COUNT = BLANK + 1

# Columns in which the recogniser is as sure as this of the blank are taken together.
_QUIET_LOG_PROBABILITY = -2e-3
_FLOOR = 1e-6  # of any probability: no column rules a character out
_MAX_DOUBT = 0.7  # of a character of a text; it is not less likely than its look-alikes

# How often a recogniser is wrong where it seems sure; -log of each is the cost of that misreading in nats.
_MISREAD = 0.004  # a letter or digit, shared out by the confusion table
_MARK_MISREAD = 5e-3  # a mark or gap, for another one
_EXTRA, _EXTRA_MARK, _EXTRA_GAP = 1e-4, 3e-3, 1e-4  # nothing is printed there; gaps are rather lost
_LOST_MARK, _LOST_GAP = 5e-4, 1e-2  # where nothing was read

_SMALL_L = (("I", 0.5), ("1", 0.25), ("L", 0.25))  # values are in upper case, so a small L is none
_MIN_LIKELIHOOD = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Columns of a piece of a line.

    Attributes:
        probability: (T, 66) float64, in each column relative to the most probable class; see `encode` for the classes.
    """

    probability: NDArray[np.float64]

    @classmethod
    def from_frames(cls, frames: LineFrames) -> "Evidence":
        """Of a recogniser's own columns."""
        log_probability = frames.log_probability[frames.start : frames.stop]
        if len(log_probability) == 0:
            return cls.from_text("", ())
        quiet = log_probability[:, -1] > _QUIET_LOG_PROBABILITY
        starts = np.flatnonzero(~(quiet & np.concatenate(([False], quiet[:-1]))))
        merged = np.exp(np.maximum.reduceat(log_probability, starts, axis=0).astype(np.float64))
        return cls(_relate(merged @ _make_kernel(frames.alphabet) + _FLOOR))

    @classmethod
    def from_text(cls, text: str, confidences: Sequence[float]) -> "Evidence":
        """Of a text as read, with one confidence for each character."""
        columns = np.zeros((2 * len(text) + 1, _CLASS_COUNT))
        columns[::2, BLANK] = 1.0
        doubts = np.full(2 * len(text) + 1, np.mean([1 - confidence for confidence in confidences] or [0.0]))
        doubts[1::2] = [1 - confidence for confidence in confidences]
        for row, character in zip(columns[1::2], text, strict=True):
            for printed, share in _print_cases(character):
                row[encode(printed)[0]] += share
        # As many misreadings as there is doubt, shared out as everywhere.
        confused = columns @ (_make_confusion_matrix() * (1.0 - np.eye(_CLASS_COUNT)))
        share = confused.sum(axis=1)
        scale = np.minimum(np.maximum(doubts, _MISREAD) / _MISREAD, _MAX_DOUBT / share)[:, None]
        return cls(_relate(columns * (1.0 - scale * share[:, None]) + scale * confused + _FLOOR))

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How likely each text is to be printed here.

        Args:
            texts: N texts in upper case.

        Returns:
            (N,) float64 log-likelihoods in nats, up to a constant that is the same for all texts.

        Source: Graves et al. 2006, Connectionist Temporal Classification, the forward variables; all texts at once.
        """
        labels, ends = _interleave_blanks(texts)
        skips = np.zeros(labels.shape)
        skips[:, 2:] = (labels[:, 2:] != BLANK) & (labels[:, 2:] != labels[:, :-2])
        forward = np.zeros((len(texts), labels.shape[1] + 2))
        reached, one_back, two_back = forward[:, 2:], forward[:, 1:-1], forward[:, :-2]
        arriving = np.empty(labels.shape)
        first, *others = self.probability[:, labels]
        reached[:, :2] = first[:, :2]
        for emitted in others:
            np.multiply(skips, two_back, out=arriving)
            arriving += one_back
            arriving += reached
            np.multiply(arriving, emitted, out=reached)
        rows = np.arange(len(texts))
        total = forward[rows, ends + 2] + forward[rows, ends + 1]
        scores: NDArray[np.float64] = np.log(np.maximum(total, _MIN_LIKELIHOOD))
        return scores


def join_evidence(pieces: Sequence[Evidence]) -> Evidence:
    """Pieces in reading order with a gap between each two."""
    if len(pieces) == 1:
        return pieces[0]
    gap = np.full((1, _CLASS_COUNT), _FLOOR)
    gap[0, encode(" ")] = 1.0
    gap[0, BLANK] = 0.1  # a word may be broken, too
    rows = [pieces[0].probability]
    for piece in pieces[1:]:
        rows += [gap, piece.probability]
    return Evidence(np.concatenate(rows))


def encode(text: str) -> NDArray[np.intp]:
    """Classes of a text's characters, one for each."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.intp) - _FIRST
    return np.where((codes >= 0) & (codes < _UNKNOWN), codes, _UNKNOWN)


def decode(code: int) -> str:
    """The character of a class; empty for the blank and for an unknown one."""
    return chr(_FIRST + code) if code < _UNKNOWN else ""


def _interleave_blanks(texts: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Labels with blanks around each, (N, 2 L + 1), and the last place of each text."""
    longest = max((len(text) for text in texts), default=0) or 1
    lengths = np.array([len(text) for text in texts])
    codes = encode("".join(text.ljust(longest) for text in texts)).reshape(-1, longest)
    labels = np.full((len(texts), 2 * longest + 1), BLANK)
    labels[:, 1::2] = np.where(np.arange(longest) < lengths[:, None], codes, BLANK)
    return labels, 2 * lengths


def _relate(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    related: NDArray[np.float64] = columns / columns.max(axis=1, keepdims=True)
    return related


def _print_cases(character: str) -> tuple[tuple[str, float], ...]:
    """What a character as read stands for among characters in upper case, with shares."""
    if character == "l":
        return _SMALL_L
    upper = character.upper()
    return ((upper if len(upper) == 1 else character, 1.0),)


@lru_cache(maxsize=4)
def _make_kernel(alphabet: str) -> NDArray[np.float64]:
    """From a recogniser's classes to ours, softened: (C, 66)."""
    cases = np.zeros((len(alphabet) + 1, _CLASS_COUNT))
    cases[-1, BLANK] = 1.0
    for index, character in enumerate(alphabet):
        for printed, share in _print_cases(character):
            cases[index, encode(printed)[0]] += share
    kernel: NDArray[np.float64] = cases @ _make_confusion_matrix()
    return kernel


@lru_cache(maxsize=1)
def _make_confusion_matrix() -> NDArray[np.float64]:
    """(66, 66): how a class as read is shared out among what may be printed; rows sum to 1."""
    characters = [decode(code) for code in range(_UNKNOWN)]
    is_alnum = np.array([*(character.isalnum() for character in characters), True, True])  # the last two are no marks
    matrix = np.zeros((_CLASS_COUNT, _CLASS_COUNT))
    matrix[np.ix_(~is_alnum, ~is_alnum)] = _MARK_MISREAD / np.count_nonzero(~is_alnum)
    for (printed, read), share in Confusions.load().weights.items():
        matrix[encode(read)[0] if read else BLANK, encode(printed)[0]] = _MISREAD * share
    matrix[:, BLANK] = np.where(is_alnum, _EXTRA, _EXTRA_MARK)
    matrix[BLANK, ~is_alnum] = _LOST_MARK
    gap = encode(" ")[0]
    matrix[gap, BLANK], matrix[BLANK, gap] = _EXTRA_GAP, _LOST_GAP
    matrix[_UNKNOWN] = 1 / _CLASS_COUNT  # a character that no value holds tells nothing
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    return matrix
