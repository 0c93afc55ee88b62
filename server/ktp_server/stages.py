"""How the stages run: CPU work in a bounded number of threads, deadlines between stages, a clock for each."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.observability.observer import CPU_QUEUE, Observer, SilentObserver
from ktp_server.observability.record import StageSpan

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
        self._spans: list[StageSpan] = []

    @property
    def spans(self) -> Sequence[StageSpan]:
        """The stages that have run; the list grows while others do."""
        return self._spans

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
            self._spans.append(StageSpan(stage, start_s, self._timer() - start_s))

    def timings_ms(self) -> dict[str, float]:
        """Give the durations by stage in the order of their start, and the time since the clock's start as `total`."""
        timings_ms: dict[str, float] = {}
        for span in self._spans:
            timings_ms[span.stage] = timings_ms.get(span.stage, 0.0) + span.duration_s * 1e3
        return {**timings_ms, "total": (self._timer() - self._start_s) * 1e3}


class CpuWorkers:
    """Threads for the work between the models."""

    def __init__(self, worker_count: int, observer: Observer | None = None) -> None:
        """Start no thread yet.

        Args:
            worker_count: threads.
            observer: is told how long work waits for a thread.
        """
        self._observer = observer or SilentObserver()
        self._threads = ThreadPoolExecutor(max_workers=worker_count, thread_name_prefix="cpu")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread; cancelling drops it unless it has started."""
        submitted_s = time.perf_counter()

        def work() -> tuple[T, float]:
            waited_s = time.perf_counter() - submitted_s
            return function(*args, **kwargs), waited_s

        result, waited_s = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._observer.queue_left(CPU_QUEUE, waited_s)
        return result

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)
