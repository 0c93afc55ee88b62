"""Several server processes on one port: ready together, replaced one by one, ended together."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.front.supervisor import Patience, Supervisor, WorkerMain
from ktp_server.listening import NOWHERE, ListenError, reserve_port
from ktp_server.settings import Settings
from ktp_server.start_errors import WorkerStartError
from tests.contract.scripted_worker import (
    HANGUP_COUNT,
    run_dying_worker,
    run_faulty_worker,
    run_scripted_worker,
    run_slowly_ending_worker,
)

WORKERS = 2
PATIENCE_S = 240.0
"""Starting an interpreter takes a second, and fifteen where the machine is busy."""
SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True)
class Cluster:
    """A supervisor at work."""

    address: str
    ending: asyncio.Task[int]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[grpc.aio.Channel]:
        """A connection of its own; which worker gets it is the kernel's choice."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self.address, options=options) as channel:
            yield channel

    async def ask(self, image: bytes = b"A") -> int:
        """The process that answers a call on a connection of its own."""
        async with self.connection() as channel:
            stub = stubs.KtpOcrServiceStub(channel)
            answer = await stub.RecognizeCard(messages.RecognizeCardRequest(image=image), timeout=PATIENCE_S)
        return int(answer.recognition.card.nama.value)

    async def health(self) -> int:
        """What one health check says, on a connection of its own."""
        async with self.connection() as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
            )
            response: HealthCheckResponse = await check(HealthCheckRequest(), timeout=PATIENCE_S, wait_for_ready=True)
        return response.status

    async def workers(self) -> set[int]:
        """Every worker's process, found by calling until each has answered."""
        found: set[int] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < WORKERS:
                found.add(await self.ask())
        return found

    async def until(self, status: int) -> None:
        """Wait until a health check gives a status."""
        async with asyncio.timeout(PATIENCE_S):
            asking = asyncio.create_task(self._ask_health_until(status))
            await asyncio.wait({asking, self.ending}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                raise AssertionError(f"the supervisor ended: {self.ending.exception() or self.ending.result()}")
            await asking

    async def _ask_health_until(self, status: int) -> None:
        while await self.health() != status:
            await asyncio.sleep(0.02)


def start(main: WorkerMain, address: str, patience: Patience) -> asyncio.Task[int]:
    settings = Settings(
        listen_address=address, http_address=NOWHERE, workers=WORKERS, max_in_flight_count=32, drain_grace_s=20.0
    )
    return asyncio.create_task(Supervisor(settings, main, patience).run())


@asynccontextmanager
async def run_cluster(silence_s: float = PATIENCE_S) -> AsyncIterator[Cluster]:
    """Serve until the test ends; a worker that says nothing for so long is replaced."""
    with reserve_port("127.0.0.1:0") as address:
        pass
    cluster = Cluster(address, start(run_scripted_worker, address, Patience(silence_s=silence_s, restart_s=0.05)))
    await cluster.until(SERVING)
    yield cluster
    if not cluster.ending.done():
        os.kill(os.getpid(), signal.SIGTERM)
        await cluster.ending


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with run_cluster() as running:
        yield running


async def test_workers_share_the_port_and_end_together(cluster: Cluster, tmp_path: Path) -> None:
    first, second = await cluster.workers()
    assert os.getpid() not in (first, second)
    accepted = [asyncio.create_task(cluster.ask(bytes(tmp_path / str(number)))) for number in range(6)]
    async with asyncio.timeout(PATIENCE_S):
        while len(list(tmp_path.iterdir())) < len(accepted):  # noqa: ASYNC240  # other processes make them
            await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    assert {await answer for answer in accepted} <= {first, second}
    assert await cluster.ending == 0
    for process in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.parametrize(
    ("fault", "silence_s"), [(signal.SIGKILL, PATIENCE_S), (signal.SIGSTOP, 12.0)], ids=["dead", "silent"]
)
async def test_a_lost_worker_makes_the_server_not_ready_until_it_is_replaced(
    fault: signal.Signals, silence_s: float
) -> None:
    async with run_cluster(silence_s) as cluster:
        await lose_worker(cluster, fault)


async def lose_worker(cluster: Cluster, fault: signal.Signals) -> None:
    lost, kept = await cluster.workers()
    async with cluster.connection() as channel:
        # A connection that the kept worker holds, so that its own health is seen from before to after.
        stub = stubs.KtpOcrServiceStub(channel)
        answer = await stub.RecognizeCard(messages.RecognizeCardRequest(image=b"A"))
        if int(answer.recognition.card.nama.value) == lost:
            lost, kept = kept, lost
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )(HealthCheckRequest())
        states = aiter(watch)
        assert (await anext(states)).status == SERVING
        os.kill(lost, fault)
        async with asyncio.timeout(PATIENCE_S):
            assert (await anext(states)).status == NOT_SERVING
            answer = await stub.RecognizeCard(messages.RecognizeCardRequest(image=b"A"))
            assert int(answer.recognition.card.nama.value) == kept
            assert (await anext(states)).status == SERVING
        watch.cancel()
    now = await cluster.workers()
    assert kept in now
    assert lost not in now


async def test_a_worker_that_is_silent_while_it_ends_is_left_to_end() -> None:
    with reserve_port("127.0.0.1:0") as address:
        pass
    cluster = Cluster(address, start(run_slowly_ending_worker, address, Patience(silence_s=1.5)))
    await cluster.until(SERVING)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await cluster.ending == 0


async def test_hangup_reaches_workers_and_ends_nobody(cluster: Cluster) -> None:
    """As many calls in a row as no single worker would get by chance find none that has not heard of it."""
    before = await cluster.workers()
    os.kill(os.getpid(), signal.SIGHUP)
    heard_count = 0
    async with asyncio.timeout(PATIENCE_S):
        while heard_count < 30:
            heard_count = heard_count + 1 if await cluster.ask(HANGUP_COUNT) == 1 else 0
    assert await cluster.workers() == before


@pytest.mark.parametrize(
    ("main", "reason"),
    [(run_faulty_worker, "areas.csv, line 2: no such code"), (run_dying_worker, "status -9")],
    ids=["told", "untold"],
)
async def test_a_worker_that_cannot_start_stops_the_start(main: WorkerMain, reason: str) -> None:
    with pytest.raises(WorkerStartError, match=reason):
        await start(main, "127.0.0.1:0", Patience())


async def test_a_taken_port_is_not_shared() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenError, match="is the port taken"):
            await start(run_scripted_worker, f"127.0.0.1:{taken.getsockname()[1]}", Patience())
