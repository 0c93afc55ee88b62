"""Connections between gateway and server that break: the gateway asks once more, and says so where nobody answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from ktp_server.client import Endpoint
from ktp_server.gateway.life import run_gateway
from ktp_server.gateway.upstream import Target
from ktp_server.observability.session import open_observability
from tests.contract.conftest import serve
from tests.contract.gateway.conftest import SETTINGS
from tests.contract.gateway.test_apis import RECOGNIZE
from tests.contract.gateway.test_bounds import IMAGE
from tests.contract.scripted_reader import ScriptedReader


class Relay:
    """Hands bytes to and fro between callers and a server, until it is told to break."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._pipes: list[asyncio.Task[None]] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, server_writer]
        self._pipes += [
            asyncio.create_task(self._pipe(source, sink))
            for source, sink in ((reader, server_writer), (server_reader, writer))
        ]

    def break_connections(self) -> None:
        """Cut all that are open; the next ones are served."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def finish(self) -> None:
        """Cut all, and wait until nothing is left of them."""
        self.break_connections()
        await asyncio.gather(*self._pipes)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(2**16):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def run_relay(port: int) -> AsyncIterator[tuple[Relay, int]]:
    """Relay to a port; gives the relay's own."""
    relay = Relay(port)
    async with await asyncio.start_server(relay.take, "127.0.0.1", 0) as listener:
        try:
            yield relay, listener.sockets[0].getsockname()[1]
        finally:
            await relay.finish()


@pytest.mark.parametrize("asks_for_keys", [False, None])
async def test_a_connection_that_breaks_is_no_callers_failure(asks_for_keys: bool | None) -> None:
    reader = ScriptedReader()
    with open_observability(SETTINGS) as observability:
        async with asyncio.timeout(60.0), serve(reader) as server, run_relay(server.port) as (relay, port):
            target = Target(Endpoint(f"127.0.0.1:{port}"), asks_for_keys)
            async with (
                run_gateway(SETTINGS, target, observability) as gateway,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=30, verify=False) as http,
            ):
                asking = asyncio.create_task(http.post(RECOGNIZE, content=b"wait", headers=IMAGE))
                while not reader.started[b"wait"]:
                    await asyncio.sleep(0.01)
                relay.break_connections()
                while reader.started[b"wait"] < 2:
                    assert not asking.done(), (await asking).text
                    await asyncio.sleep(0.01)
                reader.release.set()
                assert (await asking).status_code == 200
    assert reader.started[b"wait"] == 2
