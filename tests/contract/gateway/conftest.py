"""A real gateway before a real gRPC server over a scripted reader, both on free ports."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import jsonschema
import pytest

from ktp_server.client import Endpoint
from ktp_server.front.app import RunningServer, start_server
from ktp_server.gateway.life import RunningGateway, run_gateway
from ktp_server.gateway.upstream import Target
from ktp_server.listening import private_socket
from ktp_server.observability.session import open_observability
from ktp_server.settings import Settings
from tests.contract.scripted_reader import ScriptedReader

SETTINGS = Settings(
    listen_address="127.0.0.1:0",
    http_address="127.0.0.1:0",
    max_in_flight_count=4,
    default_deadline_s=30.0,
    drain_grace_s=5.0,
    image_max_bytes=50_000,
    http_read_timeout_s=1.0,
    http_connection_count=24,
    log_level="DEBUG",
)
SCHEMAS = Path(__file__).with_name("schemas")


def changed(**values: object) -> Settings:
    """The settings with others in their place."""
    return Settings.model_validate({**SETTINGS.model_dump(exclude_unset=True), **values})


@dataclass(frozen=True)
class GatewayBench:
    """A gateway, the server behind it, what that reads with, and a caller."""

    reader: ScriptedReader
    server: RunningServer
    gateway: RunningGateway
    http: httpx.AsyncClient

    @property
    def port(self) -> int:
        """Where the gateway listens."""
        return self.gateway.port


@asynccontextmanager
async def open_bench(settings: Settings) -> AsyncIterator[GatewayBench]:
    """Start the two with these settings."""
    reader = ScriptedReader()
    with private_socket() as inner, open_observability(settings) as observability:
        server = await start_server(reader, settings, (inner,), observability.observer)
        target = Target(Endpoint(inner), asks_for_keys=settings.api_keys is not None)
        await server.report(serving=True)
        try:
            async with (
                run_gateway(settings, target, observability) as gateway,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60, verify=False) as http,
            ):
                yield GatewayBench(reader, server, gateway, http)
        finally:
            reader.release.set()
            await server.drain(1.0)


@pytest.fixture
async def bench() -> AsyncIterator[GatewayBench]:
    async with open_bench(SETTINGS) as bench:
        yield bench


def validate(body: object, schema: str) -> None:
    """Hold a body against a schema that was written from the API's document."""
    jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{schema}.schema.json").read_text("utf-8"))).validate(body)
