"""Several server processes on one port, and the small process that keeps them.

    supervisor ─┬─ worker 1 ─╮
                ├─ worker 2 ─┼─ one port (SO_REUSEPORT): the kernel deals out connections
                └─ worker N ─╯

The supervisor loads no model and answers no call. The server is ready while every worker is: a worker that ends, or
falls silent, makes every worker's health NOT_SERVING until another has taken its place; calls are answered meanwhile.
"""

import asyncio
import logging
import math
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from ktp_server.front.link import Failed, Heartbeat, WholeServer, receive
from ktp_server.listening import reserve_port
from ktp_server.observability.exposition import forget_worker, open_worker_metrics
from ktp_server.settings import Settings
from ktp_server.start_errors import WorkerStartError

__all__ = ["Patience", "Supervisor", "WorkerMain", "share_settings"]

WorkerMain = Callable[[Settings, Connection], None]
"""What a worker process runs, found by its name in a fresh interpreter."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds.

    Attributes:
        start_s: for a new worker's first heartbeat.
        silence_s: for the next one; a worker that is silent for longer is killed.
        restart_s: before a worker that ended is replaced; doubled, up to `restart_max_s`, while it never gets ready.
        restart_max_s: see `restart_s`.
        stop_s: beyond the grace of calls, for workers to end; then they are killed.
    """

    start_s: float = 300.0
    silence_s: float = 30.0
    restart_s: float = 0.5
    restart_max_s: float = 30.0
    stop_s: float = 10.0


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    connection: Connection
    is_ready: bool = False
    failure: str = ""


class Supervisor:
    """Keeps the workers of one server; used once, on the event loop."""

    def __init__(self, settings: Settings, main: WorkerMain, patience: Patience | None = None) -> None:
        """Build the supervisor.

        Args:
            settings: the whole server's.
            main: what a worker runs.
            patience: how long to wait for the workers.
        """
        self._settings = settings
        self._main = main
        self._patience = patience or Patience()
        self._address = settings.listen_address
        self._workers: dict[int, _Worker] = {}
        self._stopping = asyncio.Event()
        self._is_ready = self._was_ready = False
        self._ended_well = True

    async def run(self) -> int:
        """Keep the workers until SIGTERM or SIGINT, which they get, too, as they do SIGHUP.

        Returns:
            The exit status: 0 when every worker ended as it should, else 1.

        Raises:
            ListenError: the address is taken or not ours.
            WorkerStartError: a worker cannot start, and the server never was ready.
        """
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._hang_up}
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            with (
                reserve_port(self._settings.listen_address) as address,
                reserve_port(self._settings.http_address) as http_address,
                open_worker_metrics(self._settings.metrics_address),
            ):
                self._address = address
                places = {"listen_address": address, "http_address": http_address}
                share = share_settings(self._settings.model_copy(update=places))
                async with asyncio.TaskGroup() as group:
                    for place in range(self._settings.workers):
                        group.create_task(self._keep(place, share))
        except* WorkerStartError as failures:
            raise failures.exceptions[0] from None
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
        logger.info("stopped")
        return 0 if self._ended_well else 1

    async def _keep(self, place: int, share: Settings) -> None:
        """Keep one place filled until the server stops."""
        delay_s = self._patience.restart_s
        while not self._stopping.is_set():
            worker = self._workers[place] = _start(self._main, share)
            try:
                await self._follow(worker)
            except asyncio.CancelledError:
                worker.process.kill()
                raise
            finally:
                was_ready, worker.is_ready = worker.is_ready, False
                await self._bury(worker)
            if self._stopping.is_set():
                # Before it has its handler, SIGTERM just ends it: nothing was accepted yet.
                self._ended_well &= worker.process.exitcode in (0, -signal.SIGTERM)
                return
            reason = worker.failure or f"it ended with status {worker.process.exitcode}"
            if not self._was_ready:
                raise WorkerStartError(worker.failure or f"a server process did not start: {reason}")
            delay_s = self._patience.restart_s if was_ready else min(2 * delay_s, self._patience.restart_max_s)
            logger.error("worker %d is replaced in %.1f s: %s", place + 1, delay_s, reason)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _follow(self, worker: _Worker) -> None:
        """Hear a worker until it ends; one that has been silent for too long is killed."""
        while True:
            try:
                async with asyncio.timeout(self._patience.silence_s if worker.is_ready else self._patience.start_s):
                    message = await receive(worker.connection)
            except EOFError:
                return
            except TimeoutError:
                if self._stopping.is_set():
                    continue  # an interpreter that ends is silent, too; it has a time of its own
                worker.failure = "it fell silent"
                worker.process.kill()
                return
            if isinstance(message, Failed):
                worker.failure = message.reason
            elif isinstance(message, Heartbeat) and not worker.is_ready:
                worker.is_ready = True
                self._tell(worker)
                self._judge()

    async def _bury(self, worker: _Worker) -> None:
        """Wait until an ending worker has ended."""
        self._judge()
        worker.connection.close()
        await asyncio.to_thread(worker.process.join, self._patience.stop_s)
        if worker.process.is_alive():
            worker.process.kill()
            await asyncio.to_thread(worker.process.join)
        if worker.process.pid is not None:
            forget_worker(worker.process.pid)

    def _judge(self) -> None:
        """Find whether the server is ready, and tell every worker when that has changed."""
        ready_count = sum(worker.is_ready for worker in self._workers.values())
        if self._stopping.is_set() or (ready_count == self._settings.workers) == self._is_ready:
            return
        self._is_ready = not self._is_ready
        if self._is_ready:
            logger.info("serving gRPC on %s with %d workers", self._address, ready_count)
        self._was_ready |= self._is_ready
        for worker in self._workers.values():
            self._tell(worker)

    def _tell(self, worker: _Worker) -> None:
        with suppress(OSError):
            worker.connection.send(WholeServer(self._is_ready))

    def _stop(self) -> None:
        logger.info("draining, up to %.0f s", self._settings.drain_grace_s)
        self._stopping.set()
        for worker in self._workers.values():
            worker.process.terminate()
        last_s = self._settings.drain_grace_s + self._patience.stop_s
        asyncio.get_running_loop().call_later(last_s, self._kill)

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.process.kill()

    def _hang_up(self) -> None:
        # One that is not ready reads everything anew anyway, and has no handler yet.
        for worker in self._workers.values():
            if worker.is_ready and worker.process.pid is not None:
                os.kill(worker.process.pid, signal.SIGHUP)


def share_settings(settings: Settings) -> Settings:
    """Give the settings of one worker: of what is counted for the whole server, its share.

    Args:
        settings: the whole server's.
    """
    count = settings.workers
    return settings.model_copy(
        update={
            "max_in_flight_count": math.ceil(settings.max_in_flight_count / count),
            "open_call_count": math.ceil(settings.open_call_count / count),
            "bulk_in_flight_count": math.ceil(settings.bulk_in_flight_count / count),
            "http_connection_count": math.ceil(settings.http_connection_count / count),
            "http_buffer_bytes": math.ceil(settings.http_buffer_bytes / count),
            "cpu_worker_count": max(settings.cpu_worker_count // count, 1),
            "engine_worker_count": max(settings.engine_worker_count // count, 1),
            "engine_thread_count": max(settings.engine_thread_count // count, 1),
        }
    )


def _start(main: WorkerMain, share: Settings) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=(share, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)
