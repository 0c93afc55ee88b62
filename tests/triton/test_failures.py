"""What happens to callers when a Triton server, or a model of it, goes away: typed errors, no mix-up, recovery.

Our own engine is never started anew here.
"""

import asyncio
import math
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient

from ktp_server.engines import circuit, triton_server
from ktp_server.engines.circuit import FAULTS_UNTIL_CUT_COUNT
from ktp_server.engines.port import FailureKind, InferenceError
from ktp_server.engines.repository import ModelRepositoryError, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.triton import TritonEngine, TritonEngineSettings, open_triton_engine
from ktp_server.model_building.building import build_repository
from ktp_server.model_building.options import BuildOptions, Platform
from tests.contract.engine_contract import floats
from tests.triton.statistics import count_requests
from tests.triton.steady_load import PATIENCE_S, call_steadily
from tests.triton.triton_process import TritonFailed, TritonProcess, find_free_ports, run_triton

MODEL = "double"
UNAVAILABLE = {FailureKind.UNAVAILABLE}

both_ways = pytest.mark.parametrize("uses_shared_memory", [False, True], ids=["messages", "shared memory"])


@asynccontextmanager
async def open_engine(
    specs: Mapping[str, ModelSpec], *servers: TritonProcess, uses_shared_memory: bool = False
) -> AsyncIterator[TritonEngine]:
    settings = TritonEngineSettings(tuple(server.grpc_address for server in servers), uses_shared_memory)
    async with open_triton_engine(specs, settings) as engine:
        yield engine


async def wait_until_available(engine: TritonEngine, *, wanted: bool) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while engine.available is not wanted:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("uses_shared_memory", "how"), [(False, signal.SIGTERM), (True, signal.SIGKILL)], ids=["stopped", "killed"]
)
async def test_a_server_that_goes_and_is_started_again_loses_and_mixes_up_nothing(
    quick: Mapping[str, ModelSpec], triton: TritonProcess, uses_shared_memory: bool, how: signal.Signals
) -> None:
    async with (
        open_engine(quick, triton, uses_shared_memory=uses_shared_memory) as engine,
        call_steadily(engine, MODEL) as account,
    ):
        await asyncio.to_thread(triton.stop, how)
        await wait_until_available(engine, wanted=False)
        await asyncio.to_thread(triton.start)
        await account.wait_for_answers()
    assert account.wrong_count == 0
    assert account.failure_kinds == UNAVAILABLE


async def test_shared_memory_that_a_restarted_server_forgot_is_registered_anew(
    quick: Mapping[str, ModelSpec], triton: TritonProcess
) -> None:
    """Nobody calls while it is away, so that nobody notices before the next call."""
    async with open_engine(quick, triton, uses_shared_memory=True) as engine:
        for value in (1.0, 2.0):
            await engine.infer(MODEL, floats([value]))
        with InferenceServerClient(triton.grpc_address) as client:
            client.unregister_system_shared_memory()
        answer = await engine.infer(MODEL, floats([3.0]))
    np.testing.assert_array_equal(answer.tensors["y"], [[6.0]])


@both_ways
async def test_a_model_whose_process_is_killed_is_loaded_anew(
    quick: Mapping[str, ModelSpec], triton: TritonProcess, uses_shared_memory: bool
) -> None:
    async with (
        open_engine(quick, triton, uses_shared_memory=uses_shared_memory) as engine,
        call_steadily(engine, MODEL) as account,
    ):
        for process_id in triton.model_process_ids(MODEL):
            os.kill(process_id, signal.SIGKILL)
        await account.wait_for_failure()
        await account.wait_for_answers()
        assert engine.available
    assert account.wrong_count == 0
    assert account.failure_kinds == UNAVAILABLE


async def test_a_model_that_was_unloaded_is_missed_and_left_to_whoever_unloaded_it(
    quick: Mapping[str, ModelSpec], triton: TritonProcess
) -> None:
    with InferenceServerClient(triton.grpc_address) as client:
        async with open_engine(quick, triton) as engine, call_steadily(engine, MODEL) as account:
            client.unload_model(MODEL)
            await wait_until_available(engine, wanted=False)
            await asyncio.sleep(1.5)
            assert not engine.available
            await asyncio.to_thread(client.load_model, MODEL)
            await account.wait_for_answers()
    assert account.wrong_count == 0
    assert account.failure_kinds == UNAVAILABLE


async def test_an_idle_engine_notices_that_a_server_hangs(
    quick: Mapping[str, ModelSpec], triton: TritonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In seconds; here in fractions of them."""
    monkeypatch.setattr(circuit, "SILENCE_S", 0.2)
    monkeypatch.setattr(triton_server, "PROBE_DEADLINE_S", 1.0)
    async with open_engine(quick, triton) as engine:
        assert engine.available
        os.kill(triton.process_id, signal.SIGSTOP)
        try:
            with pytest.raises(InferenceError) as caught:
                await engine.infer(MODEL, floats([1.0]), deadline_s=asyncio.get_running_loop().time() + 0.5)
            assert caught.value.kind is FailureKind.DEADLINE
            await wait_until_available(engine, wanted=False)
        finally:
            os.kill(triton.process_id, signal.SIGCONT)
        await wait_until_available(engine, wanted=True)


@pytest.fixture
def second(local: Path, quick: Mapping[str, ModelSpec], tmp_path: Path) -> Iterator[TritonProcess]:
    """A server of the quick models, which the test ends."""
    for model in quick:
        shutil.copytree(local / model, tmp_path / "source" / model)
    with run_triton(tmp_path / "source", tmp_path) as process:
        yield process


async def test_with_two_servers_the_loss_of_one_is_no_failure(
    quick: Mapping[str, ModelSpec], triton: TritonProcess, second: TritonProcess
) -> None:
    async with open_engine(quick, triton, second) as engine, call_steadily(engine, MODEL) as account:
        await asyncio.to_thread(second.stop, signal.SIGKILL)
        await account.wait_for_answers()
        assert engine.available
    assert count_requests(triton, MODEL) > 0
    assert (account.wrong_count, account.failures) == (0, [])


async def test_regions_that_cannot_be_opened_tell_that_a_server_is_gone(
    quick: Mapping[str, ModelSpec], second: TritonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call gets as far as the model, and nobody else looks."""
    monkeypatch.setattr(triton_server, "LOOK_INTERVAL_S", math.inf)
    async with open_engine(quick, second, uses_shared_memory=True) as engine:
        second.stop(signal.SIGKILL)
        for _ in range(FAULTS_UNTIL_CUT_COUNT):
            assert engine.available
            with pytest.raises(InferenceError) as caught:
                await engine.infer(MODEL, floats([1.0]))
            assert caught.value.kind is FailureKind.UNAVAILABLE
        assert not engine.available


async def test_an_idle_engine_notices_that_a_server_is_gone(
    quick: Mapping[str, ModelSpec], second: TritonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a call, and long before the next heartbeat."""
    monkeypatch.setattr(circuit, "HEARTBEAT_INTERVAL_S", math.inf)
    async with open_engine(quick, second) as engine:
        await asyncio.to_thread(second.stop, signal.SIGKILL)
        await wait_until_available(engine, wanted=False)


@pytest.fixture
def other(local: Path, tmp_path: Path) -> Path:
    """A repository in which one model has another alphabet."""
    for model in local.iterdir():
        (tmp_path / model.name).mkdir()
        config = (model / "config.pbtxt").read_text(encoding="utf-8")
        config += 'parameters { key: "alphabet" value: { string_value: "ABC" } }' if model.name == MODEL else ""
        (tmp_path / model.name / "config.pbtxt").write_text(config, encoding="utf-8")
    return tmp_path


async def test_a_server_with_another_alphabet_stops_the_start(other: Path, triton: TritonProcess) -> None:
    expected = f"{triton.grpc_address}: {MODEL}: parameter alphabet is 'ABC' here and 'missing' on the server"
    with pytest.raises(ModelRepositoryError) as caught:
        async with open_engine(read_model_repository(other), triton):
            pass
    assert str(caught.value) == expected


async def test_no_server_stops_the_start_after_a_while(quick: Mapping[str, ModelSpec]) -> None:
    settings = TritonEngineSettings(("127.0.0.1:9",), patience_s=0.5)
    with pytest.raises(
        ModelRepositoryError, match=r"no Triton server can be used within 0 s: 127\.0\.0\.1:9: .*refused"
    ):
        async with open_triton_engine(quick, settings):
            pass


def test_a_configuration_that_triton_refuses_is_named_by_line(local: Path, tmp_path: Path) -> None:
    """Our own check says the line before Triton is asked; whoever writes the file later reads it in Triton's log."""
    shutil.copytree(local, tmp_path / "local")
    config = tmp_path / "local" / MODEL / "config.pbtxt"
    lines = config.read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if "max_batch_size" in text)
    config.write_text("\n".join(lines).replace("max_batch_size: ", "max_batch_size ", 1), encoding="utf-8")
    with pytest.raises(ModelRepositoryError, match=rf"{MODEL}/config\.pbtxt: {line}:"):
        build_repository(tmp_path / "local", tmp_path / "models", BuildOptions(Platform.PYTHON))
    with pytest.raises(TritonFailed, match=rf"ModelConfig: {line}:\d+: Expected"):
        TritonProcess(tmp_path / "local", tmp_path, *find_free_ports()).start()
