"""How long a connection lives: its age, callers that are gone, callers that ask too often."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from tests.contract.conftest import SETTINGS, serve
from tests.contract.raw_http2 import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    PING,
    Frame,
    RawConnection,
    connect_raw,
    message_prefix,
)
from tests.contract.scripted_reader import ScriptedReader
from tests.contract.test_intake import METHOD, until

WAIT_S = 60.0
ENHANCE_YOUR_CALM = 11
"""Source: RFC 9113, section 7."""


@asynccontextmanager
async def connect(reader: ScriptedReader, values: Mapping[str, float]) -> AsyncIterator[RawConnection]:
    """Open a connection to a server with these settings."""
    async with (
        asyncio.timeout(WAIT_S),
        serve(reader, SETTINGS.model_copy(update=values)) as server,
        connect_raw(server.port) as connection,
    ):
        yield connection


async def begin_call(connection: RawConnection, reader: ScriptedReader) -> None:
    """Have a card read that takes until `reader.release`."""
    body = messages.RecognizeCardRequest(image=b"wait").SerializeToString()
    await connection.call(METHOD)
    await connection.send(Frame(DATA, END_STREAM, 1, message_prefix(len(body)) + body))
    await until(lambda: reader.started[b"wait"] == 1)


async def test_an_old_connection_is_renewed_when_its_calls_are_answered() -> None:
    reader = ScriptedReader()
    async with connect(reader, {"connection_age_max_s": 1.0}) as connection:
        await begin_call(connection, reader)
        await connection.receive_of(GOAWAY)
        assert reader.cancelled.total() == 0
        reader.release.set()
        assert b"wait" in await connection.ended()


async def test_a_caller_that_answers_no_ping_is_hung_up_on() -> None:
    reader = ScriptedReader()
    async with connect(reader, {"keepalive_interval_s": 1.0, "keepalive_timeout_s": 1.0}) as connection:
        await begin_call(connection, reader)
        await connection.receive_of(PING)
        await until(lambda: reader.cancelled[b"wait"] == 1)


async def test_a_silent_caller_that_answers_pings_gets_its_answer() -> None:
    reader = ScriptedReader()
    async with connect(reader, {"keepalive_interval_s": 1.0, "keepalive_timeout_s": WAIT_S}) as connection:
        await begin_call(connection, reader)
        for _ in range(3):
            ping = await connection.receive_of(PING)
            await connection.send(Frame(PING, ACK, 0, ping.payload))
        reader.release.set()
        assert b"wait" in await connection.ended()
        assert reader.cancelled.total() == 0


async def test_a_caller_that_pings_too_often_is_told_to_calm_down() -> None:
    async with connect(ScriptedReader(), {"ping_interval_min_s": 300.0}) as connection:
        ping = Frame(PING, 0, 0, bytes(8))
        await connection.send(ping)
        # One at a time: a server that closes on unread data resets the connection, and with it its own farewell.
        while (frame := await connection.receive_any()).kind != GOAWAY:
            if frame.kind == PING:
                await connection.send(ping if frame.flags & ACK else Frame(PING, ACK, 0, frame.payload))
    assert struct.unpack(">II", frame.payload[:8])[1] == ENHANCE_YOUR_CALM
