import json

import numpy as np

from ktp_specimen.generate import draw_specimen
from ktp_specimen.strata import Stratum
from ktp_specimen.truth import CardTruth, LineTruth, SpecimenTruth

QUAD = np.array([[0.0, 0], [10, 0], [10, 5], [0, 5]])


def test_truth_survives_its_file_form() -> None:
    truth = draw_specimen(21, 2, Stratum.HARD).truth
    assert SpecimenTruth.from_json(truth.to_json()).to_json() == truth.to_json()


def test_sets_drawn_before_lines_were_judged_still_load() -> None:
    record = json.loads(draw_specimen(21, 0, Stratum.CLEAN).truth.to_json())
    for line in record["cards"][0]["lines"]:
        del line["legible"]
    record["cards"][0]["lines"][0]["visible"] = 0.6
    record["degradation"] = {"blur_sigma_px": 1.0}
    (card,) = SpecimenTruth.from_json(json.dumps(record)).cards
    assert [line.legible for line in card.lines][:2] == [False, True]


def test_a_field_is_legible_when_all_its_lines_are() -> None:
    lines = (
        LineTruth("Tempat/Tgl Lahir", "label", "tempat_lahir", QUAD, 1.0, legible=False),
        LineTruth(": KAB. X,", "value", "tempat_lahir", QUAD, 1.0, legible=True),
        LineTruth("01-01-1990", "value", "tempat_lahir", QUAD, 1.0, legible=False),
        LineTruth(": 001/002", "value", "rt_rw", QUAD, 1.0, legible=True),
    )
    card = CardTruth(QUAD, 0, 0.0, {}, lines)
    assert not card.is_legible("tempat_lahir")
    assert not card.is_legible("tanggal_lahir")
    assert card.is_legible("rw")


def test_the_place_of_the_card_is_measured() -> None:
    numbers = draw_specimen(21, 1, Stratum.PHONE).truth.degradation
    assert numbers["focal"] > 0.6
    assert 0 <= numbers["cropped"] < 0.05
    assert numbers["blur_card_px"] > 0
    assert 0 <= numbers["tilt_degrees"] < 60
