"""Lines -> card: whatever the lines are, reading them never fails."""

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ktp_postprocessing.card import read_card
from ktp_postprocessing.ctc import decode_line
from ktp_postprocessing.frames import LineFrames
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.nik import parse_nik
from ktp_postprocessing.reading import FIELD_NAMES
from tests.unit.postprocessing.conftest import CARD_HEIGHT_PX, CardSketch

KNOWLEDGE = CardKnowledge.load()

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["NIK", "Nama", ": BUDI", "Agama", "RT/RW : 001/002", ": 3273014501900000", "PROVINSI JAWA BARAT", "-"]
    ),
)


@example([("N1", 0.0, 0.0, 1.0, 1.0), ("000", 0.0, 0.0, 4e-248, 1.0)])
@example([("0", 0.0, 0.0, 1.0, 1.0), ("00", 0.0, 0.0, 4e-248, 1.0)])
@example([("Nama", 0.0, 0.0, 1.0, 1.0), ("BUDI", 2.0, 0.0, 1.0, 1e-300)])
@given(
    st.lists(
        st.tuples(TEXTS, st.floats(0, 600), st.floats(0, CARD_HEIGHT_PX), st.floats(-5, 300), st.floats(0, 40)),
        max_size=25,
    )
)
def test_any_lines_are_read_without_failing(items: list[tuple[str, float, float, float, float]]) -> None:
    lines = [
        TextLine(text, 0.9, np.array([[x, y], [x + w, y + w / 50], [x + w, y + h], [x, y + h]]))
        for text, x, y, w, h in items
    ]
    card = read_card(lines, KNOWLEDGE)
    assert set(card.fields) <= set(FIELD_NAMES)
    for reading in card.fields.values():
        assert reading.value
        assert 0 <= reading.confidence <= 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 6))
def test_any_columns_are_read_without_failing(sketch: CardSketch, seed: int, noise: float) -> None:
    """A card whose every line is replaced by what a recogniser makes of it that is more or less out of its mind."""
    rng = np.random.default_rng(seed)
    alphabet = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.,:;'-/()"
    lines = []
    for line in sketch.lines():
        classes = [len(alphabet)]
        for character in line.text:
            classes += [alphabet.index(character), len(alphabet)]
        scores = rng.normal(0, noise, (len(classes), len(alphabet) + 1))
        scores[np.arange(len(classes)), classes] += 9.0
        log_probability = (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)
        reading = decode_line(log_probability, alphabet)
        frames = LineFrames.of_line(log_probability, alphabet, reading.character_columns)
        lines.append(TextLine(reading.text, reading.confidence, line.quad, reading.character_confidences, frames))
    card = read_card(lines, KNOWLEDGE)
    assert set(card.fields) <= set(FIELD_NAMES)
    assert all(reading.value and 0 <= reading.confidence <= 1 for reading in card.fields.values())
    if "nik" in card.fields:
        assert parse_nik(card.fields["nik"].value) is not None
