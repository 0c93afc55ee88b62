"""What health checks are told: that the server wants calls, and that its models can be reached."""

import asyncio
import logging
from collections.abc import Sequence

from grpc_health.v1 import health, health_pb2

from ktp_server.reader import CardReader

__all__ = ["Readiness"]

LOOK_INTERVAL_S = 1.0

logger = logging.getLogger(__name__)


class Readiness:
    """Keeps grpc.health.v1 true, for the whole server and for each of its services."""

    def __init__(self, servicer: health.aio.HealthServicer, services: Sequence[str], reader: CardReader) -> None:
        """Build it, with every service NOT_SERVING until `want_calls`.

        Args:
            servicer: answers health checks.
            services: names that are asked for.
            reader: is looked at every second.
        """
        self._servicer = servicer
        self._services = services
        self._reader = reader
        self._wants_calls = False
        self._was_available = True
        self._was_serving: bool | None = None
        self._looking: asyncio.Task[None] | None = None

    async def want_calls(self, *, wanted: bool) -> None:
        """Tell whether calls are welcome: SERVING from now on, while the models can be reached, or NOT_SERVING."""
        self._wants_calls = wanted
        await self._settle()
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def end(self) -> None:
        """Report NOT_SERVING, for good."""
        if self._looking is not None:
            self._looking.cancel()
        await self._servicer.enter_graceful_shutdown()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await self._settle()

    async def _settle(self) -> None:
        is_available = self._reader.available
        if is_available != self._was_available:
            self._was_available = is_available
            logger.warning("the models %s", "can be reached again" if is_available else "cannot be reached")
        is_serving = self._wants_calls and is_available
        if is_serving == self._was_serving:
            return
        self._was_serving = is_serving
        status = health_pb2.HealthCheckResponse.SERVING if is_serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._services:
            await self._servicer.set(name, status)
