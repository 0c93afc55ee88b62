"""Ladders change what they are named after, in card-frame units, and nothing else."""

from dataclasses import fields

import pytest

from ktp_benchmarks.ladders import LADDERS, Ladder, unharmed
from ktp_specimen.camera import Degradation

DRAWN = Degradation(
    blur_sigma_px=2.0,
    motion_px=5.0,
    glare=0.8,
    exposure_stops=-1.0,
    saturation=0.2,
    photocopy=0.3,
    screen=0.4,
    noise_sigma=4.0,
    warmth=0.1,
)
CHANGED = {
    "defocus": {"blur_sigma_px"},
    "motion": {"motion_px"},
    "too dark": {"exposure_stops"},
    "too bright": {"exposure_stops"},
    "glare": {"glare", "glare_radius"},
    "pale": {"saturation"},
    "photocopy": {"photocopy"},
}


def test_an_unharmed_photograph_keeps_its_noise_and_tint() -> None:
    kept = unharmed(DRAWN, 1.5)
    assert (kept.noise_sigma, kept.warmth) == (4.0, 0.1)
    assert (kept.motion_px, kept.glare, kept.exposure_stops, kept.photocopy, kept.screen) == (0.0,) * 5
    assert kept.blur_sigma_px == pytest.approx(0.9)
    assert kept.saturation == 0.7


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_a_step_changes_one_thing(ladder: Ladder) -> None:
    base = unharmed(DRAWN, 2.0)
    worse = ladder.step(base, 2.0, ladder.strengths[-1])
    changed = {field.name for field in fields(base) if getattr(base, field.name) != getattr(worse, field.name)}
    assert changed == CHANGED[ladder.name]
    assert list(ladder.strengths) == sorted(ladder.strengths)


def test_lengths_are_card_frame_pixels() -> None:
    by_name = {ladder.name: ladder for ladder in LADDERS}
    base = unharmed(DRAWN, 2.0)
    assert by_name["motion"].step(base, 2.0, 4.0).motion_px == 8.0
    assert by_name["defocus"].step(base, 2.0, 3.0).blur_sigma_px == 3.0
