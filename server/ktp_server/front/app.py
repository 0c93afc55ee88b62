"""The server's life: load, listen, become healthy, serve, drain."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ktp.ocr.v1 import ktp_ocr_service_pb2, ktp_ocr_service_pb2_grpc
from ktp_server.assembly import open_pipeline
from ktp_server.front.admission import Admission
from ktp_server.front.interceptors import ErrorInterceptor
from ktp_server.front.servicer import KtpOcrServicer, ServiceLimits
from ktp_server.reader import CardReader
from ktp_server.reload import TemplateReloader
from ktp_server.settings import Settings

__all__ = ["ListenError", "RunningServer", "run_server", "serve", "start_server"]

SERVICE_NAME = ktp_ocr_service_pb2.DESCRIPTOR.services_by_name["KtpOcrService"].full_name
OVERALL_HEALTH = ""
"""Name under which grpc.health.v1 answers for the whole server."""

logger = logging.getLogger(__name__)


class ListenError(Exception):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that accepts calls.

    Attributes:
        port: the port it listens on.
        server: gRPC's server.
        health: answers grpc.health.v1.
    """

    port: int
    server: grpc.aio.Server
    health: health.aio.HealthServicer

    async def drain(self, grace_s: float) -> None:
        """Report NOT_SERVING, refuse new calls, let accepted ones finish.

        Args:
            grace_s: seconds for them; what is not done then is cancelled.
        """
        await self.health.enter_graceful_shutdown()
        await self.server.stop(grace_s)


async def start_server(reader: CardReader, settings: Settings) -> RunningServer:
    """Listen and answer, with health SERVING.

    Args:
        reader: a pipeline that has answered a warm-up.
        settings: address and limits.

    Raises:
        ListenError: the address is taken or not ours.
    """
    server = grpc.aio.server(
        interceptors=[ErrorInterceptor(SERVICE_NAME)],
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            # Without SO_REUSEPORT a second server on the port fails at once instead of taking half of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )
    limits = ServiceLimits(settings.default_deadline_s, settings.stream_in_flight_count)
    servicer = KtpOcrServicer(reader, Admission(settings.max_in_flight_count), limits)
    ktp_ocr_service_pb2_grpc.add_KtpOcrServiceServicer_to_server(servicer, server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        port = server.add_insecure_port(settings.listen_address)
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {settings.listen_address}: is the port taken?") from error
    await server.start()
    for name in (OVERALL_HEALTH, SERVICE_NAME):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    return RunningServer(port, server, health_servicer)


@asynccontextmanager
async def run_server(settings: Settings) -> AsyncIterator[RunningServer]:
    """Serve for as long as the context is open, then drain; SIGHUP reads the templates anew."""
    async with open_pipeline(settings) as pipeline:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, TemplateReloader(pipeline, settings.templates).request)
        running = await start_server(pipeline, settings)
        try:
            yield running
        finally:
            await running.drain(settings.drain_grace_s)
            loop.remove_signal_handler(signal.SIGHUP)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        ListenError, ModelRepositoryError, ModelContractError, TemplateError: the server cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with run_server(settings) as running:
        host = settings.listen_address.rpartition(":")[0]
        logger.info("serving gRPC on %s:%d", host, running.port)
        await stop.wait()
        logger.info("draining, up to %.0f s", settings.drain_grace_s)
    logger.info("stopped")
