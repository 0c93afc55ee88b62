"""What callers must not be able to do: fill memory, hold connections, hang, or break the gateway for others."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator

import httpx
import pytest

from ktp_server.gateway import app
from ktp_server.gateway.bodies import BodyBuffer
from tests.contract.gateway.conftest import SETTINGS, GatewayBench, open_bench, validate
from tests.contract.gateway.test_apis import FORM, JOBS, RECOGNIZE

IMAGE = {"Content-Type": "image/jpeg"}
MIB = 1024 * 1024
PATIENCE_S = 60.0
"""For what happens within a second, or never."""


async def exchange(port: int, data: bytes, *, end: bool = False) -> bytes:
    """Send bytes as they are and read until the gateway closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if end:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def is_well(bench: GatewayBench) -> bool:
    """Whether the next caller is served."""
    answer = await bench.http.post(RECOGNIZE, content=b"NEXT", headers=IMAGE)
    return answer.status_code == 200


async def until_well(bench: GatewayBench) -> None:
    """Wait until callers are served: those who went away take their places for as long as nobody has noticed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if await is_well(bench):
                    return
            await asyncio.sleep(0.01)


def head(*lines: str, path: str = RECOGNIZE) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: x", "Content-Type: image/jpeg", *lines, "", "")).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHuge: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        head("Content-Length: -1") + b"x",
        head("Content-Length: many") + b"x",
        head("Content-Length: 1", "Content-Length: 2") + b"xy",
        head("Transfer-Encoding: chunked") + b"zz\r\nxx",
        head("Transfer-Encoding: gzip") + b"xx",
    ],
    ids=lambda data: repr(data[:24]),
)
async def test_malformed_http_is_answered_by_400(bench: GatewayBench, data: bytes) -> None:
    answer = await exchange(bench.port, data)
    # What is longer than the gateway reads may be reset before its answer is seen.
    assert answer.startswith(b"HTTP/1.1 400") or (answer == b"" and len(data) > 100_000)
    assert not bench.reader.started
    assert await is_well(bench)


async def test_body_of_100_mb_is_refused_by_its_header_alone(bench: GatewayBench) -> None:
    answer = await exchange(bench.port, head("Content-Length: 104857600", "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(("path", "content_type"), [(JOBS, "image/png"), (FORM, "application/x-www-form-urlencoded")])
async def test_body_without_end_is_cut_off_while_it_comes(bench: GatewayBench, path: str, content_type: str) -> None:
    sent_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        for _ in range(10):
            sent_bytes += MIB
            yield b"x" * MIB

    answer = await bench.http.post(path, content=endless(), headers={"Content-Type": content_type})
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-error-reason"] == "IMAGE_TOO_LARGE"
    if path == FORM:
        validate(answer.json(), "form")
        assert answer.json()["status"] == "IMAGE_INVALID_SIZE"
    assert sent_bytes > 0
    assert not bench.reader.started
    assert await is_well(bench)


async def test_promise_of_fewer_bytes_than_sent_ends_the_connection(bench: GatewayBench) -> None:
    answer = await exchange(bench.port, head("Content-Length: 4", "X-Request-Id: a") + b"BUDIrest of it\r\n\r\n")
    first, _, second = answer.partition(b"HTTP/1.1 400")
    assert first.startswith(b"HTTP/1.1 200")
    assert b"Invalid HTTP request" in second
    assert list(bench.reader.started) == [b"BUDI"]


async def test_promise_of_more_bytes_than_sent_times_out(bench: GatewayBench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(head("Content-Length: 400") + b"BUDI")
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), PATIENCE_S)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"did not arrive within" in answer
    assert not bench.reader.started


async def test_body_that_ends_early_reads_nothing(bench: GatewayBench) -> None:
    answer = await exchange(bench.port, head("Content-Length: 400") + b"BUDI", end=True)
    assert b"200 OK" not in answer
    assert not bench.reader.started
    assert await is_well(bench)


async def test_head_byte_by_byte_is_cut_off(bench: GatewayBench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    trickling = asyncio.create_task(_trickle(writer, b"POST / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 10_000))
    assert await asyncio.wait_for(_read_to_end(reader), PATIENCE_S) == b""
    await _end(trickling)
    writer.close()


async def test_body_byte_by_byte_is_cut_off(bench: GatewayBench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    trickling = asyncio.create_task(_trickle(writer, head("Content-Length: 10000") + b"x" * 9999))
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), PATIENCE_S)
    await _end(trickling)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"did not arrive within" in answer
    assert not bench.reader.started


async def test_connections_beyond_the_limit_are_closed_and_idle_ones_end(bench: GatewayBench) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", bench.port) for _ in range(SETTINGS.http_connection_count)]
    for _, writer in slow:
        writer.write(b"POST ")
    assert await exchange(bench.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    for reader, writer in slow:
        assert await asyncio.wait_for(_read_to_end(reader), PATIENCE_S) == b""
        writer.close()
    assert await is_well(bench)


async def test_reset_storm_leaves_the_gateway_well(bench: GatewayBench) -> None:
    for number in range(200):
        with socket.create_connection(("127.0.0.1", bench.port)) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.sendall((head("Content-Length: 400") + b"x")[: 10 + 7 * number])
        if not number % 10:
            await asyncio.sleep(0.01)  # else nobody would run the gateway, which lives on this loop
    await until_well(bench)


async def test_answer_survives_an_unread_body(bench: GatewayBench) -> None:
    body = b"x" * 5 * MIB
    answer = await bench.http.post("/nowhere", content=body)
    assert (answer.status_code, answer.headers["connection"]) == (404, "close")
    assert await is_well(bench)


async def test_caller_who_leaves_cancels_the_work(bench: GatewayBench) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(head("Content-Length: 4") + b"wait")
    await _until_started(bench, b"wait", 1)
    writer.close()
    async with asyncio.timeout(PATIENCE_S):
        while not bench.reader.cancelled[b"wait"]:
            await asyncio.sleep(0.01)


async def test_more_bodies_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers: list[BodyBuffer] = []

    def make_buffer(limit_bytes: int, timeout_s: float) -> BodyBuffer:
        buffers.append(BodyBuffer(limit_bytes, timeout_s))
        return buffers[-1]

    monkeypatch.setattr(app, "BodyBuffer", make_buffer)
    roomy = {"http_buffer_bytes": 8 * MIB, "image_max_bytes": 4 * MIB, "http_read_timeout_s": PATIENCE_S}
    async with open_bench(SETTINGS.model_copy(update=roomy)) as bench:
        holders = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            writer.write(head(f"Content-Length: {4 * MIB}") + b"x" * (4 * MIB - 1000))
            await writer.drain()
            holders.append((reader, writer))
        async with asyncio.timeout(PATIENCE_S):
            while buffers[0].held_bytes < 2 * (4 * MIB - 1000):
                await asyncio.sleep(0.01)
        answer = await bench.http.post(RECOGNIZE, content=b"x" * 100_000, headers=IMAGE)
        assert (answer.status_code, answer.headers["x-error-reason"]) == (429, "OVERLOADED")
        assert int(answer.headers["retry-after"]) > 0
        for _, writer in holders:
            writer.close()
        await until_well(bench)


async def test_overload_is_passed_on_with_a_delay(bench: GatewayBench) -> None:
    limit = SETTINGS.max_in_flight_count
    waiting = [asyncio.ensure_future(bench.http.post(RECOGNIZE, content=b"wait", headers=IMAGE)) for _ in range(limit)]
    await _until_started(bench, b"wait", limit)
    refused = await bench.http.post(RECOGNIZE, content=b"A", headers=IMAGE)
    assert (refused.status_code, refused.headers["x-error-reason"]) == (429, "OVERLOADED")
    assert int(refused.headers["retry-after"]) > 0
    bench.reader.release.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * limit


async def test_late_answer_is_a_typed_timeout() -> None:
    async with open_bench(SETTINGS.model_copy(update={"default_deadline_s": 0.3})) as bench:
        answer = await bench.http.post(RECOGNIZE, content=b"wait", headers=IMAGE)
        assert (answer.status_code, answer.headers["x-error-reason"]) == (504, "DEADLINE_EXCEEDED")


async def test_slow_reader_of_answers_is_cut_off(bench: GatewayBench) -> None:
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", bench.port))

        async def ask_for_ever() -> None:
            while True:
                await loop.sock_sendall(raw, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask_for_ever(), PATIENCE_S)
    assert await is_well(bench)


async def test_refusals_come_as_httpx_sees_them(bench: GatewayBench) -> None:
    """A caller that sends all before it reads still gets the reason."""
    answer = await bench.http.post(RECOGNIZE, content=b"x" * 3 * MIB, headers=IMAGE)
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.headers["x-error-reason"]) == (413, "IMAGE_TOO_LARGE")


async def _trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send whole lines at once and the rest byte by byte."""
    begun = data.rfind(b"\r\n") + 2
    writer.write(data[:begun])
    for byte in data[begun:]:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() or isinstance(task.exception(), ConnectionError)


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def _until_started(bench: GatewayBench, image: bytes, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while bench.reader.started[image] < count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", [RECOGNIZE, JOBS, "/nowhere"])
async def test_a_body_that_is_no_http_is_the_callers_fault(
    bench: GatewayBench, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    answer = await exchange(bench.port, head("Transfer-Encoding: chunked", path=path) + b"ZZZ\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
    assert await is_well(bench)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
