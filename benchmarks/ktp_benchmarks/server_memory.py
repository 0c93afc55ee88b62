"""Memory of a real serving process while callers send it cards: the most of it, or how it goes."""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TypeVar

from ktp_benchmarks.server_process import ServerProcess, run_server_process
from ktp_server.client import AsyncKtpOcrClient, Endpoint
from ktp_server.errors import RecognitionError

__all__ = ["measure_server_peak_mib", "watch_memory"]

T = TypeVar("T")

_CALL_TIMEOUT_S = 120.0
_LOOK_INTERVAL_S = 0.2


async def watch_memory(server: ServerProcess, work: Awaitable[T]) -> tuple[T, list[float]]:
    """Look at a server's memory again and again.

    It goes up and down with what is in work and with what is given back to the system: one look at it tells little,
    a mean more.

    Args:
        server: the server.
        work: what keeps it busy; its end ends the looking.

    Returns:
        What came of the work, and the server's resident memory, MiB, five times a second.
    """

    async def look() -> None:
        while True:
            seen_mib.append(server.resident_mib())
            await asyncio.sleep(_LOOK_INTERVAL_S)

    seen_mib: list[float] = []
    looking = asyncio.create_task(look())
    try:
        outcome = await work
    finally:
        looking.cancel()
    return outcome, [*seen_mib, server.resident_mib()]


def measure_server_peak_mib(files: Sequence[Path], caller_count: int) -> float:
    """Start `ktp-ocr serve`, send it every file over gRPC, and read the most memory that it ever held.

    Args:
        files: images, sent in turn by whichever caller is free.
        caller_count: callers at a time.

    Raises:
        ServerFailed: it did not start.
    """
    with run_server_process() as server:
        asyncio.run(_send_all(server.target, files, caller_count))
        return server.peak_mib()


async def _send_all(target: str, files: Sequence[Path], caller_count: int) -> None:
    waiting = iter(files)

    async def call(client: AsyncKtpOcrClient) -> None:
        for file in waiting:
            data = await asyncio.to_thread(file.read_bytes)
            try:
                await client.recognize(data, _CALL_TIMEOUT_S)
            except RecognitionError:
                continue  # a refused image takes memory too

    async with AsyncKtpOcrClient(Endpoint(target)) as client, asyncio.TaskGroup() as group:
        for _ in range(caller_count):
            group.create_task(call(client))
