"""How the stages run: CPU work in a bounded number of threads, deadlines between stages, a clock for each."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from ktp_server.errors import ErrorReason, RecognitionError

__all__ = ["CpuWorkers", "StageClock", "Timer"]

P = ParamSpec("P")
T = TypeVar("T")

Timer = Callable[[], float]
"""Gives seconds since any fixed moment."""


class StageClock:
    """Times the stages of one request; used by one thread at a time."""

    def __init__(self, deadline_s: float | None, timer: Timer = time.perf_counter) -> None:
        """Start the clock.

        Args:
            deadline_s: moment on the monotonic clock after which no further stage starts; None for no limit.
            timer: gives seconds; the wall clock, or the process's CPU time where that is to be measured.
        """
        self.deadline_s = deadline_s
        self._timer = timer
        self._start_s = timer()
        self._timings_ms: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time one stage; a stage measured twice is summed up.

        Raises:
            RecognitionError: DEADLINE_EXCEEDED, before the stage starts.
        """
        if self.deadline_s is not None and time.monotonic() >= self.deadline_s:
            raise RecognitionError(ErrorReason.DEADLINE_EXCEEDED, f"the deadline passed before the stage {stage}")
        start_s = self._timer()
        try:
            yield
        finally:
            elapsed_ms = (self._timer() - start_s) * 1e3
            self._timings_ms[stage] = self._timings_ms.get(stage, 0.0) + elapsed_ms

    def timings_ms(self) -> dict[str, float]:
        """Give the durations by stage in the order of their start, and the time since the clock's start as `total`."""
        return {**self._timings_ms, "total": (self._timer() - self._start_s) * 1e3}


class CpuWorkers:
    """Threads for the work between the models."""

    def __init__(self, worker_count: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=worker_count, thread_name_prefix="cpu")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread; cancelling drops it unless it has started."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)
