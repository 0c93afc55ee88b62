"""Recognised lines, and the pieces of them that layout and fields work on."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.evidence import Evidence, join_evidence
from ktp_postprocessing.frames import LineFrames, cut_frames

# A line tilted against the card by more than this is no print of the card (watermarks run across it).
_MAX_TILT_RADIANS = math.radians(10)
_LINE_DOUBT = 1 / 3  # how much of a line's doubt counts where its characters have no confidences of their own
_LEAST_SIDE = 1e-9  # in any frame; what is smaller is nothing, and dividing by it too much
_ELONGATED_RATIO = 3.0  # shorter lines say too little about their direction
_SEPARATORS = re.compile(r"[\s:;.,=*'\"-]*")


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """One line from any OCR.

    Attributes:
        text: as read.
        confidence: [0, 1], that the text is right.
        quad: (4, 2) float64, clockwise from the line's own top-left, in any frame in which the card is upright.
        character_confidences: one for each character of `text`; empty if unknown.
        frames: the recogniser's columns behind `text`, one column index for each character; None if unknown.
    """

    text: str
    confidence: float
    quad: NDArray[np.float64]
    character_confidences: tuple[float, ...] = ()
    frames: LineFrames | None = None


class Extent(NamedTuple):
    """An upright rectangle in the card's own directions (x along its lines), in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        """Horizontal middle."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """Vertical middle."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """Height."""
        return self.bottom - self.top


class LinePart(NamedTuple):
    """A line's (4, 2) quad in the lines' frame, and from which share of its length to which a piece reaches."""

    quad: NDArray[np.float64]
    left: float = 0.0
    right: float = 1.0

    def cut(self, left: float, right: float) -> "LinePart":
        """From one share of this part to another."""
        width = self.right - self.left
        return LinePart(self.quad, self.left + width * left, self.left + width * right)

    def make_quad(self) -> NDArray[np.float64]:
        """The quad cut to the part, (4, 2)."""
        left, right = self.left, self.right
        if (left, right) == (0.0, 1.0):
            return self.quad
        weights = [[1 - left, left, 0, 0], [1 - right, right, 0, 0], [0, 0, right, 1 - right], [0, 0, left, 1 - left]]
        cut: NDArray[np.float64] = np.array(weights) @ self.quad
        return cut


@dataclass(frozen=True, eq=False)
class Span:
    """A piece of text with its place.

    Attributes:
        text: without double spaces.
        confidences: one for each character.
        extent: place, in the card's own directions.
        parts: the parts of the lines it comes from.
        frames: the recogniser's columns, one piece a line; empty if those of any line are unknown.
        is_supposed: the confidences are spread over the characters, for want of their own.
    """

    text: str
    confidences: tuple[float, ...]
    extent: Extent
    parts: tuple[LinePart, ...]
    frames: tuple[LineFrames, ...] = ()
    is_supposed: bool = False

    @cached_property
    def evidence(self) -> Evidence:
        """What may stand here, by the recogniser's columns or, without any, by the text as read."""
        if self.frames:
            return join_evidence([Evidence.from_frames(piece) for piece in self.frames])
        return Evidence.from_text(self.text, self.confidences)

    @cached_property
    def confidence(self) -> float:
        """Probability that every character is right; 0 for an empty text."""
        return prod(self.confidences) if self.text else 0.0

    def cut(self, start: int, end: int) -> "Span":
        """Characters start to end, spaces at both ends removed; the place is cut by the columns, else in proportion."""
        piece = self.text[start:end]
        start += len(piece) - len(piece.lstrip())
        end = start + len(piece.strip())
        if start == 0 and end == len(self.text):
            return self
        count = max(len(self.text), 1)
        end = max(end, start)
        left, right = start / count, end / count
        if len(self.frames) == 1:
            left, right = self.frames[0].share(start), self.frames[0].share(end)
        whole = self.extent
        width = whole.right - whole.left
        extent = Extent(whole.left + width * left, whole.top, whole.left + width * right, whole.bottom)
        parts = (self.parts[0].cut(left, right),) if len(self.parts) == 1 else self.parts
        frames = cut_frames(self.frames, start, end)
        return Span(self.text[start:end], self.confidences[start:end], extent, parts, frames, self.is_supposed)

    def doubt(self, misread_share: float) -> "Span":
        """The same piece; where characters have no confidences of their own, they get this share of doubt at least.

        A line's confidence says more about the recogniser's habits than about the line, so it counts in part.
        """
        if not self.is_supposed:
            return self
        confidences = tuple(1 - max(misread_share, _LINE_DOUBT * (1 - confidence)) for confidence in self.confidences)
        return replace(self, confidences=confidences)

    def without_separators(self) -> "Span":
        """The piece after its leading colon (or what it was read as). A lone `-` is a value and is kept."""
        match = _SEPARATORS.match(self.text)
        end = match.end() if match else 0
        if end == len(self.text) and "-" in self.text:
            return self.cut(self.text.rindex("-"), end)
        return self.cut(end, len(self.text))

    def make_quad(self) -> NDArray[np.float64]:
        """One (4, 2) quad around all parts, along the widest part's direction, in the lines' frame."""
        quads = [part.make_quad() for part in self.parts]
        if len(quads) == 1:
            return quads[0]
        widest = max(quads, key=lambda quad: float(np.linalg.norm(quad[1] - quad[0])))
        direction = widest[1] - widest[0]
        angle = math.atan2(float(direction[1]), float(direction[0]))
        axes = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        turned = np.concatenate(quads) @ axes.T
        (left, top), (right, bottom) = turned.min(axis=0), turned.max(axis=0)
        quad: NDArray[np.float64] = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) @ axes
        return quad


def join_spans(spans: Sequence[Span]) -> Span:
    """Join pieces in the given order by single spaces.

    Raises:
        ValueError: there are none.
    """
    if not spans:
        raise ValueError("nothing to join")
    if len(spans) == 1:
        return spans[0]
    text = " ".join(span.text for span in spans)
    confidences = spans[0].confidences
    for span in spans[1:]:
        confidences = (*confidences, 1.0, *span.confidences)
    extent = Extent(
        left=min(span.extent.left for span in spans),
        top=min(span.extent.top for span in spans),
        right=max(span.extent.right for span in spans),
        bottom=max(span.extent.bottom for span in spans),
    )
    parts = tuple(part for span in spans for part in span.parts)
    frames = tuple(piece for span in spans for piece in span.frames) if all(span.frames for span in spans) else ()
    return Span(text, confidences, extent, parts, frames, any(span.is_supposed for span in spans))


def make_spans(lines: Sequence[TextLine]) -> list[Span]:
    """Clean the lines' texts and place them in the card's own directions.

    The card's tilt is the median of the lines' directions, weighted by length. Lines without text, without extent, with
    other than finite coordinates, and lines tilted against the others are left out.

    Raises:
        ValueError: a quad is not (4, 2).
    """
    for line in lines:
        if line.quad.shape != (4, 2):
            raise ValueError(f"a line's quad must be (4, 2), not {line.quad.shape}")
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        return []
    quads = np.stack([line.quad for line in lines]).astype(np.float64)
    steps = (quads[:, 1] + quads[:, 2] - quads[:, 0] - quads[:, 3]) / 2
    usable = np.isfinite(quads).all(axis=(1, 2)) & (steps[:, 0] > _LEAST_SIDE)
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    tilt = _find_tilt(list(zip(angles[usable].tolist(), lengths[usable].tolist(), strict=True)))
    axes = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    turned = np.where(usable[:, None, None], quads, 0.0) @ axes
    # Sides at the middle of the quads' edges.
    x, y = turned[..., 0], turned[..., 1]
    sides = np.stack([x[:, 0] + x[:, 3], y[:, 0] + y[:, 1], x[:, 1] + x[:, 2], y[:, 2] + y[:, 3]], axis=1) / 2
    extents = [Extent(*row) for row in sides.tolist()]
    spans = []
    places = zip(lines, extents, angles.tolist(), lengths.tolist(), usable.tolist(), strict=True)
    for line, extent, angle, length, is_usable in places:
        if not is_usable:
            continue
        elongated = length > _ELONGATED_RATIO * extent.height or len(line.text) > 2 * _ELONGATED_RATIO
        if extent.height > _LEAST_SIDE and not (elongated and abs(angle - tilt) > _MAX_TILT_RADIANS):
            spans.append(_make_span(line, extent))
    return [span for span in spans if span.text]


def _find_tilt(directions: Sequence[tuple[float, float]]) -> float:
    half = sum(length for _, length in directions) / 2
    for angle, length in sorted(directions):
        half -= length
        if half <= 0:
            return angle
    return 0.0


def _make_span(line: TextLine, extent: Extent) -> Span:
    confidence = min(max(line.confidence, 0.0), 1.0)
    confidences = line.character_confidences
    is_supposed = len(confidences) != len(line.text)
    if is_supposed:
        confidences = (confidence ** (1 / max(len(line.text), 1)),) * len(line.text)
    frames = line.frames if line.frames is not None and len(line.frames.columns) == len(line.text) else None
    text = line.text
    if not text.isprintable() or "  " in text:
        kept = _find_printed(text)
        text = "".join(" " if text[index].isspace() else text[index] for index in kept)
        confidences = tuple(confidences[index] for index in kept)
        frames = None if frames is None else frames.keep(kept)
    pieces = () if frames is None else (frames,)
    return Span(text, confidences, extent, (LinePart(line.quad),), pieces, is_supposed).cut(0, len(text))


def _find_printed(text: str) -> list[int]:
    """Indices of the characters that are printed; of several gaps in a row the first."""
    kept: list[int] = []
    for index, character in enumerate(text):
        is_repeated = bool(kept) and text[kept[-1]].isspace()
        if (character.isspace() and kept and not is_repeated) or (character.isprintable() and not character.isspace()):
            kept.append(index)
    return kept
