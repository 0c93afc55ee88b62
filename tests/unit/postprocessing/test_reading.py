"""What tells a KTP from another card with names and addresses on it."""

import numpy as np

from ktp_postprocessing.card import read_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from tests.unit.postprocessing.conftest import CardSketch

KNOWLEDGE = CardKnowledge.load()


def test_a_ktp_proves_itself_many_times(sketch: CardSketch) -> None:
    assert read_card(sketch.lines(), KNOWLEDGE).proof_count >= 10


def test_a_students_card_proves_nothing() -> None:
    texts = (
        "KARTU PELAJAR",
        "UNIVERSITAS LOMBOK",
        "Nama : LUSIANA CAHYADI",
        "No. Induk : 68599900",
        "Alamat : JL. MELATI 3",
    )
    lines = []
    for row, text in enumerate(texts):
        left, top, right, bottom = 40.0, 60.0 + 40 * row, 40.0 + 12 * len(text), 80.0 + 40 * row
        lines.append(TextLine(text, 0.99, np.array([[left, top], [right, top], [right, bottom], [left, bottom]])))
    card = read_card(lines, KNOWLEDGE)
    assert card.fields["nama"].value == "LUSIANA CAHYADI"
    assert card.proof_count == 0
