"""Total degradation is told in known units, and takes in what a photograph had before."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ktp_benchmarks.ladders import LADDERS, Ladder, unharmed
from ktp_benchmarks.totals import BLUR, COPYING, DARKNESS, GLARE, LIGHT, PALENESS, Total
from ktp_specimen.camera import Degradation
from ktp_specimen.generate import Specimen, draw_specimen
from ktp_specimen.strata import Stratum

SEED, INDEX = 7001, 0

Change = Callable[[Degradation, float], Degradation]


def draw(change: Change = lambda conditions, _: conditions) -> Specimen:
    def photograph(drawn: Degradation, scale: float) -> Degradation:
        base = replace(unharmed(drawn, scale), blur_sigma_px=0.0, noise_sigma=0.0, jpeg_quality=90)
        return change(base, scale)

    return draw_specimen(SEED, INDEX, Stratum.CLEAN, conditions=photograph)


def lamp(radius: float) -> Change:
    return lambda conditions, _: replace(conditions, glare=1.2, glare_radius=radius)


def climb(ladder: Ladder, strength: float) -> Change:
    return lambda conditions, scale: ladder.step(conditions, scale, strength)


@pytest.fixture(scope="module")
def twin() -> Specimen:
    return draw()


def test_blurs_add_up_as_variances(twin: Specimen) -> None:
    both = draw(lambda c, scale: replace(c, blur_sigma_px=1.2 * scale, motion_px=6.0 * scale))
    sharp = BLUR.measure(twin, twin)
    assert 0.1 < sharp < 0.4  # a pixel's own
    # What noise adds is a factor, the same in all three.
    defocused = BLUR.measure(draw(lambda c, scale: replace(c, blur_sigma_px=1.2 * scale)), twin)
    ratio = (BLUR.measure(both, twin) ** 2 - sharp**2) / (defocused**2 - sharp**2)
    assert ratio == pytest.approx((1.2**2 + 0.85 * 6.0**2 / 12) / 1.2**2, rel=0.01)


def test_noise_makes_blur_and_darkness_worse(twin: Specimen) -> None:
    dark = draw(lambda c, _: replace(c, exposure_stops=-3.0))
    noisy = draw(lambda c, scale: replace(c, exposure_stops=-3.0, noise_sigma=8.0, blur_sigma_px=scale))
    assert DARKNESS.measure(dark, twin) == pytest.approx(DARKNESS.measure(twin, twin) + 3.0)
    assert DARKNESS.measure(noisy, twin) > DARKNESS.measure(dark, twin) + 2.0
    quiet = draw(lambda c, scale: replace(c, blur_sigma_px=scale))
    noisy_share, quiet_share = (
        2 ** (stops / 2) for stops in (DARKNESS.measure(noisy, twin) - 3.0, DARKNESS.measure(quiet, twin))
    )
    assert noisy_share > 1.5 * quiet_share
    assert BLUR.measure(noisy, twin) / BLUR.measure(quiet, twin) == pytest.approx((1 + noisy_share) / (1 + quiet_share))


def test_light_counts_from_where_ink_is_white(twin: Specimen) -> None:
    brighter = draw(lambda c, _: replace(c, exposure_stops=1.5))
    at_start = LIGHT.measure(twin, twin)
    assert -5.0 < at_start < -0.5
    assert LIGHT.measure(brighter, twin) == pytest.approx(at_start + 1.5)


def test_glare_is_the_share_of_the_values_that_it_covers(twin: Specimen) -> None:
    shares = [GLARE.measure(draw(lamp(radius)), twin) for radius in (0.05, 0.15, 0.5)]
    assert GLARE.measure(twin, twin) == 0.0
    assert shares == sorted(shares)
    assert shares[2] > 0.3
    assert GLARE.measure(draw(lamp(3.0)), twin) == 1.0


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_each_ladder_climbs_its_scale_from_good_on(ladder: Ladder, twin: Specimen) -> None:
    climbed = [draw(climb(ladder, strength)) for strength in (ladder.strengths[0], ladder.strengths[-1])]
    totals = [ladder.total.measure(picture, twin) for picture in (twin, *climbed)]
    assert totals == sorted(totals)
    assert ladder.total.judge(totals[0]) is True


@pytest.mark.parametrize("total", [BLUR, DARKNESS, LIGHT, GLARE, PALENESS, COPYING], ids=lambda total: total.name)
def test_either_answer_is_right_between_the_zones_ends_only(total: Total) -> None:
    assert total.good_to < total.bad_from
    assert total.judge(total.good_to) is True
    assert total.judge((total.good_to + total.bad_from) / 2) is None
    assert total.judge(total.bad_from) is False
