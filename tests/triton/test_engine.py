"""The Triton engine against the contract of every engine, on a real Triton server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ktp_server.engines.port import InferenceEngine, Priority, working_with
from ktp_server.engines.repository import read_model_repository
from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
from tests.contract.engine_contract import BatchingContract, floats
from tests.contract.tiny_models import QUEUE_LIMIT
from tests.triton.statistics import count_executions
from tests.triton.triton_process import TritonProcess


@pytest.mark.parametrize("uses_shared_memory", [False, True], ids=["messages", "shared memory"])
class TestTritonEngine(BatchingContract):
    @pytest.fixture
    async def engine(
        self, local: Path, triton: TritonProcess, uses_shared_memory: bool
    ) -> AsyncIterator[InferenceEngine]:
        self.triton = triton
        settings = TritonEngineSettings((triton.grpc_address,), uses_shared_memory)
        async with open_triton_engine(read_model_repository(local), settings) as engine:
            yield engine

    async def test_cancelling_frees_the_place_in_the_queue(self, engine: InferenceEngine) -> None:
        """Triton 2.51 keeps a cancelled request's place until its turn comes; nobody gets its answer."""
        waiting = [asyncio.create_task(engine.infer("crowded", floats([float(n)]))) for n in range(QUEUE_LIMIT)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        answers = await asyncio.gather(*waiting[1:])
        assert [answer.tensors["y"].tolist() for answer in answers] == [[[2.0]], [[4.0]]]
        answer = await engine.infer("crowded", floats([7.0]))
        assert answer.tensors["y"].tolist() == [[14.0]]

    @pytest.mark.parametrize("model", ["double", "patient"], ids=["without levels", "with levels"])
    async def test_bulk_work_is_taken_by_models_with_and_without_priority_levels(
        self, engine: InferenceEngine, model: str
    ) -> None:
        with working_with(Priority.BULK):
            answer = await engine.infer(model, floats([5.0]))
        assert answer.tensors["y"].tolist() == [[10.0]]

    def execution_count(self, engine: InferenceEngine, model: str) -> int:  # noqa: ARG002  # the server counts
        return count_executions(self.triton, model)
