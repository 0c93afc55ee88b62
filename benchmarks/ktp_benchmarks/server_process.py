"""A real serving process: started, looked at from outside, stopped."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["COMMAND", "ServerFailed", "ServerProcess", "run_server_process", "start_server_process"]

COMMAND = str(Path(sys.executable).with_name("ktp-ocr"))

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


class ServerFailed(Exception):
    """The server did not start."""


@dataclass(slots=True)
class ServerProcess:
    """A running `ktp-ocr serve`.

    Attributes:
        process: the process.
        port: of gRPC, on 127.0.0.1; 0 until it serves.
        http_port: of HTTP, likewise; 0 without it.
        log: what it has written; complete when it has been stopped.
    """

    process: subprocess.Popen[str]
    port: int = 0
    http_port: int = 0
    log: list[str] = field(default_factory=list)
    _ready: threading.Event = field(default_factory=threading.Event, init=False)
    _reader: threading.Thread | None = field(default=None, init=False)

    @property
    def target(self) -> str:
        """Where it serves gRPC, host:port."""
        return f"127.0.0.1:{self.port}"

    def follow(self) -> None:
        """Collect the log from now on; wait until the process serves, or has ended."""
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._ready.wait(START_TIMEOUT_S)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if answering := re.search(r"serving HTTP on https?://127\.0\.0\.1:(\d+)", line):
                self.http_port = int(answering[1])
            if serving := re.search(r"serving gRPC on 127\.0\.0\.1:(\d+)", line):
                self.port = int(serving[1])
                self._ready.set()
        self._ready.set()

    def resident_mib(self) -> float:
        """Memory that it holds now."""
        return self._status_mib("VmRSS")

    def peak_mib(self) -> float:
        """The most memory that it ever held."""
        return self._status_mib("VmHWM")

    def cpu_s(self) -> float:
        """CPU time that it has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = fields[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end of the process and of its log; give the exit status."""
        self.process.send_signal(how)
        status = self.process.wait(STOP_TIMEOUT_S)
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return status

    def _status_mib(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0


def start_server_process(*flags: str) -> ServerProcess:
    """Start a server on a free port and wait until it serves.

    Args:
        flags: of `ktp-ocr serve`, beside the address.

    Raises:
        ServerFailed: it did not start.
    """
    command = [COMMAND, "serve", "--listen", "127.0.0.1:0", *flags]
    server = ServerProcess(subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True))
    server.follow()
    if not server.port:
        server.stop(signal.SIGKILL)
        raise ServerFailed("the server did not start: " + "".join(server.log))
    return server


@contextmanager
def run_server_process(*flags: str) -> Iterator[ServerProcess]:
    """Serve gRPC on a free port for as long as the context is open.

    Args:
        flags: of `ktp-ocr serve`, beside the addresses.

    Raises:
        ServerFailed: it did not start.
    """
    server = start_server_process("--http-address", "none", *flags)
    try:
        yield server
    finally:
        server.stop()
