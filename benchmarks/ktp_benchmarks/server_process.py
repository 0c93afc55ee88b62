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

__all__ = ["ServerFailed", "ServerProcess", "run_server_process"]

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


class ServerFailed(Exception):
    """The server did not start."""


@dataclass(slots=True)
class ServerProcess:
    """A running `ktp-ocr serve`.

    Attributes:
        process: the process.
        target: host:port.
        log: what it has written.
    """

    process: subprocess.Popen[str]
    target: str = ""
    log: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Collect the log until the process ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            serving = re.search(r"serving gRPC on ([\d.]+:\d+)", line)
            if serving:
                self.target = serving[1]
                self.ready.set()
        self.ready.set()

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

    def stop(self) -> int:
        """Send SIGTERM and wait; give the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)

    def _status_mib(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0


@contextmanager
def run_server_process(*flags: str) -> Iterator[ServerProcess]:
    """Serve gRPC on a free port for as long as the context is open.

    Args:
        flags: of `ktp-ocr serve`, beside the addresses.

    Raises:
        ServerFailed: it did not start.
    """
    start = "from ktp_server.cli import main; main()"
    command = [sys.executable, "-c", start, "serve", "--listen", "127.0.0.1:0", "--http-address", "none", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        server = ServerProcess(process)
        following = threading.Thread(target=server.follow, daemon=True)
        following.start()
        try:
            server.ready.wait(START_TIMEOUT_S)
            if not server.target:
                raise ServerFailed("the server did not start: " + "".join(server.log[-5:]))
            yield server
        finally:
            process.terminate()
            following.join(STOP_TIMEOUT_S)
