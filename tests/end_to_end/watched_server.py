"""A server and everything that it says, sends and keeps; a single process may not write a byte into any file."""

import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from ktp_benchmarks.server_process import COMMAND, START_TIMEOUT_S
from ktp_server.configuration import environment_name
from ktp_server.security.api_keys import make_api_key
from ktp_server.security.key_file import add_key


class Collector(grpc.GenericRpcHandler):
    """Takes traces as they travel, in place of an OpenTelemetry collector."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """See `grpc.GenericRpcHandler`."""
        assert handler_call_details.method.endswith("TraceService/Export")
        return grpc.unary_unary_rpc_method_handler(self._take)

    def _take(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        self.received.append(request)
        return b""


@contextmanager
def run_collector() -> Iterator[tuple[Collector, int]]:
    """Collect traces on a free port."""
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((collector,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, port
    finally:
        server.stop(None).wait()


@dataclass
class WatchedServer:
    """The process, what it wrote, and what it answered where it failed.

    Attributes:
        key: lets callers in.
        home: its working, home and temporary folder.
        written: lines of its standard output and error.
        filed: what stood in its files, see `read_files`; kept by the caller.
        answered: failures, with their details; appended by the caller.
    """

    process: subprocess.Popen[bytes]
    key: str
    home: Path
    collector: Collector
    written: list[bytes] = field(default_factory=list)
    filed: list[bytes] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    ready: threading.Event = field(default_factory=threading.Event)

    def follow(self, pipe: Iterator[bytes]) -> None:
        """Collect lines until the process ends."""
        for line in pipe:
            self.written.append(line)
            if found := re.search(rb"serving (gRPC|HTTP) on [^\"]*127\.0\.0\.1:(\d+)", line):
                self.ports[found[1].decode()] = int(found[2])
            if len(self.ports) == 2:
                self.ready.set()

    def wait_for(self, text: str, count: int) -> None:
        """Wait until so many lines hold a text."""
        until_s = time.monotonic() + START_TIMEOUT_S
        while sum(text.encode() in line for line in self.written) < count:
            assert time.monotonic() < until_s, text
            time.sleep(0.05)

    def read_files(self) -> list[bytes]:
        """What stands in files now: workers share their counters by such."""
        return [path.read_bytes() for path in self.home.rglob("*") if path.is_file()]

    def evidence(self) -> str:
        """Everything that came out of it: output, files, traces, failures."""
        texts = [data.decode("utf-8", "replace") for data in (*self.written, *self.filed, *self.collector.received)]
        return "\n".join([*texts, *self.answered])


@contextmanager
def run_watched(folder: Path, worker_count: int = 1) -> Iterator[WatchedServer]:
    """Serve gRPC and HTTP at level DEBUG, with a key and traces.

    Several workers share their counters by files below `home`; a single process may write no file at all.
    """
    presented, key = make_api_key("teller")
    add_key(folder / "keys.txt", key)
    home = folder / "home"
    home.mkdir()
    with run_collector() as (collector, collector_port):
        settings = {
            "listen_address": "127.0.0.1:0",
            "http_address": "127.0.0.1:0",
            "workers": str(worker_count),
            "log_level": "DEBUG",
            "log_format": "json",
            "api_keys": str(folder / "keys.txt"),
            "otlp_endpoint": f"http://127.0.0.1:{collector_port}",
        }
        environment = {environment_name(name): value for name, value in settings.items()}
        environment |= dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(home))
        process = subprocess.Popen(
            [COMMAND, "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env={"PATH": os.environ["PATH"], **environment},
        )
        watched = WatchedServer(process, presented, home, collector)
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        readers = [threading.Thread(target=watched.follow, args=(pipe,)) for pipe in pipes]
        for reader in readers:
            reader.start()
        try:
            if not watched.ready.wait(START_TIMEOUT_S):
                pytest.fail(b"".join(watched.written).decode())
            if worker_count == 1:
                # Pipes and sockets are not files: whatever reaches a disk from now on, wherever, is an error.
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
            yield watched
        finally:
            process.kill()
            process.wait()
            for reader, pipe in zip(readers, pipes, strict=True):
                reader.join()
                pipe.close()
