"""When a call is tried again: only where the server, or its absence, says that it helps, never past the deadline."""

import random
import time
from dataclasses import dataclass

from ktp_server.client.failures import CallError

__all__ = ["Attempts", "RetryPolicy"]

_DOUBLING_COUNT_MAX = 60
"""Enough for any pause; more would leave the range of floats."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a caller is.

    Pauses double, and each is drawn between nothing and its length ("full jitter"), so that callers which failed
    together do not come back together. What the server advises (RetryInfo) is waited on top.

    Attributes:
        attempt_count: calls in all, the first included; 1 never tries again.
        pause_first_s: longest pause after the first failure.
        pause_max_s: longest pause after many.
    Source: AWS Architecture Blog, Exponential Backoff And Jitter, 2015.
    """

    attempt_count: int = 8
    pause_first_s: float = 0.1
    pause_max_s: float = 5.0

    def pause_s(self, failed_count: int, advised_s: float) -> float:
        """Draw a pause.

        Args:
            failed_count: failures so far, at least 1.
            advised_s: what the server advises.
        """
        doublings = min(failed_count - 1, _DOUBLING_COUNT_MAX)
        longest_s = min(self.pause_first_s * 2.0**doublings, self.pause_max_s)
        return advised_s + random.uniform(0.0, longest_s)  # noqa: S311  # jitter is no secret


class Attempts:
    """The attempts of one call, within its deadline."""

    def __init__(self, policy: RetryPolicy, timeout_s: float | None) -> None:
        """Begin the call.

        Args:
            policy: how patient to be.
            timeout_s: deadline, seconds from now; None for none.
        """
        self._policy = policy
        self._end_s = None if timeout_s is None else time.monotonic() + timeout_s
        self._failed_count = 0

    @property
    def remaining_s(self) -> float | None:
        """Time until the deadline, not below zero; None without one."""
        return None if self._end_s is None else max(self._end_s - time.monotonic(), 0.0)

    def progress(self) -> None:
        """Note that something succeeded: what fails later begins anew."""
        self._failed_count = 0

    def within_s(self, time_s: float) -> float:
        """Give a time to wait, or the time until the deadline where that is shorter."""
        return time_s if self.remaining_s is None else min(time_s, self.remaining_s)

    def pause_s(self, failure: CallError) -> float:
        """Give the time to wait before the next attempt.

        Args:
            failure: of the last one.

        Raises:
            CallError: that failure, where another attempt is of no use, one too many or too late.
        """
        self._failed_count += 1
        if failure.retry_delay_s is None or self._failed_count >= self._policy.attempt_count:
            raise failure
        pause_s = self._policy.pause_s(self._failed_count, failure.retry_delay_s)
        if self.remaining_s is not None and pause_s >= self.remaining_s:
            raise failure
        return pause_s

    def check_time(self, failure: CallError) -> None:
        """Make sure that there is time for another attempt.

        Args:
            failure: of the last one.

        Raises:
            CallError: that failure, where there is none.
        """
        if self.remaining_s == 0.0:
            raise failure
