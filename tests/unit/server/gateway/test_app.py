"""What the application must never do by itself."""

import grpc
from fastapi import FastAPI

from ktp_server.gateway.app import make_application
from ktp_server.gateway.envelope import Envelope
from ktp_server.gateway.upstream import Upstream
from ktp_server.observability.observer import SilentObserver
from ktp_server.settings import Settings


async def test_the_frameworks_own_telemetry_is_off() -> None:
    # It would record the messages of exceptions, which may quote a card.
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        upstream = Upstream(channel, 1.0, asks_for_keys=False)
        envelope = make_application(upstream, Settings(), lambda: (b"", "text/plain"), SilentObserver())
    assert isinstance(envelope, Envelope)
    assert isinstance(envelope._app, FastAPI)
    assert {name for name, value in FastAPI()._telemetry.items() if value} >= {"tracing", "logs"}
    assert not {name for name, value in envelope._app._telemetry.items() if value}
