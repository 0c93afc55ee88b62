"""How long pauses are, and when there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_server.client.failures import CallError
from ktp_server.client.retry import Attempts, RetryPolicy
from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError


def failure(reason: ErrorReason, retry_delay_s: float | None = None) -> CallError:
    return CallError(RecognitionError(reason, "why", retry_delay_s=retry_delay_s), "1")


@given(st.integers(1, 5000), st.floats(0.0, 60.0))
def test_pauses_begin_with_what_is_advised_and_have_an_end(failed_count: int, advised_s: float) -> None:
    policy = RetryPolicy(pause_first_s=0.1, pause_max_s=5.0)
    longest_s = min(0.1 * 2 ** min(failed_count - 1, 20), 5.0)
    assert advised_s <= policy.pause_s(failed_count, advised_s) <= advised_s + longest_s + 1e-9


@pytest.mark.parametrize("reason", ErrorReason)
def test_only_what_passes_is_tried_again(reason: ErrorReason) -> None:
    attempts = Attempts(RetryPolicy(), 600.0)
    if ERROR_POLICIES[reason].grpc_code in {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}:
        assert attempts.pause_s(failure(reason)) >= 1.0
    else:
        with pytest.raises(CallError):
            attempts.pause_s(failure(reason))


def test_attempts_are_counted_anew_after_progress() -> None:
    attempts = Attempts(RetryPolicy(attempt_count=3), None)
    transient = failure(ErrorReason.OVERLOADED, 0.0)
    for _ in range(2):
        attempts.pause_s(transient)
        attempts.pause_s(transient)
        attempts.progress()
    attempts.pause_s(transient)
    attempts.pause_s(transient)
    with pytest.raises(CallError):
        attempts.pause_s(transient)


def test_no_pause_ends_after_the_deadline() -> None:
    attempts = Attempts(RetryPolicy(), 10.0)
    assert attempts.pause_s(failure(ErrorReason.OVERLOADED, 1.0)) < 10.0
    with pytest.raises(CallError):
        attempts.pause_s(failure(ErrorReason.OVERLOADED, 10.0))
