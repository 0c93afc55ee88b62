"""Shared memory is given back: at the server, and on this host."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tritonclient.grpc import InferenceServerClient

from ktp_server.engines.repository import read_model_repository
from ktp_server.engines.shared_memory import REGION_PREFIX
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
from tests.contract.engine_contract import floats
from tests.triton.triton_process import TritonProcess

PATIENCE_S = 30.0


def regions_at(triton: TritonProcess, process_id: int) -> set[str]:
    """What the server has registered for one of its clients."""
    with InferenceServerClient(triton.grpc_address) as client:
        names = client.get_system_shared_memory_status().regions.keys()
    return {name for name in names if name.startswith(f"{REGION_PREFIX}{process_id}_")}


def regions_here(process_id: int) -> set[str]:
    return {path.name for path in Path("/dev/shm").glob(f"{REGION_PREFIX}{process_id}_*")}


async def test_nothing_is_left_after_the_end(quick: Mapping[str, ModelSpec], triton: TritonProcess) -> None:
    settings = TritonEngineSettings((triton.grpc_address,), uses_shared_memory=True)
    async with open_triton_engine(quick, settings) as engine:
        await asyncio.gather(*[engine.infer("double", floats([float(number)])) for number in range(20)])
        assert regions_at(triton, os.getpid()) == regions_here(os.getpid()) != set()
    assert regions_at(triton, os.getpid()) == regions_here(os.getpid()) == set()


async def test_regions_of_cancelled_calls_are_neither_used_again_nor_kept(local: Path, triton: TritonProcess) -> None:
    settings = TritonEngineSettings((triton.grpc_address,), uses_shared_memory=True)
    async with open_triton_engine(read_model_repository(local), settings) as engine:
        before = regions_here(os.getpid())
        calls = [asyncio.create_task(engine.infer("patient", floats([float(number)]))) for number in range(3)]
        await asyncio.sleep(0.1)
        lent = regions_here(os.getpid()) - before
        assert len(lent) == 3
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert regions_here(os.getpid()) == before
        async with asyncio.timeout(PATIENCE_S):
            while regions_at(triton, os.getpid()) & lent:
                await asyncio.sleep(0.05)


async def test_a_busy_server_may_take_its_time_to_open_regions(
    quick: Mapping[str, ModelSpec], triton: TritonProcess
) -> None:
    """Whoever has no deadline waits, as for the execution itself."""
    settings = TritonEngineSettings((triton.grpc_address,), uses_shared_memory=True)
    async with open_triton_engine(quick, settings) as engine:
        os.kill(triton.process_id, signal.SIGSTOP)
        try:
            call = asyncio.create_task(engine.infer("double", floats([4.0])))
            await asyncio.sleep(2.5)
            assert not call.done()
        finally:
            os.kill(triton.process_id, signal.SIGCONT)
        answer = await call
    assert answer.tensors["y"].tolist() == [[8.0]]


CLIENT = """
    import asyncio, sys
    from pathlib import Path
    from ktp_server.engines.repository import read_model_repository
    from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
    from tests.contract.engine_contract import floats

    async def main() -> None:
        settings = TritonEngineSettings((sys.argv[2],), uses_shared_memory=True)
        specs = read_model_repository(Path(sys.argv[1]))
        async with open_triton_engine({"double": specs["double"]}, settings) as engine:
            await engine.infer("double", floats([1.0]))
            print("answered", flush=True)
            await asyncio.sleep(3600)

    asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_killed_leaves_nothing_on_this_host(
    local: Path, quick: Mapping[str, ModelSpec], triton: TritonProcess, how: int
) -> None:
    """The server keeps what the process could not unregister, until the next one comes."""
    command = [sys.executable, "-c", textwrap.dedent(CLIENT), str(local), triton.grpc_address]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"answered\n"
        assert regions_here(process.pid) != set()
        process.send_signal(how)
        process.communicate()
    latest_s = time.monotonic() + PATIENCE_S
    while regions_here(process.pid) and time.monotonic() < latest_s:
        time.sleep(0.05)
    assert regions_here(process.pid) == set()
    assert bool(regions_at(triton, process.pid)) == (how == signal.SIGKILL)
    asyncio.run(wait_for_release(quick, triton, process.pid))


async def wait_for_release(quick: Mapping[str, ModelSpec], triton: TritonProcess, process_id: int) -> None:
    settings = TritonEngineSettings((triton.grpc_address,), uses_shared_memory=True)
    async with open_triton_engine(quick, settings), asyncio.timeout(PATIENCE_S):
        while regions_at(triton, process_id):
            await asyncio.sleep(0.05)
