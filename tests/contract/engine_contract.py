"""What every engine must do, as a suite that each engine's test class inherits.

The engine under test serves the repository of tiny_models.py.
"""

import asyncio
import random
import time
from fractions import Fraction

import numpy as np
import pytest

from ktp_server.engines.port import (
    FailureKind,
    InferenceEngine,
    InferenceError,
    Priority,
    TensorBatch,
    working_with,
)
from tests.contract.tiny_models import MAX_BATCH_SIZE, PREFERRED_BATCH_SIZE, QUEUE_DELAY_MS, QUEUE_LIMIT


def floats(*rows: list[float]) -> TensorBatch:
    """A request to `double` or `patient`."""
    return TensorBatch({"x": np.array(rows, dtype=np.float32)})


def indices(*values: int) -> TensorBatch:
    """A request to `pick`."""
    return TensorBatch({"x": np.array([[value] for value in values], dtype=np.int64)})


class EngineContract:
    """Tests of any engine; subclasses give the fixture `engine`."""

    async def test_gives_the_models_answer(self, engine: InferenceEngine) -> None:
        answer = await engine.infer("double", floats([1.0, 2.0], [3.0, 4.0]))
        np.testing.assert_array_equal(answer.tensors["y"], [[2.0, 4.0], [6.0, 8.0]])

    async def test_takes_a_full_batch(self, engine: InferenceEngine) -> None:
        answer = await engine.infer("double", floats(*[[float(row)] for row in range(MAX_BATCH_SIZE)]))
        np.testing.assert_array_equal(answer.tensors["y"], [[2.0 * row] for row in range(MAX_BATCH_SIZE)])

    async def test_no_caller_gets_anothers_answer(self, engine: InferenceEngine) -> None:
        """300 callers with batches of all sizes and three shapes at once: each gets its own, in its own order."""
        rng = random.Random(7)
        requests = []
        for number in range(300):
            item_count, extent = rng.randint(1, MAX_BATCH_SIZE), rng.choice([1, 3, 5])
            requests.append(
                np.arange(item_count * extent, dtype=np.float32).reshape(item_count, extent) + 1000 * number
            )

        async def call(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
            await asyncio.sleep(rng.random() * 0.02)
            answer = await engine.infer("double", TensorBatch({"x": values}))
            np.testing.assert_array_equal(answer.tensors["y"], 2 * values)

        await asyncio.gather(*[call(values) for values in requests])

    async def test_unknown_model_is_unavailable(self, engine: InferenceEngine) -> None:
        with pytest.raises(InferenceError) as caught:
            await engine.infer("nothing", floats([1.0]))
        assert caught.value.kind is FailureKind.UNAVAILABLE

    @pytest.mark.parametrize(
        "tensors",
        [
            {"x": np.zeros((1, 2), dtype=np.float64)},
            {"x": np.zeros((1, 2, 3), dtype=np.float32)},
            {"z": np.zeros((1, 2), dtype=np.float32)},
            {"x": np.zeros((MAX_BATCH_SIZE + 1, 2), dtype=np.float32)},
        ],
        ids=["element type", "dimensions", "name", "too many items"],
    )
    async def test_input_outside_the_contract_is_invalid(
        self, engine: InferenceEngine, tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]
    ) -> None:
        with pytest.raises(InferenceError) as caught:
            await engine.infer("double", TensorBatch(tensors))
        assert caught.value.kind is FailureKind.INVALID

    async def test_passed_deadline_is_a_deadline_failure(self, engine: InferenceEngine) -> None:
        with pytest.raises(InferenceError) as caught:
            await engine.infer("double", floats([1.0]), deadline_s=time.monotonic() - 1.0)
        assert caught.value.kind is FailureKind.DEADLINE

    async def test_failing_execution_reaches_every_waiter_and_nobody_else(self, engine: InferenceEngine) -> None:
        outcomes = await asyncio.gather(*[engine.infer("pick", indices(99)) for _ in range(3)], return_exceptions=True)
        kinds = [outcome.kind for outcome in outcomes if isinstance(outcome, InferenceError)]
        assert kinds == [FailureKind.UNAVAILABLE] * 3
        answer = await engine.infer("pick", indices(0, 3))
        np.testing.assert_array_equal(answer.tensors["y"], [[10.0], [13.0]])

    async def test_answers_are_read_only(self, engine: InferenceEngine) -> None:
        answer = await engine.infer("double", floats([1.0]))
        with pytest.raises(ValueError, match="read-only"):
            answer.tensors["y"][0] = 5


class BatchingContract(EngineContract):
    """Further tests of engines that batch: each answer tells how many items its execution had (`company`)."""

    async def test_concurrent_requests_share_executions(self, engine: InferenceEngine) -> None:
        """A preferred size goes, and may take along who comes in the last moment; the others go together."""
        requests = [floats([float(n)]) for n in range(2 * PREFERRED_BATCH_SIZE)]
        answers = await asyncio.gather(*[engine.infer("patient", request) for request in requests])
        execution_count = sum(Fraction(1, company) for company in companies(answers))
        assert execution_count <= 2

    async def test_preferred_size_goes_without_delay(self, engine: InferenceEngine) -> None:
        start_s = time.monotonic()
        await asyncio.gather(*[engine.infer("patient", floats([float(n)])) for n in range(PREFERRED_BATCH_SIZE)])
        assert (time.monotonic() - start_s) * 1e3 < QUEUE_DELAY_MS

    async def test_lone_request_goes_after_the_delay(self, engine: InferenceEngine) -> None:
        start_s = time.monotonic()
        answer = await engine.infer("patient", floats([1.0]))
        assert companies([answer]) == [1]
        assert (time.monotonic() - start_s) * 1e3 >= 0.9 * QUEUE_DELAY_MS

    async def test_other_shapes_are_no_company(self, engine: InferenceEngine) -> None:
        requests = [floats([1.0] * extent) for extent in (1, 2, 3, 4)]
        answers = await asyncio.gather(*[engine.infer("patient", request) for request in requests])
        assert companies(answers) == [1] * len(requests)

    async def test_requests_are_never_split_or_overfilled(self, engine: InferenceEngine) -> None:
        """Three requests of 3 items: two fit into 8, the third goes alone."""
        requests = [floats(*[[float(10 * number + row)] for row in range(3)]) for number in range(3)]
        answers = await asyncio.gather(*[engine.infer("crowded", request) for request in requests])
        for request, answer in zip(requests, answers, strict=True):
            np.testing.assert_array_equal(answer.tensors["y"], 2 * np.asarray(request.tensors["x"], dtype=np.float32))
        assert sorted(companies(answers)) == [3, 6, 6]

    async def test_full_queue_refuses_at_once(self, engine: InferenceEngine) -> None:
        """As many as may wait do so, for company that does not come; one more is told before any of them."""
        requests = [floats([float(n)]) for n in range(QUEUE_LIMIT + 1)]
        calls = {asyncio.create_task(engine.infer("crowded", request)) for request in requests}
        ended, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        failures = [call.exception() for call in ended]
        assert [failure.kind for failure in failures if isinstance(failure, InferenceError)] == [FailureKind.OVERLOADED]
        assert companies(await asyncio.gather(*waiting)) == [QUEUE_LIMIT] * QUEUE_LIMIT

    async def test_cancelling_frees_the_place_in_the_queue(self, engine: InferenceEngine) -> None:
        waiting = [asyncio.create_task(engine.infer("crowded", floats([float(n)]))) for n in range(QUEUE_LIMIT)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        answers = await asyncio.gather(*waiting[1:], engine.infer("crowded", floats([7.0])))
        assert [float(answer.tensors["y"][0, 0]) for answer in answers] == [2.0, 4.0, 14.0]
        assert companies(answers) == [QUEUE_LIMIT] * QUEUE_LIMIT

    async def test_deadline_passes_while_waiting(self, engine: InferenceEngine) -> None:
        """Nobody is kept company by one whose time is over."""
        start_s = time.monotonic()
        with pytest.raises(InferenceError) as caught:
            await engine.infer("crowded", floats([1.0]), deadline_s=start_s + 0.1)
        assert caught.value.kind is FailureKind.DEADLINE
        assert (time.monotonic() - start_s) * 1e3 < QUEUE_DELAY_MS
        assert companies([await engine.infer("crowded", floats([2.0]))]) == [1]

    async def test_urgent_work_overtakes_bulk(self, engine: InferenceEngine) -> None:
        """What is urgent finds no place beside the bulk that came first, and goes; more bulk makes the batch full."""
        with working_with(Priority.BULK):
            bulk = asyncio.create_task(engine.infer("ranked", floats(*[[1.0]] * 5)))
        await asyncio.sleep(0.1)
        urgent = await engine.infer("ranked", floats(*[[2.0]] * 5))
        assert not bulk.done()
        with working_with(Priority.BULK):
            more = await engine.infer("ranked", floats(*[[3.0]] * 3))
        assert companies([urgent, await bulk, more]) == [5, MAX_BATCH_SIZE, MAX_BATCH_SIZE]

    async def test_the_models_own_timeout_is_a_deadline_failure(self, engine: InferenceEngine) -> None:
        """The caller would wait for ever."""
        with pytest.raises(InferenceError) as caught:
            await engine.infer("hasty", floats([1.0], [2.0]))
        assert caught.value.kind is FailureKind.DEADLINE


def companies(answers: list[TensorBatch]) -> list[int]:
    """How many items shared the execution of each answer."""
    return [int(answer.tensors["company"][0, 0]) for answer in answers]
