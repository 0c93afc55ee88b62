import numpy as np
import pytest

from ktp_specimen.pose import Pose, project
from ktp_specimen.strata import FOCAL_RANGE, MOST_CUT_OFF, Shot, Stratum, draw_shot, share_outside


def shots(stratum: Stratum, count: int, training: bool = False) -> list[Shot]:
    return [draw_shot(np.random.default_rng([12, i]), stratum, training) for i in range(count)]


def test_a_card_on_the_axis_is_as_wide_as_told() -> None:
    quad = project(Pose((319.5, 239.5), 200.0, 0.0, 0.0, 0.0), (480, 640))
    assert np.ptp(quad[:, 0]) == pytest.approx(200.0)
    assert quad.mean(0) == pytest.approx([319.5, 239.5])


def test_perspective_grows_away_from_the_axis_and_with_a_wider_lens() -> None:
    """The optical axis meets the image's centre: the same tilt looks different at the edge."""
    shape = (900, 1200)

    def skew(pose: Pose) -> float:
        quad = project(pose, shape)
        left, right = np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1])
        return float(abs(np.log(left / right)))

    central, off_axis = (Pose((x, 449.5), 400.0, 0.0, 0.0, 25.0, 0.8) for x in (599.5, 950.0))
    assert project(off_axis, shape).mean(0)[0] > 800
    assert abs(np.ptp(project(off_axis, shape)[:, 0]) - np.ptp(project(central, shape)[:, 0])) > 10
    assert skew(Pose((599.5, 449.5), 400.0, 0.0, 0.0, 25.0, FOCAL_RANGE[0])) > 1.8 * skew(
        Pose((599.5, 449.5), 400.0, 0.0, 0.0, 25.0, FOCAL_RANGE[1])
    )


@pytest.mark.parametrize("stratum", [Stratum.CLEAN, Stratum.PHONE, Stratum.HARD])
def test_outside_training_cards_stay_in_the_frame(stratum: Stratum) -> None:
    for shot in shots(stratum, 80):
        (card,) = shot.cards
        assert share_outside(project(card, shot.shape), shot.shape) < 0.03
        assert not shot.degradation.glare >= 1.5


def test_all_quarter_turns_occur() -> None:
    turns = {round(shot.cards[0].rotation_degrees / 90) % 4 for shot in shots(Stratum.PHONE, 40)}
    assert turns == {0, 1, 2, 3}


def test_in_training_some_cards_are_cut_off_but_never_too_far() -> None:
    cut_off = [
        share_outside(project(shot.cards[0], shot.shape), shot.shape)
        for shot in shots(Stratum.HARD, 200, training=True)
    ]
    assert 0.03 < np.mean(np.array(cut_off) > 0.03) < 0.3
    assert max(cut_off) <= MOST_CUT_OFF


def test_copies_and_screens_are_carried_by_something() -> None:
    drawn = shots(Stratum.PHONE, 200, training=True)
    copies = [shot for shot in drawn if shot.degradation.photocopy]
    shown = [shot for shot in drawn if shot.degradation.screen]
    assert copies
    assert shown
    assert {shot.things[-1].kind for shot in copies} == {"copy_sheet"}
    assert {shot.things[-1].kind for shot in shown} == {"laptop", "phone"}


def test_a_scene_without_a_card_often_holds_something_like_one_up_to_the_camera() -> None:
    drawn = shots(Stratum.EMPTY, 100)
    assert all(not shot.cards for shot in drawn)
    held = [shot for shot in drawn if shot.things and shot.things[-1].pose.width_px > 0.4 * min(shot.shape)]
    assert len(held) > 60


def test_several_means_two_outside_training_and_up_to_four_within() -> None:
    assert {len(shot.cards) for shot in shots(Stratum.SEVERAL, 40)} == {2}
    within = shots(Stratum.SEVERAL, 80, training=True)
    assert max(len(shot.cards) for shot in within) == 4
    assert any(len(shot.cards) == 1 and shot.things for shot in within)
