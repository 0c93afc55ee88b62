"""The server's life: load, listen, become healthy, serve, drain."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ktp.ocr.v1 import ktp_ocr_service_pb2, ktp_ocr_service_pb2_grpc
from ktp_server.assembly import open_pipeline
from ktp_server.front.admission import Admission
from ktp_server.front.authentication import AuthenticationInterceptor
from ktp_server.front.intake import IntakeInterceptor
from ktp_server.front.interceptors import CallInterceptor
from ktp_server.front.readiness import Readiness
from ktp_server.front.servicer import KtpOcrServicer, ServiceLimits
from ktp_server.front.side_streams import SideStreams
from ktp_server.front.transport import channel_arguments
from ktp_server.listening import NOWHERE, ListenError, private_socket
from ktp_server.observability.logs import log_loop_failure
from ktp_server.observability.observer import Observer, SilentObserver
from ktp_server.observability.session import Observability, open_observability
from ktp_server.reader import CardReader
from ktp_server.reload import TemplateReloader
from ktp_server.security.guard import Guard
from ktp_server.settings import Settings

__all__ = ["Announce", "RunningServer", "run_server", "serve", "start_server"]

SERVICE_NAME = ktp_ocr_service_pb2.DESCRIPTOR.services_by_name["KtpOcrService"].full_name
OVERALL_HEALTH = ""
"""Name under which grpc.health.v1 answers for the whole server."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RunningServer:
    """A server that accepts calls.

    Attributes:
        port: the port it listens on.
        address: host:port.
        server: gRPC's server.
        admission: lets calls in.
        servicer: our service.
        readiness: what health checks are told.
        side_streams: the streams of health and reflection.
        draining_since_s: when the drain was announced, on the monotonic clock; None before.
    """

    port: int
    address: str
    server: grpc.aio.Server
    admission: Admission
    servicer: KtpOcrServicer
    readiness: Readiness
    side_streams: SideStreams
    draining_since_s: float | None = None

    async def report(self, *, serving: bool) -> None:
        """Answer health checks from now on; see `Readiness.want_calls`."""
        await self.readiness.want_calls(wanted=serving)

    async def announce_drain(self) -> None:
        """Report NOT_SERVING, for good; the grace of the drain begins."""
        self.draining_since_s = self.draining_since_s or time.monotonic()
        await self.readiness.end()

    async def drain(self, grace_s: float) -> None:
        """Report NOT_SERVING, refuse new calls, let accepted ones finish.

        As long as images are in work, connections stay open, and a call that comes is told why it is refused.

        Args:
            grace_s: seconds for them since the drain was announced; what is not done then is cancelled.
        """
        await self.announce_drain()
        until_s = (self.draining_since_s or 0.0) + grace_s
        self.admission.close()
        self.servicer.end_streams()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(until_s - time.monotonic(), 0.0)):
                await self.admission.idle()
        self.side_streams.end()
        await self.server.stop(max(until_s - time.monotonic(), 0.0))


async def start_server(
    reader: CardReader,
    settings: Settings,
    further_addresses: Sequence[str] = (),
    observer: Observer | None = None,
    guard: Guard | None = None,
) -> RunningServer:
    """Listen and answer, with health NOT_SERVING until `RunningServer.report` says otherwise.

    Args:
        reader: a pipeline that has answered a warm-up.
        settings: address and limits.
        further_addresses: where to listen beside the settings' address, as gRPC writes them.
        observer: is told of the calls.
        guard: keys and certificates; by default opened from the settings.

    Raises:
        ListenError: the address is taken or not ours.
        SecurityError: keys or certificates are at fault, or strangers could read cards.
    """
    observer = observer or SilentObserver()
    guard = guard or Guard.open(settings)
    admission = Admission(
        settings.max_in_flight_count, settings.bulk_in_flight_count, settings.open_call_count, observer
    )
    side_streams = SideStreams(SERVICE_NAME)
    server = grpc.aio.server(
        interceptors=[
            side_streams,
            CallInterceptor(SERVICE_NAME, observer),
            *_authentication(guard, settings),
            IntakeInterceptor(SERVICE_NAME, admission, settings.upload_timeout_s),
        ],
        options=channel_arguments(settings),
    )
    limits = ServiceLimits(settings.default_deadline_s, settings.stream_in_flight_count)
    servicer = KtpOcrServicer(reader, admission, limits, observer)
    ktp_ocr_service_pb2_grpc.add_KtpOcrServiceServicer_to_server(servicer, server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    services = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(services, server)
    port, *_ = [_listen(server, guard, address) for address in (settings.listen_address, *further_addresses)]
    host = settings.listen_address.rpartition(":")[0]
    readiness = Readiness(health_servicer, (OVERALL_HEALTH, *services), reader)
    running = RunningServer(port, f"{host}:{port}", server, admission, servicer, readiness, side_streams)
    await running.report(serving=False)
    await server.start()
    return running


def _authentication(guard: Guard, settings: Settings) -> tuple[grpc.aio.ServerInterceptor, ...]:
    if guard.keyring is None:
        return ()
    return (AuthenticationInterceptor(SERVICE_NAME, guard.keyring, settings.rate_limit_per_s, settings.workers),)


def _listen(server: grpc.aio.Server, guard: Guard, address: str) -> int:
    try:
        return guard.add_port(server, address)
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {address}: is the port taken?") from error


@asynccontextmanager
async def run_server(
    settings: Settings, further_addresses: Sequence[str] = (), observer: Observer | None = None
) -> AsyncIterator[RunningServer]:
    """Answer for as long as the context is open, then drain; SIGHUP reads templates, keys and certificates anew.

    Arguments and errors as in `start_server` and `assembly.open_pipeline`; health is NOT_SERVING at first.
    """
    # What is wrong with keys and certificates is told before the models are loaded.
    guard = Guard.open(settings)
    async with open_pipeline(settings, observer=observer) as pipeline:
        loop = asyncio.get_running_loop()
        templates = TemplateReloader(pipeline, settings.templates)
        running = await start_server(pipeline, settings, further_addresses, observer, guard)

        def reload() -> None:
            templates.request()
            guard.reload()

        loop.add_signal_handler(signal.SIGHUP, reload)
        try:
            yield running
        finally:
            await running.drain(settings.drain_grace_s)
            loop.remove_signal_handler(signal.SIGHUP)


Announce = Callable[[RunningServer, asyncio.Event], Awaitable[None]]
"""Called once the server listens, with the event that stops it: makes it known, and healthy."""


async def announce_alone(running: RunningServer, stop: asyncio.Event) -> None:  # noqa: ARG001  # see Announce
    """Become healthy at once: a server that is alone waits for no other."""
    await running.report(serving=True)
    logger.info("serving gRPC on %s", running.address)


async def serve(settings: Settings, announce: Announce = announce_alone) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a start that is still under way is given up.

    Args:
        settings: all of them.
        announce: makes the server known.

    Raises:
        The members of `start_errors.START_ERRORS`: the server cannot start.
    """
    stop = asyncio.Event()
    serving = asyncio.current_task()
    is_starting = True

    def end() -> None:
        if is_starting and serving is not None and not stop.is_set():
            serving.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.set_exception_handler(log_loop_failure)
    try:
        with open_observability(settings) as observability:
            async with _run_fronts(settings, observability) as running:
                is_starting = False
                await announce(running, stop)
                await stop.wait()
                logger.info("draining, up to %.0f s", settings.drain_grace_s)
                await running.announce_drain()
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    logger.info("stopped")


@asynccontextmanager
async def _run_fronts(settings: Settings, observability: Observability) -> AsyncIterator[RunningServer]:
    """Answer gRPC and, unless it is turned off, HTTP; HTTP drains first, as it is a caller of gRPC itself."""
    observer = observability.observer
    if settings.http_address == NOWHERE:
        async with run_server(settings, observer=observer) as running:
            yield running
        return
    # FastAPI takes a while to import.
    from ktp_server.client import Endpoint
    from ktp_server.gateway.life import run_gateway
    from ktp_server.gateway.upstream import Target

    with private_socket() as inner:
        target = Target(Endpoint(inner), asks_for_keys=settings.api_keys is not None)
        async with (
            run_server(settings, (inner,), observer) as running,
            run_gateway(settings, target, observability),
        ):
            yield running
