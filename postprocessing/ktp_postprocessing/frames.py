"""A recogniser's columns, kept with the text read from them, so that a piece of a line can be decoded again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class LineFrames(NamedTuple):
    """The columns of a line, or of a piece of one; a piece shares its line's array.

    Attributes:
        log_probability: (T, C) float32, log-softmax over the line's width; the last class is the CTC blank.
        alphabet: C - 1 characters in class order.
        columns: for each character of the piece's text the first column of it, ascending.
        start: first column of the piece.
        stop: column after its last one.
    """

    log_probability: NDArray[np.float32]
    alphabet: str
    columns: tuple[int, ...]
    start: int
    stop: int

    @classmethod
    def of_line(cls, log_probability: NDArray[np.float32], alphabet: str, columns: Sequence[int]) -> "LineFrames":
        """The columns of a whole line; arguments as the attributes."""
        return cls(log_probability, alphabet, tuple(columns), 0, len(log_probability))

    def cut(self, start: int, end: int) -> "LineFrames":
        """The columns of characters start to end; a border lies halfway between two characters' columns."""
        first, last = self._find_border(start), self._find_border(end)
        return LineFrames(self.log_probability, self.alphabet, self.columns[start:end], first, last)

    def keep(self, indices: Sequence[int]) -> "LineFrames":
        """The same columns for a text of which only these characters are left."""
        kept = tuple(self.columns[index] for index in indices)
        return LineFrames(self.log_probability, self.alphabet, kept, self.start, self.stop)

    def share(self, index: int) -> float:
        """Where character `index` begins, as a share of the piece's width, [0, 1]."""
        return (self._find_border(index) - self.start) / max(self.stop - self.start, 1)

    def _find_border(self, index: int) -> int:
        if index <= 0:
            return self.start
        if index >= len(self.columns):
            return self.stop
        return (self.columns[index - 1] + self.columns[index] + 1) // 2


def cut_frames(pieces: Sequence[LineFrames], start: int, end: int) -> tuple[LineFrames, ...]:
    """The columns of characters start to end of pieces joined by single spaces."""
    kept = []
    offset = 0
    for piece in pieces:
        count = len(piece.columns)
        first, last = max(start - offset, 0), min(end - offset, count)
        if first < last:
            kept.append(piece.cut(first, last))
        offset += count + 1
    return tuple(kept)
