"""Peak memory of a real serving process while callers send it cards."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ktp_server.client import KtpOcrClient, connect
from ktp_server.errors import RecognitionError

_CALL_TIMEOUT_S = 120.0


class ServerFailed(Exception):
    """The server did not start."""


def measure_server_peak_mib(files: Sequence[Path], caller_count: int) -> float:
    """Start `ktp-ocr serve`, send it every file over gRPC, and read the most memory that it ever held.

    Args:
        files: images, sent in turn by whichever caller is free.
        caller_count: callers at a time.

    Raises:
        ServerFailed: it did not start.
    """
    start = "from ktp_server.cli import main; main()"
    command = [sys.executable, "-c", start, "serve", "--listen", "127.0.0.1:0", "--http-address", "none"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            port = 0
            for line in process.stderr:
                serving = re.search(r"serving gRPC on 127\.0\.0\.1:(\d+)", line)
                if serving:
                    port = int(serving[1])
                    break
            if not port:
                raise ServerFailed("the server did not start")
            asyncio.run(_send_all(f"127.0.0.1:{port}", files, caller_count))
            return _peak_mib(process.pid)
        finally:
            process.terminate()


async def _send_all(target: str, files: Sequence[Path], caller_count: int) -> None:
    waiting = iter(files)

    async def call(client: KtpOcrClient) -> None:
        for file in waiting:
            data = await asyncio.to_thread(file.read_bytes)
            try:
                await client.recognize(data, _CALL_TIMEOUT_S)
            except RecognitionError:
                continue  # a refused image takes memory too

    async with connect(target) as client, asyncio.TaskGroup() as group:
        for _ in range(caller_count):
            group.create_task(call(client))


def _peak_mib(process_id: int) -> float:
    """VmHWM: the high-water mark of the resident set."""
    status = Path(f"/proc/{process_id}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
