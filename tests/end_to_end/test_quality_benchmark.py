"""The image checks' benchmark draws, degrades and reads by the real models."""

from ktp_benchmarks.quality_run import SCREEN, SEVERAL, UNLIKE, observe, plan


def test_screens_several_cards_and_scenes_without_a_ktp_are_told() -> None:
    tasks = [task for task in plan(7001, 1, 2) if task.subject is not None]
    observations = [item for share in observe(tasks, 1) for item in share]
    screens = [item for item in observations if item.subject == SCREEN]
    assert [item.strength > 0.0 for item in screens] == [False, True, True] * 2
    plain, deepest = screens[0], max(screens, key=lambda item: item.strength)
    assert plain.scores["moire"] >= 0.5 > deepest.scores["moire"]
    assert plain.exact_share > 0.5
    several = [item for item in observations if item.subject == SEVERAL]
    assert any(item.scores and item.scores["single_card"] < 0.05 for item in several)
    unlike = [item for item in observations if item.subject == UNLIKE]
    assert all(item.failure or item.scores["ktp_likeness"] < 0.5 for item in unlike)
