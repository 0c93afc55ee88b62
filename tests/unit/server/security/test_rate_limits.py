"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from ktp_server.security.rate_limits import RateLimits


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_of_one_second_passes_and_then_the_rate_holds() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    assert [limits.spend("a", 3.0) for _ in range(3)] == [0.0] * 3
    assert limits.spend("a", 3.0) == 1 / 3
    clock.now_s += 1 / 3 + 1e-9
    assert limits.spend("a", 3.0) == 0.0
    assert limits.spend("a", 3.0) > 0.3


def test_keys_do_not_share() -> None:
    limits = RateLimits(Clock())
    assert limits.spend("a", 1.0) == 0.0
    assert limits.spend("a", 1.0) == 1.0
    assert limits.spend("b", 1.0) == 0.0


def test_a_changed_rate_holds_at_once() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.spend("a", 0.5)
    assert limits.spend("a", 0.5) == 2.0
    assert limits.spend("a", 4.0) == 0.25
    clock.now_s += 60.0
    assert [limits.spend("a", 4.0) for _ in range(5)] == [0.0] * 4 + [0.25]


@given(st.floats(0.05, 1000.0), st.lists(st.floats(0.0, 5.0), min_size=1, max_size=60))
def test_never_more_than_the_rate_and_one_burst(rate_per_s: float, pauses_s: list[float]) -> None:
    clock = Clock()
    limits = RateLimits(clock)
    taken = 0
    for pause_s in pauses_s:
        clock.now_s += pause_s
        taken += limits.spend("a", rate_per_s) == 0.0
    assert taken <= max(1.0, rate_per_s) + sum(pauses_s) * rate_per_s + 1e-6


@given(st.floats(0.05, 1000.0), st.integers(1, 50))
def test_who_waits_as_told_gets_in(rate_per_s: float, count: int) -> None:
    clock = Clock()
    limits = RateLimits(clock)
    for _ in range(count):
        delay_s = limits.spend("a", rate_per_s)
        assert delay_s <= 1 / rate_per_s + 1e-6
        if delay_s:
            clock.now_s += delay_s
            assert limits.spend("a", rate_per_s) == 0.0
