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

HANGUP_COUNT = b"how many hang-ups?"


class TellingReader(ScriptedReader):
    """Reads every image as the number of its own process.

    One that names a file makes it, and takes half a second; `HANGUP_COUNT` is read as the number of SIGHUPs so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hangup_count = 0

    def hang_up(self) -> None:
        self._hangup_count += 1

    async def recognize(self, data: bytes, *_: object) -> RecognitionResult:
        if data == HANGUP_COUNT:
            return recognition_of(str(self._hangup_count))
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
    reader, stop = TellingReader(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reader.hang_up)
    running = await start_server(reader, settings)
    await SupervisorLink(connection).announce(running, stop)
    await stop.wait()
    await running.drain(settings.drain_grace_s)
