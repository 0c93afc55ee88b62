"""The gateway's life: bind, connect, listen, drain."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from ktp_server.gateway.app import make_application
from ktp_server.gateway.connections import ConnectionLimits, bounded_protocol
from ktp_server.gateway.tls import HttpTls
from ktp_server.gateway.upstream import Target, open_upstream
from ktp_server.listening import NOWHERE, ListenError, bind_address
from ktp_server.observability.logs import log_loop_failure
from ktp_server.observability.session import Observability, open_observability
from ktp_server.security.exposure import check_exposure
from ktp_server.security.tls import TlsFiles
from ktp_server.settings import Settings

__all__ = ["RunningGateway", "run_gateway", "serve_gateway"]

BACKLOG_COUNT = 256
IDLE_TIMEOUT_S = 5
"""How long a connection may stay open between two requests."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway that accepts requests.

    Attributes:
        port: the port it listens on.
    """

    port: int


@asynccontextmanager
async def run_gateway(
    settings: Settings, target: Target, observability: Observability
) -> AsyncIterator[RunningGateway]:
    """Answer HTTP for as long as the context is open, then finish what was accepted within `drain_grace_s`.

    Args:
        settings: address and limits; `http_address` is not `none`.
        target: the service.
        observability: is told of the answers and gives the metrics.

    Raises:
        ListenError: the address is taken or not ours.
        SecurityError: the address is open to strangers, or a certificate is at fault.
    """
    check_exposure(
        "http_address",
        settings.http_address,
        knows_callers=target.asks_for_keys is True or settings.tls_client_ca is not None,
        insecure=settings.insecure,
    )
    tls = _open_tls(settings)
    listener = _listen(settings)
    with contextlib.closing(listener):
        async with open_upstream(target, settings.max_message_bytes, settings.default_deadline_s) as upstream:
            app = make_application(upstream, settings, observability.render_metrics, observability.observer)
            server = _EmbeddedServer(_configure(app, settings, tls))
            serving = asyncio.create_task(server.serve([listener]))
            port = int(listener.getsockname()[1])
            host = settings.http_address.rpartition(":")[0]
            logger.info("serving HTTP on %s://%s:%d", "http" if tls is None else "https", host, port)
            try:
                yield RunningGateway(port)
            finally:
                server.should_exit = True
                await serving


async def serve_gateway(settings: Settings, target: Target) -> None:
    """Serve HTTP alone until SIGTERM or SIGINT, then drain.

    Args:
        settings: address and limits.
        target: the service.

    Raises:
        Exception: one of `start_errors.START_ERRORS`, the gateway cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_exception_handler(log_loop_failure)
    with open_observability(settings) as observability:
        async with run_gateway(settings, target, observability):
            await stop.wait()
            logger.info("draining, up to %.0f s", settings.drain_grace_s)
    logger.info("stopped")


class _EmbeddedServer(uvicorn.Server):
    """A server whose life is its owner's: it leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See `uvicorn.Server`."""
        yield


def _listen(settings: Settings) -> socket.socket:
    """Let callers connect; the application takes them up as soon as it runs."""
    try:
        listener = bind_address(settings.http_address, is_shared=settings.workers > 1)
    except ListenError as error:
        raise ListenError(f"{error} http_address can be another one, or `{NOWHERE}` for no HTTP.") from None
    listener.listen(BACKLOG_COUNT)
    return listener


def _configure(app: ASGIApp, settings: Settings, tls: HttpTls | None) -> uvicorn.Config:
    limits = ConnectionLimits(settings.http_connection_count, settings.http_read_timeout_s)
    return uvicorn.Config(
        app,
        loop="none",
        http=bounded_protocol(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_TIMEOUT_S,
        timeout_graceful_shutdown=max(1, round(settings.drain_grace_s)),
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )


def _open_tls(settings: Settings) -> HttpTls | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return HttpTls(TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca))
