"""What callers hear while a server finishes what it has accepted."""

import asyncio
import logging
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from tests.contract.conftest import Bench
from tests.contract.test_intake import until
from tests.contract.test_service import card_request, status_of, unpack
from tests.contract.test_stream import item, send

if TYPE_CHECKING:
    from google.protobuf.message import Message


async def refused(bench: Bench) -> grpc.aio.AioRpcError:
    """Call until the server takes no more."""
    async with asyncio.timeout(20.0):
        while True:
            try:
                await bench.stub.RecognizeCard(card_request(b"late", "my-id"))
            except grpc.aio.AioRpcError as error:
                return error


def watch(bench: Bench) -> grpc.aio.UnaryStreamCall[HealthCheckRequest, HealthCheckResponse]:
    """Watch the whole server's health."""
    method: grpc.aio.UnaryStreamMultiCallable[HealthCheckRequest, HealthCheckResponse] = bench.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )
    return method(HealthCheckRequest())


def assert_tells_why(error: grpc.aio.AioRpcError) -> None:
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    info, _, retry_s = unpack(list(status_of(error).details))
    assert info.reason == "MODEL_UNAVAILABLE"
    assert retry_s == 1.0


async def test_calls_that_come_too_late_are_told_why_and_accepted_ones_are_answered(bench: Bench) -> None:
    accepted = asyncio.ensure_future(bench.stub.RecognizeCard(card_request(b"wait")))
    await until(lambda: bench.reader.started[b"wait"] == 1)
    draining = asyncio.create_task(bench.server.drain(60.0))
    late = await refused(bench)
    assert_tells_why(late)
    assert dict(late.trailing_metadata() or ())["x-request-id"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(bench.stub.RecognizeCards(send(item(b"in a stream")))))
    assert_tells_why(caught.value)
    assert bench.reader.started[b"in a stream"] == 0
    bench.reader.release.set()
    assert (await accepted).recognition.card.nama.value == "wait"
    await draining


async def test_an_idle_server_drains_at_once(bench: Bench) -> None:
    async with asyncio.timeout(20.0):
        await bench.server.drain(300.0)


async def test_watched_health_and_reflection_hold_no_drain_up(
    bench: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    watching = watch(bench)
    assert await watching.read() == HealthCheckResponse(status=HealthCheckResponse.SERVING)
    reflecting: grpc.aio.StreamStreamCall[Message, ServerReflectionResponse] = bench.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )()
    await reflecting.write(ServerReflectionRequest(list_services=""))
    assert isinstance(await reflecting.read(), ServerReflectionResponse)
    async with asyncio.timeout(20.0):
        await bench.server.drain(300.0)
    assert await watching.read() == HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
    assert await watching.code() is await reflecting.code() is grpc.StatusCode.UNAVAILABLE
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert "Traceback" not in capfd.readouterr().err


async def test_a_watch_that_its_caller_has_ended_holds_no_drain_up(bench: Bench) -> None:
    left = watch(bench)
    await left.read()
    left.cancel()
    assert await left.code() is grpc.StatusCode.CANCELLED
    async with asyncio.timeout(20.0):
        await bench.server.drain(300.0)


async def test_what_is_not_done_within_the_grace_is_cancelled(bench: Bench) -> None:
    call = bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=b"wait"))
    await until(lambda: bench.reader.started[b"wait"] == 1)
    await bench.server.drain(0.2)
    assert await call.code() is not grpc.StatusCode.OK
    await until(lambda: bench.reader.cancelled[b"wait"] == 1)
