from dataclasses import replace

import numpy as np
import pytest

from ktp_specimen.card import draw_style, print_card
from ktp_specimen.fonts import STANDARD
from ktp_specimen.people import PersonRecipe, invent_person

WIDTH_PX = 1000


@pytest.mark.parametrize("blood_type", ["TIDAK TAHU", "AB+", "O"])
def test_a_blood_type_of_any_length_is_large_enough_to_be_read_between_sex_and_photo(blood_type: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        person = invent_person(rng, PersonRecipe())
        style = draw_style(rng, STANDARD, 0.5)
        printed = replace(person, fields={**person.fields, "golongan_darah": blood_type})
        lines = print_card(rng, printed, style, WIDTH_PX).lines
        (sex,) = (line.quad for line in lines if (line.name, line.kind) == ("jenis_kelamin", "value"))
        blood = [
            line for line in lines if line.name == "golongan_darah"
        ]  # a value close to its label is one line with it
        first, last = blood[0].quad, blood[-1].quad
        assert blood[-1].text.endswith(blood_type)
        assert last[3, 1] - last[0, 1] > 0.6 * (sex[3, 1] - sex[0, 1])
        assert sex[1, 0] < first[0, 0] < last[1, 0] < style.photo.left * WIDTH_PX
