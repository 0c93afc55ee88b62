"""Spans: cutting, joining, cleaning, and the card's own directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.lines import TextLine, join_spans, make_spans

QUAD = np.array([[10.0, 10], [110, 10], [110, 22], [10, 22]])


def test_a_cut_takes_text_confidence_and_place_along() -> None:
    (span,) = make_spans([TextLine("AB CD EFGH", 0.5, QUAD, tuple(index / 10 for index in range(10)))])
    piece = span.cut(2, 6)
    assert piece.text == "CD"
    assert piece.confidences == (0.3, 0.4)
    np.testing.assert_allclose(piece.make_quad(), [[40, 10], [60, 10], [60, 22], [40, 22]])


def test_joined_spans_have_one_quad_around_both() -> None:
    first, second = make_spans([TextLine("SITI", 0.9, QUAD), TextLine("AMINAH", 0.8, QUAD + np.array([120.0, 3]))])
    joined = join_spans([first, second])
    assert joined.text == "SITI AMINAH"
    assert joined.confidence == pytest.approx(0.72)
    np.testing.assert_allclose(joined.make_quad(), [[10, 10], [230, 10], [230, 25], [10, 25]])


def test_joining_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        join_spans([])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (": BUDI", "BUDI"),
        (":BUDI", "BUDI"),
        (".BUDI", "BUDI"),
        (": -", "-"),
        ("-", "-"),
        (":", ""),
        ("BUDI", "BUDI"),
        (": : A", "A"),
    ],
)
def test_leading_colons_are_cut_off(text: str, value: str) -> None:
    (span,) = make_spans([TextLine(text, 0.9, QUAD)])
    assert span.without_separators().text == value


def test_blank_broken_and_upside_down_lines_are_left_out() -> None:
    lines = [
        TextLine("  ", 0.9, QUAD),
        TextLine("NAN", 0.9, QUAD * np.nan),
        TextLine("FLIPPED", 0.9, QUAD[[2, 3, 0, 1]]),
        TextLine("FLAT", 0.9, QUAD * np.array([1.0, 0])),
    ]
    assert make_spans(lines) == []


@given(st.text(max_size=20), st.floats(0, 1))
def test_spans_are_clean_and_keep_one_confidence_for_each_character(text: str, confidence: float) -> None:
    for span in make_spans([TextLine(text, confidence, QUAD)]):
        assert span.text == span.text.strip()
        assert "  " not in span.text
        assert len(span.text) == len(span.confidences) > 0
