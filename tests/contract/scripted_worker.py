"""Worker processes over a scripted reader, for the supervisor's tests: the real link, the real server, no models."""

import asyncio
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from ktp_server.front.app import start_server
from ktp_server.front.link import Failed
from ktp_server.front.worker import SupervisorLink
from ktp_server.results import AssessmentResult, RecognitionResult
from ktp_server.settings import Settings
from tests.contract.scripted_reader import ScriptedReader, recognition_of


class TellingReader(ScriptedReader):
    """Reads every image as the number of its own process; one that names a file makes it, and takes half a second."""

    async def recognize(self, data: bytes, *_: object) -> RecognitionResult:
        if data.startswith(b"/"):
            Path(os.fsdecode(data)).touch()  # noqa: ASYNC240  # for the test, which waits for it
            await asyncio.sleep(0.5)
        return recognition_of(str(os.getpid()))

    async def assess_quality(self, data: bytes, *_: object) -> AssessmentResult:
        raise NotImplementedError


def run_scripted_worker(settings: Settings, connection: Connection) -> None:
    asyncio.run(_serve(settings, connection))


def run_slowly_ending_worker(settings: Settings, connection: Connection) -> None:
    asyncio.run(_serve(settings, connection))
    time.sleep(4.0)  # as an interpreter does that has much to tear down


def run_faulty_worker(settings: Settings, connection: Connection) -> None:
    connection.send(Failed("areas.csv, line 2: no such code"))
    sys.exit(2)


def run_dying_worker(settings: Settings, connection: Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _serve(settings: Settings, connection: Connection) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    running = await start_server(TellingReader(), settings)
    await SupervisorLink(connection).announce(running, stop)
    await stop.wait()
    await running.drain(settings.drain_grace_s)
