"""Dynamic batching, with executions that the tests hold and release."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ktp_server.engines.batcher import DynamicBatcher
from ktp_server.engines.port import FailureKind, InferenceError, Priority, TensorBatch, working_with
from ktp_server.engines.spec import BatchingPolicy, ModelSpec, TensorSpec
from ktp_server.engines.worker_pool import WorkerPool


class HeldModel:
    """Adds one; each execution waits until it is released."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.sizes: list[int] = []

    def execute(self, batch: TensorBatch) -> TensorBatch:
        self.sizes.append(batch.item_count)
        self.gate.acquire(timeout=60.0)
        return TensorBatch({"y": np.asarray(batch.tensors["x"], dtype=np.int64) + 1})


def spec_of(policy: BatchingPolicy, instance_count: int = 1) -> ModelSpec:
    tensor = TensorSpec("x", np.dtype(np.int64), (1,))
    return ModelSpec("m", (tensor,), (tensor,), 8, policy, instance_count, {}, Path("none"))


def request(*values: int) -> TensorBatch:
    return TensorBatch({"x": np.array([[value] for value in values], dtype=np.int64)})


def values(batch: TensorBatch) -> list[int]:
    return [int(value) for value in np.asarray(batch.tensors["y"], dtype=np.int64).ravel()]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a worker's thread does."""
    async with asyncio.timeout(60.0):
        while not condition():
            await asyncio.sleep(0.001)


async def submit_all(batcher: DynamicBatcher, *requests: TensorBatch) -> list[asyncio.Task[TensorBatch]]:
    """Submit in this order, without waiting for answers."""
    tasks = [asyncio.create_task(batcher.submit(one, None)) for one in requests]
    await asyncio.sleep(0)  # all of them arrive, and then wait for so long
    await asyncio.sleep(0.02)
    return tasks


async def test_requests_gather_while_the_worker_is_busy() -> None:
    model, pool = HeldModel(), WorkerPool(1)
    batcher = DynamicBatcher(spec_of(BatchingPolicy()), model.execute, pool, 100)
    tasks = await submit_all(batcher, *[request(number) for number in range(6)])
    model.gate.release(2)
    answers = await asyncio.gather(*tasks)
    assert [values(answer) for answer in answers] == [[number + 1] for number in range(6)]
    assert model.sizes == [1, 5]
    await batcher.close()
    pool.close()


async def test_longest_run_of_a_preferred_size_goes() -> None:
    """Waiting: 2 + 1 + 1 + 1 + 4 items. 9 exceed 8; 5 are not preferred, 4 are."""
    model, pool = HeldModel(), WorkerPool(1)
    batcher = DynamicBatcher(spec_of(BatchingPolicy(preferred_batch_sizes=(2, 4))), model.execute, pool, 100)
    first = await submit_all(batcher, request(0))
    tasks = await submit_all(batcher, request(1, 2), request(3), request(4), request(5), request(6, 7, 8, 9))
    model.gate.release(3)
    answers = await asyncio.gather(*first, *tasks)
    assert [value for answer in answers for value in values(answer)] == list(range(1, 11))
    assert model.sizes == [1, 4, 5]
    await batcher.close()
    pool.close()


async def test_no_execution_exceeds_the_instances() -> None:
    model, pool = HeldModel(), WorkerPool(4)
    batcher = DynamicBatcher(spec_of(BatchingPolicy(), instance_count=2), model.execute, pool, 100)
    tasks = await submit_all(batcher, *[request(number) for number in range(4)])
    assert len(model.sizes) == 2
    model.gate.release(4)
    await asyncio.gather(*tasks)
    await batcher.close()
    pool.close()


async def test_two_models_share_the_workers_in_turn() -> None:
    first, second, pool = HeldModel(), HeldModel(), WorkerPool(1)
    batchers = [DynamicBatcher(spec_of(BatchingPolicy()), model.execute, pool, 100) for model in (first, second)]
    tasks = await submit_all(batchers[0], request(1))
    tasks += await submit_all(batchers[0], request(2))
    tasks += await submit_all(batchers[1], request(3))
    await until(lambda: bool(first.sizes))
    assert (first.sizes, second.sizes) == ([1], [])
    first.gate.release()
    await tasks[0]
    await until(lambda: len(first.sizes) + len(second.sizes) == 2)
    # One of them runs now; whichever it is, the other follows.
    first.gate.release()
    second.gate.release()
    answers = await asyncio.gather(*tasks)
    assert [values(answer) for answer in answers] == [[2], [3], [4]]
    for batcher in batchers:
        await batcher.close()
    pool.close()


async def test_failure_reaches_every_waiter_with_its_cause() -> None:
    def execute(batch: TensorBatch) -> TensorBatch:
        raise MemoryError("too big")

    pool = WorkerPool(1)
    batcher = DynamicBatcher(spec_of(BatchingPolicy(preferred_batch_sizes=(3,))), execute, pool, 100)
    outcomes = await asyncio.gather(*[batcher.submit(request(n), None) for n in range(3)], return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, InferenceError)]
    assert [error.kind for error in errors] == [FailureKind.UNAVAILABLE] * 3
    assert all(isinstance(error.__cause__, MemoryError) for error in errors)
    assert len({id(error) for error in errors}) == 3
    await batcher.close()
    pool.close()


async def test_answer_of_the_wrong_size_fails_instead_of_being_dealt_out() -> None:
    pool = WorkerPool(1)
    batcher = DynamicBatcher(spec_of(BatchingPolicy()), lambda _: TensorBatch({"y": np.zeros((3, 1))}), pool, 100)
    with pytest.raises(InferenceError) as caught:
        await batcher.submit(request(1, 2), None)
    assert isinstance(caught.value.__cause__, ValueError)
    await batcher.close()
    pool.close()


async def test_cancelling_a_running_request_leaves_its_neighbours() -> None:
    model, pool = HeldModel(), WorkerPool(1)
    policy = BatchingPolicy(preferred_batch_sizes=(2,), max_queue_delay_s=5.0)
    batcher = DynamicBatcher(spec_of(policy), model.execute, pool, 100)
    tasks = await submit_all(batcher, request(1), request(2))
    tasks[0].cancel()
    model.gate.release()
    assert values(await tasks[1]) == [3]
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    await batcher.close()
    pool.close()


async def test_closing_fails_what_waits_and_finishes_what_runs() -> None:
    model, pool = HeldModel(), WorkerPool(1)
    batcher = DynamicBatcher(spec_of(BatchingPolicy()), model.execute, pool, 100)
    running, waiting = await submit_all(batcher, request(1), request(2))
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0.02)
    with pytest.raises(InferenceError) as caught:
        await waiting
    assert caught.value.kind is FailureKind.UNAVAILABLE
    model.gate.release()
    await closing
    assert values(await running) == [2]
    pool.close()


async def test_the_models_own_queue_bound_wins() -> None:
    model, pool = HeldModel(), WorkerPool(1)
    batcher = DynamicBatcher(spec_of(BatchingPolicy(max_queue_size=1)), model.execute, pool, 100)
    tasks = await submit_all(batcher, request(1), request(2))
    with pytest.raises(InferenceError) as caught:
        await batcher.submit(request(3), None)
    assert caught.value.kind is FailureKind.OVERLOADED
    model.gate.release(2)
    await asyncio.gather(*tasks)
    assert (batcher.statistics.request_count, batcher.statistics.execution_count) == (2, 2)
    await batcher.close()
    pool.close()


async def test_urgent_requests_go_before_bulk() -> None:
    model, pool = HeldModel(), WorkerPool(1)
    finished: list[int] = []
    batcher = DynamicBatcher(spec_of(BatchingPolicy(preferred_batch_sizes=(1,))), model.execute, pool, 100)

    async def submit(number: int) -> None:
        await batcher.submit(request(number), None)
        finished.append(number)

    tasks = [asyncio.create_task(submit(0))]
    await asyncio.sleep(0.02)
    with working_with(Priority.BULK):
        tasks += [asyncio.create_task(submit(number)) for number in (1, 2)]
    await asyncio.sleep(0.02)
    tasks += [asyncio.create_task(submit(number)) for number in (3, 4)]
    await asyncio.sleep(0.02)
    model.gate.release(5)
    await asyncio.gather(*tasks)
    assert finished == [0, 3, 4, 1, 2]
    await batcher.close()
    pool.close()


@pytest.mark.parametrize(("model_limit", "engine_limit"), [(2, 9), (9, 2), (0, 2)])
async def test_the_lower_of_both_queue_limits_counts(model_limit: int, engine_limit: int) -> None:
    model, pool = HeldModel(), WorkerPool(1)
    policy = BatchingPolicy(max_queue_size=model_limit)
    batcher = DynamicBatcher(spec_of(policy), model.execute, pool, engine_limit)
    tasks = await submit_all(batcher, *[request(number) for number in range(3)])
    with pytest.raises(InferenceError) as caught:
        await batcher.submit(request(7), None)
    assert caught.value.kind is FailureKind.OVERLOADED
    model.gate.release(3)
    await asyncio.gather(*tasks)
    await batcher.close()
    pool.close()


async def test_the_models_own_timeout_refuses_what_waited_too_long() -> None:
    """Nobody gave a deadline."""
    model, pool = HeldModel(), WorkerPool(1)
    policy = BatchingPolicy(preferred_batch_sizes=(1,), default_timeout_s=0.05)
    batcher = DynamicBatcher(spec_of(policy), model.execute, pool, 100)
    running, waiting = await submit_all(batcher, request(1), request(2))
    await asyncio.sleep(0.1)
    model.gate.release(1)
    with pytest.raises(InferenceError) as caught:
        await waiting
    assert caught.value.kind is FailureKind.DEADLINE
    assert values(await running) == [2]
    await batcher.close()
    pool.close()


@pytest.mark.parametrize(("deadline_s", "timeout_s"), [(0.01, 60.0), (60.0, 0.01)])
async def test_the_earlier_of_deadline_and_timeout_counts(deadline_s: float, timeout_s: float) -> None:
    model, pool = HeldModel(), WorkerPool(1)
    policy = BatchingPolicy(preferred_batch_sizes=(2,), max_queue_delay_s=30.0, default_timeout_s=timeout_s)
    batcher = DynamicBatcher(spec_of(policy), model.execute, pool, 100)
    with pytest.raises(InferenceError) as caught:
        await batcher.submit(request(1), time.monotonic() + deadline_s)
    assert caught.value.kind is FailureKind.DEADLINE
    await batcher.close()
    pool.close()
