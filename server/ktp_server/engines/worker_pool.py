"""The threads in which one engine's models run, shared by the queues of all of them."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ktp_server.engines.port import TensorBatch

__all__ = ["Execute", "WorkerPool"]

Execute = Callable[[TensorBatch], TensorBatch]
"""Runs one batch."""


class WorkerPool:
    """Threads shared by the batchers of one engine.

    A batcher takes a worker only when one is idle, so that waiting requests stay in its queue, where they still can
    find company, be cancelled or run out of time.
    """

    def __init__(self, worker_count: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=worker_count, thread_name_prefix="inference")
        self._idle_count = worker_count
        self._dispatchers: deque[Callable[[], None]] = deque()

    @property
    def idle(self) -> bool:
        """Whether a worker is free."""
        return self._idle_count > 0

    def register(self, dispatch: Callable[[], None]) -> None:
        """Add a batcher's `dispatch` to those that are called when a worker becomes free."""
        self._dispatchers.append(dispatch)

    def take(self) -> None:
        """Take an idle worker; the caller has seen that there is one, and gives it back."""
        self._idle_count -= 1

    def give_back(self) -> None:
        """Return a worker and offer it to every batcher in turn."""
        self._idle_count += 1
        asyncio.get_running_loop().call_soon(self._offer)

    async def run(self, execute: Execute, batch: TensorBatch) -> TensorBatch:
        """Run an execution in the worker that was taken."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, execute, batch)

    def _offer(self) -> None:
        # Rotating gives each model its turn when all of them have work.
        for _ in range(len(self._dispatchers)):
            if not self.idle:
                return
            self._dispatchers[0]()
            self._dispatchers.rotate(-1)

    def close(self) -> None:
        """Wait for running executions and end the threads."""
        self._threads.shutdown(wait=True)
