"""Peak memory of a real serving process while callers send it cards."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ktp_benchmarks.server_process import run_server_process
from ktp_server.client import AsyncKtpOcrClient, Endpoint
from ktp_server.errors import RecognitionError

_CALL_TIMEOUT_S = 120.0


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
