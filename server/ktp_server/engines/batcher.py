"""Dynamic batching: concurrent requests of equal shape share one execution.

The rules are Triton's dynamic batcher's, so that the embedded engine behaves like the server it stands for:

- requests of one shape are taken in the order of arrival, the urgent ones first, whole, and never beyond
  `max_batch_size` items;
- as soon as the first requests add up to a preferred size, the longest such run of them goes;
- otherwise they wait for company until `max_queue_delay`, or until the batch is full;
- whoever has waited for `default_timeout`, or beyond its own deadline, is refused.

Everything here runs on the event loop; only the execution itself happens in a worker thread. So nothing needs a lock,
and each answer is cut from the batch at the very offsets at which its request was put in.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ktp_server.engines.port import FailureKind, InferenceError, Priority, Tensor, TensorBatch, current_priority
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.worker_pool import Execute, WorkerPool
from ktp_server.observability.observer import Observer, SilentObserver

__all__ = ["BatchStatistics", "DynamicBatcher"]

ShapeKey = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(slots=True)
class BatchStatistics:
    """What a batcher has done since it was built.

    Attributes:
        request_count: requests that were executed.
        item_count: their items.
        execution_count: executions they took.
    """

    request_count: int = 0
    item_count: int = 0
    execution_count: int = 0


@dataclass(slots=True, eq=False)
class _Request:
    batch: TensorBatch
    answer: asyncio.Future[TensorBatch]
    arrival_s: float
    deadline_s: float | None
    priority: Priority


class DynamicBatcher:
    """The queue of one model."""

    def __init__(
        self,
        spec: ModelSpec,
        execute: Execute,
        workers: WorkerPool,
        queue_limit: int,
        observer: Observer | None = None,
    ) -> None:
        """Build the queue.

        Args:
            spec: the model; its batching policy rules.
            execute: runs one batch, called in a worker thread; at most `spec.instance_count` calls at a time.
            workers: the engine's threads.
            queue_limit: requests that may wait at a time; the model's own configuration may allow fewer.
            observer: is told what waits, what is refused, and what runs.
        """
        self.statistics = BatchStatistics()
        self._spec = spec
        self._execute = execute
        self._workers = workers
        self._observer = observer or SilentObserver()
        self._queue_limit = min(spec.batching.max_queue_size or queue_limit, queue_limit)
        self._queues: dict[ShapeKey, deque[_Request]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._running_count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        workers.register(self.dispatch)

    @property
    def waiting_count(self) -> int:
        """Requests that wait for an execution."""
        return sum(len(queue) for queue in self._queues.values())

    async def submit(self, batch: TensorBatch, deadline_s: float | None) -> TensorBatch:
        """Queue a request and wait for its answer.

        Args:
            batch: inputs that fit the model's contract.
            deadline_s: moment on the monotonic clock after which the request is dropped unless it runs already.

        Raises:
            InferenceError: the queue is full, the deadline passed, the execution failed, or the batcher was closed.
        """
        if self._closed:
            raise self._error(FailureKind.UNAVAILABLE, "the engine is shutting down")
        if self.waiting_count >= self._queue_limit:
            self._observer.work_refused(self._spec.name)
            raise self._error(FailureKind.OVERLOADED, f"{self._queue_limit} requests are waiting already")
        key = tuple(sorted((name, tensor.shape[1:]) for name, tensor in batch.tensors.items()))
        queue = self._queues.setdefault(key, deque())
        answer: asyncio.Future[TensorBatch] = asyncio.get_running_loop().create_future()
        arrival_s = time.monotonic()
        request = _Request(batch, answer, arrival_s, self._latest_start_s(arrival_s, deadline_s), current_priority())
        _enqueue(queue, request)
        self.dispatch()
        try:
            return await answer
        finally:
            # Cancelled while waiting: the request leaves the queue at once, so that its place is free again.
            if request in queue:
                queue.remove(request)
                self._forget_if_empty(key)
                self._report_waiting()

    def dispatch(self) -> None:
        """Start every execution that is due and has a worker, then set the timer for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        next_due_s: float | None = None
        for key in list(self._queues):
            due_s = self._dispatch_queue(key)
            if due_s is not None:
                next_due_s = due_s if next_due_s is None else min(next_due_s, due_s)
        self._report_waiting()
        # Without an idle worker the pool calls again as soon as one is free.
        if next_due_s is not None and self._can_start():
            delay_s = max(next_due_s - time.monotonic(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.dispatch)

    async def close(self) -> None:
        """Refuse what waits, finish what runs."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for queue in self._queues.values():
            for request in queue:
                _fail(request, self._error(FailureKind.UNAVAILABLE, "the engine is shutting down"))
        self._queues.clear()
        self._report_waiting()
        await asyncio.gather(*self._running)

    def _latest_start_s(self, arrival_s: float, deadline_s: float | None) -> float | None:
        moments = [] if deadline_s is None else [deadline_s]
        if self._spec.batching.default_timeout_s:
            moments.append(arrival_s + self._spec.batching.default_timeout_s)
        return min(moments, default=None)

    def _can_start(self) -> bool:
        return self._workers.idle and self._running_count < self._spec.instance_count

    def _dispatch_queue(self, key: ShapeKey) -> float | None:
        """Start the due executions of one shape.

        Returns:
            The moment when the next one is due or the next deadline passes, None with nothing waiting.
        """
        queue = self._queues[key]
        while True:
            now_s = time.monotonic()
            self._drop_late(queue, now_s)
            if not queue:
                self._forget_if_empty(key)
                return None
            due_s = min(request.arrival_s for request in queue) + self._spec.batching.max_queue_delay_s
            count = self._due_count(queue, expired=now_s >= due_s)
            if count == 0 or not self._can_start():
                return min([due_s, *(r.deadline_s for r in queue if r.deadline_s is not None)])
            requests = [queue.popleft() for _ in range(count)]
            self._workers.take()
            self._running_count += 1
            task = asyncio.get_running_loop().create_task(self._run(requests))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _drop_late(self, queue: deque[_Request], now_s: float) -> None:
        for request in [r for r in queue if r.deadline_s is not None and r.deadline_s <= now_s]:
            queue.remove(request)
            _fail(request, self._error(FailureKind.DEADLINE, "the deadline passed while the request was waiting"))

    def _due_count(self, queue: Sequence[_Request], *, expired: bool) -> int:
        """How many requests, from the front, form a batch that should go now; 0 to wait for more."""
        item_count = fitting_count = preferred_count = 0
        for request in queue:
            item_count += request.batch.item_count
            if item_count > self._spec.max_batch_size:
                break
            fitting_count += 1
            if item_count in self._spec.batching.preferred_batch_sizes:
                preferred_count = fitting_count
        if preferred_count:
            return preferred_count
        full = fitting_count < len(queue) or item_count == self._spec.max_batch_size
        return fitting_count if full or expired else 0

    async def _run(self, requests: list[_Request]) -> None:
        start_s = time.monotonic()
        for request in requests:
            self._observer.queue_left(self._spec.name, start_s - request.arrival_s)
        counts = [request.batch.item_count for request in requests]
        try:
            answers = _split(await self._workers.run(self._execute, _merge([r.batch for r in requests])), counts)
        except Exception as error:  # noqa: BLE001  # whatever broke the batch must reach everyone who waits for it
            for request in requests:
                failure = self._error(FailureKind.UNAVAILABLE, f"the execution failed ({type(error).__name__})")
                failure.__cause__ = error
                _fail(request, failure)
            return
        finally:
            self._running_count -= 1
            self._workers.give_back()
        self._observer.batch_executed(self._spec.name, sum(counts), time.monotonic() - start_s)
        self.statistics.execution_count += 1
        self.statistics.request_count += len(requests)
        self.statistics.item_count += sum(counts)
        for request, answer in zip(requests, answers, strict=True):
            if not request.answer.done():
                request.answer.set_result(answer)

    def _report_waiting(self) -> None:
        self._observer.queue_changed(self._spec.name, self.waiting_count)

    def _forget_if_empty(self, key: ShapeKey) -> None:
        queue = self._queues.get(key)
        if queue is not None and not queue:
            del self._queues[key]

    def _error(self, kind: FailureKind, message: str) -> InferenceError:
        return InferenceError(kind, self._spec.name, message)


def _enqueue(queue: deque[_Request], request: _Request) -> None:
    """Put a request behind all that are as urgent, before all that are less so."""
    place = len(queue)
    while place > 0 and queue[place - 1].priority.value > request.priority.value:
        place -= 1
    queue.insert(place, request)


def _fail(request: _Request, error: InferenceError) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)


def _merge(batches: list[TensorBatch]) -> TensorBatch:
    if len(batches) == 1:
        return batches[0]
    names = batches[0].tensors.keys()
    return TensorBatch({name: np.concatenate([batch.tensors[name] for batch in batches]) for name in names})


def _split(outputs: TensorBatch, counts: list[int]) -> list[TensorBatch]:
    if outputs.item_count != sum(counts):
        raise ValueError(f"{sum(counts)} items went in, {outputs.item_count} came out")
    answers = []
    start = 0
    for count in counts:
        part = {name: _frozen(tensor[start : start + count]) for name, tensor in outputs.tensors.items()}
        answers.append(TensorBatch(part))
        start += count
    return answers


def _frozen(tensor: Tensor) -> Tensor:
    # Answers of one execution are views of one array: nobody may write into a neighbour's.
    tensor.flags.writeable = False
    return tensor
