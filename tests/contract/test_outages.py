"""Servers that go away and come back, as our own clients take it: nothing is lost, and nobody gives up too soon."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager

import grpc
import pytest

from ktp_server.client import AsyncKtpOcrClient, CallError, CardAnswer, CardImage, Endpoint, KtpOcrClient, RetryPolicy
from ktp_server.client.failures import call_error
from ktp_server.errors import ErrorReason
from ktp_server.front.app import RunningServer
from tests.contract.conftest import serve, succeed
from tests.contract.raw_http2 import HEADERS, PREFACE, RST_STREAM, SETTINGS, Frame, RawConnection
from tests.contract.scripted_reader import ScriptedReader, recognition_of

PATIENT = RetryPolicy(100, pause_max_s=0.1)
HASTY = RetryPolicy(3, pause_first_s=0.001, pause_max_s=0.001)
"""Its pauses together are far shorter than those of gRPC between two connections."""

NOBODY = Endpoint("127.0.0.1:1")

INTERNAL_ERROR = 2
"""Error code of HTTP/2. Source: RFC 9113, section 7."""


def local(server: RunningServer) -> Endpoint:
    return Endpoint(f"127.0.0.1:{server.port}")


def images_of(names: Iterable[str]) -> Iterator[CardImage]:
    """Images of those names, whose ids are their places."""
    return (CardImage(f"{place}", name.encode()) for place, name in enumerate(names))


async def collect(endpoint: Endpoint, names: Iterable[str]) -> list[CardAnswer]:
    async with AsyncKtpOcrClient(endpoint, PATIENT) as client:
        return [answer async for answer in client.recognize_many(images_of(names))]


async def collect_blocking(endpoint: Endpoint, names: Iterable[str]) -> list[CardAnswer]:
    with KtpOcrClient(endpoint, PATIENT) as client:
        return await asyncio.to_thread(lambda: list(client.recognize_many(images_of(names))))


QUICK, LARGE = "x", "x" * 2**20
"""Of large images gRPC holds some back until the server takes more: a write is under way when the connection breaks."""


@pytest.mark.parametrize("collect", [collect, collect_blocking])
@pytest.mark.parametrize(("grace_s", "name"), [(0.0, QUICK), (0.2, QUICK), (0.0, LARGE)])
async def test_a_stream_outlives_its_server(
    collect: Callable[[Endpoint, Iterable[str]], Coroutine[None, None, list[CardAnswer]]], grace_s: float, name: str
) -> None:
    """The server stops in the middle and another takes its port: every image is answered once."""
    names = [*[name] * 10, *[f"wait {name}"] * 6, *[name] * 6]
    reader = ScriptedReader()
    async with asyncio.timeout(60.0), serve(reader) as server:
        answering = asyncio.create_task(collect(local(server), names))
        while reader.started[f"wait {name}".encode()] < 4:
            await asyncio.sleep(0.01)
        await server.drain(grace_s)
        reader.release.set()
        async with succeed(server, reader):
            answers = await answering
    assert sorted(int(answer.request_id) for answer in answers) == list(range(len(names)))
    assert all(answer.result == recognition_of(names[int(answer.request_id)]) for answer in answers)


async def test_a_server_that_is_back_is_found_however_hasty_the_caller() -> None:
    """gRPC pauses between two connections, and fails calls at once meanwhile: that uses up nobody's attempts."""
    reader = ScriptedReader()
    async with serve(reader) as server, AsyncKtpOcrClient(local(server), HASTY) as client:
        with KtpOcrClient(local(server), HASTY) as blocking:
            await server.drain(0.0)
            for call in (client.recognize(b"A"), asyncio.to_thread(blocking.recognize, b"A")):
                with pytest.raises(CallError, match="cannot be reached"):
                    await call
            async with succeed(server, reader):
                assert await client.recognize(b"A") == recognition_of("A")
                assert await asyncio.to_thread(blocking.recognize, b"A") == recognition_of("A")


@pytest.mark.parametrize("attempt_count", [1, 2])
async def test_absent_server_is_told_after_the_last_attempt(attempt_count: int) -> None:
    policy = RetryPolicy(attempt_count)
    async with AsyncKtpOcrClient(NOBODY, policy) as client:
        with pytest.raises(CallError, match="cannot be reached") as caught:
            await client.recognize(b"A")
    assert caught.value.reason is ErrorReason.MODEL_UNAVAILABLE
    with KtpOcrClient(NOBODY, policy) as blocking, pytest.raises(CallError, match="cannot be reached"):
        await asyncio.to_thread(blocking.recognize, b"A")


@asynccontextmanager
async def reset_everything() -> AsyncIterator[Endpoint]:
    """A server that resets each stream once it is opened, as a proxy does whose own server broke."""
    connections: list[asyncio.Task[None]] = []

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RawConnection(reader, writer)
        try:
            await reader.readexactly(len(PREFACE))
            await connection.send(Frame(SETTINGS, 0, 0))
            while True:
                frame = await connection.receive()
                if frame.kind == HEADERS:
                    await connection.send(Frame(RST_STREAM, 0, frame.stream, struct.pack(">I", INTERNAL_ERROR)))
        finally:
            writer.close()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(reset(reader, writer)))

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        try:
            yield Endpoint(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        finally:
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)


async def test_a_stream_that_is_reset_on_the_way_is_a_failure_that_passes() -> None:
    async with reset_everything() as endpoint:
        async with AsyncKtpOcrClient(endpoint, RetryPolicy(2)) as client:
            with pytest.raises(CallError, match="cannot be reached"):
                await client.recognize(b"A")
            with pytest.raises(CallError, match="cannot be reached"):
                await anext(client.recognize_many(images_of("A")))
        with KtpOcrClient(endpoint, RetryPolicy(2)) as blocking, pytest.raises(CallError, match="cannot be reached"):
            await asyncio.to_thread(blocking.recognize, b"A")


def test_a_connection_that_breaks_under_a_write_is_a_failure_that_passes() -> None:
    """gRPC tells of it so where it notices before the stream's own end: a matter of microseconds."""
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), grpc.aio.Metadata(), "Internal error from Core"
    )
    failure = call_error(error, "1")
    assert (failure.reason, failure.retry_delay_s) == (ErrorReason.MODEL_UNAVAILABLE, 0.0)
