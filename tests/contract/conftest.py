"""A real grpc.aio server over a scripted reader, on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.front.app import RunningServer, start_server
from ktp_server.settings import Settings
from tests.contract.scripted_reader import ScriptedReader

SETTINGS = Settings(
    listen_address="127.0.0.1:0",
    max_in_flight_count=12,
    bulk_in_flight_count=4,
    stream_in_flight_count=4,
    upload_timeout_s=60.0,
)


@dataclass(frozen=True)
class Bench:
    """A server, what it reads with, and a channel to it."""

    reader: ScriptedReader
    server: RunningServer
    channel: grpc.aio.Channel
    stub: "stubs.KtpOcrServiceAsyncStub"  # a name of the type stubs only


@asynccontextmanager
async def serve(reader: ScriptedReader, settings: Settings = SETTINGS) -> AsyncIterator[RunningServer]:
    """Run a server, and stop it whatever happens: one that outlived its test would trouble the next."""
    server = await start_server(reader, settings)
    try:
        yield server
    finally:
        reader.release.set()
        await server.drain(1.0)


@asynccontextmanager
async def succeed(server: RunningServer, reader: ScriptedReader) -> AsyncIterator[RunningServer]:
    """Run a server at the address of one that has stopped."""
    async with serve(reader, SETTINGS.model_copy(update={"listen_address": server.address})) as successor:
        yield successor


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    reader = ScriptedReader()
    async with serve(reader) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        await server.report(serving=True)
        yield Bench(reader, server, channel, stubs.KtpOcrServiceStub(channel))
