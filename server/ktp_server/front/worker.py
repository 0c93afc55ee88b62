"""One of several server processes on a port: a whole server, whose health is that of all of them together."""

import asyncio
import logging
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from ktp_server.front.app import RunningServer, serve
from ktp_server.front.link import Failed, Heartbeat, WholeServer, receive
from ktp_server.observability.logs import configure_logging
from ktp_server.settings import Settings
from ktp_server.start_errors import START_ERRORS

__all__ = ["HEARTBEAT_INTERVAL_S", "SupervisorLink", "run_worker"]

HEARTBEAT_INTERVAL_S = 1.0

logger = logging.getLogger(__name__)


def run_worker(settings: Settings, connection: Connection) -> None:
    """Serve until SIGTERM, or until the supervisor is gone; the main function of a process.

    Args:
        settings: this worker's share of the server's.
        connection: the worker's end of the pipe to the supervisor.
    """
    configure_logging(settings.log_level, settings.log_format)
    try:
        asyncio.run(serve(settings, SupervisorLink(connection).announce))
    except START_ERRORS as error:
        with suppress(OSError):
            connection.send(Failed(str(error)))
        sys.exit(2)


class SupervisorLink:
    """The worker's side of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tasks: list[asyncio.Task[None]] = []

    async def announce(self, running: RunningServer, stop: asyncio.Event) -> None:
        """Tell the supervisor that the server answers, go on telling, and be as healthy as it says.

        Args:
            running: the server.
            stop: set when the supervisor is gone: nobody would replace or stop this process any more.
        """
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._tell(stop)), loop.create_task(self._obey(running, stop))]

    async def _tell(self, stop: asyncio.Event) -> None:
        try:
            while True:
                self._connection.send(Heartbeat())
                await asyncio.sleep(HEARTBEAT_INTERVAL_S)
        except OSError:
            stop.set()

    async def _obey(self, running: RunningServer, stop: asyncio.Event) -> None:
        try:
            while True:
                message = await receive(self._connection)
                if isinstance(message, WholeServer):
                    await running.report(serving=message.ready)
        except EOFError:
            logger.warning("the supervisor is gone: this worker stops, too")
            stop.set()
