"""Fragments: short lines that text detection cut out of a longer one, and specks that it took for text."""

from collections.abc import Sequence

from ktp_postprocessing.lines import Span

_MAX_CHARACTERS = 2  # of a fragment, colons and other marks not counted
_MAX_COVERED_SHARE = 0.5  # of a short text's width; less, where it is less sure than that
_WHOLE_CONFIDENCE = 0.9  # from which a text is whole, whatever covers it
_SURE_CONFIDENCE = 0.8  # below it a short text far from any other is a speck
_MAX_GAP_HEIGHTS = 1.5  # between the words of a value; three blanks


def drop_fragments(spans: Sequence[Span]) -> list[Span]:
    """Leave out doubtful short lines that a longer one in their row covers: they have been read with that one."""
    short = {id(span) for span in spans if _is_short(span) and span.confidence < _WHOLE_CONFIDENCE}
    return [span for span in spans if id(span) not in short or not _is_covered(span, spans)]


def drop_specks(parts: Sequence[Span]) -> list[Span]:
    """Leave out doubtful short texts that stand apart from whatever else is in a row; alone in it they are kept.

    Args:
        parts: of one row.
    """
    anchors = [part for part in parts if not _is_short(part) or part.confidence >= _SURE_CONFIDENCE]
    if not anchors:
        return list(parts)
    return [part for part in parts if part in anchors or min(_gap(part, other) for other in anchors) <= 0]


def _is_short(span: Span) -> bool:
    return sum(character.isalnum() for character in span.text) <= _MAX_CHARACTERS


def _is_covered(short: Span, spans: Sequence[Span]) -> bool:
    return max(_covered_share(short, span) for span in spans) > min(_MAX_COVERED_SHARE, short.confidence)


def _covered_share(short: Span, long: Span) -> float:
    """Share of a short line's width that a longer one in its row covers, at most 1."""
    inner, outer = short.extent, long.extent
    width = inner.right - inner.left
    if outer.right - outer.left <= width or not outer.top < inner.y < outer.bottom:
        return 0.0
    return (min(inner.right, outer.right) - max(inner.left, outer.left)) / width


def _gap(part: Span, other: Span) -> float:
    """How much farther than a gap between words the two stand apart, in pixels."""
    apart = max(part.extent.left - other.extent.right, other.extent.left - part.extent.right)
    return apart - _MAX_GAP_HEIGHTS * other.extent.height
