"""The Triton engine against the contract of every engine, on a real Triton server."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ktp_server.engines import circuit
from ktp_server.engines.port import InferenceEngine, Priority, working_with
from ktp_server.engines.repository import read_model_repository
from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
from tests.contract.engine_contract import BatchingContract, floats
from tests.contract.tiny_models import QUEUE_LIMIT
from tests.triton.triton_process import TritonProcess


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[False, True], ids=["messages", "shared memory"])
async def engine(request: pytest.FixtureRequest, local: Path, triton: TritonProcess) -> AsyncIterator[InferenceEngine]:
    """One engine for all tests; it probes the server at its start only, since probes would keep requests company."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuit, "HEARTBEAT_INTERVAL_S", math.inf)
        patch.setattr(circuit, "SILENCE_S", math.inf)
        settings = TritonEngineSettings((triton.grpc_address,), uses_shared_memory=request.param)
        async with open_triton_engine(read_model_repository(local), settings) as engine:
            yield engine


@pytest.mark.asyncio(loop_scope="module")
class TestTritonEngine(BatchingContract):
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

    @pytest.mark.parametrize("model", ["double", "crowded"], ids=["without levels", "with levels"])
    async def test_bulk_work_is_taken_by_models_with_and_without_priority_levels(
        self, engine: InferenceEngine, model: str
    ) -> None:
        with working_with(Priority.BULK):
            answer = await engine.infer(model, floats([5.0]))
        assert answer.tensors["y"].tolist() == [[10.0]]
