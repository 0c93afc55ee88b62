"""A server process with the real models, and specimens to send to it."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_specimen.generate import SpecimenSettings, write_specimens
from ktp_specimen.strata import Stratum
from ktp_specimen.truth import SpecimenTruth, read_truths

COMMAND = str(Path(sys.executable).with_name("ktp-ocr"))
START_TIMEOUT_S = 60.0
SPECIMEN_SEED = 424242


@dataclass(frozen=True)
class SpecimenSet:
    """Rendered pictures with their truth, by stratum."""

    folder: Path
    truths: dict[str, list[SpecimenTruth]]

    def path(self, stratum: Stratum, number: int = 0) -> Path:
        """The picture with this number among those of a stratum."""
        return self.folder / self.truths[stratum][number].file


@dataclass
class ServerProcess:
    """A running `ktp-ocr serve`."""

    process: subprocess.Popen[str]
    port: int = 0
    http_port: int = 0
    log: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Collect the log until the process ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            serving = re.search(r"serving gRPC on 127\.0\.0\.1:(\d+)", line)
            answering = re.search(r"serving HTTP on https?://127\.0\.0\.1:(\d+)", line)
            if answering:
                self.http_port = int(answering[1])
            if serving:
                self.port = int(serving[1])
                self.ready.set()
        self.ready.set()


def start_process(*arguments: str) -> ServerProcess:
    """Start a server on a free port and wait until it serves."""
    command = [COMMAND, "serve", "--listen", "127.0.0.1:0", "--http-address", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    server = ServerProcess(process)
    threading.Thread(target=server.follow, daemon=True).start()
    server.ready.wait(START_TIMEOUT_S)
    if not server.port:
        process.kill()
        stop_process(server)
        pytest.fail("the server did not start: " + "".join(server.log))
    return server


def stop_process(server: ServerProcess, how: signal.Signals = signal.SIGTERM) -> int:
    """Ask the server to stop and give its exit status."""
    server.process.send_signal(how)
    status = server.process.wait(timeout=30)
    assert server.process.stderr is not None
    server.process.stderr.close()
    return status


@pytest.fixture(scope="session")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> SpecimenSet:
    folder = tmp_path_factory.mktemp("specimens")
    strata = (Stratum.CLEAN, Stratum.PHONE, Stratum.EMPTY, Stratum.SEVERAL)
    assert list(write_specimens(SpecimenSettings(folder, SPECIMEN_SEED, 8, strata)))[-1] == 8
    truths: dict[str, list[SpecimenTruth]] = {stratum: [] for stratum in strata}
    for truth in read_truths(folder):
        truths[truth.stratum].append(truth)
    return SpecimenSet(folder, truths)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    server = start_process()
    yield server
    assert stop_process(server) == 0


@pytest.fixture
def stub(server: ServerProcess) -> Iterator[stubs.KtpOcrServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield stubs.KtpOcrServiceStub(channel)


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ktp-ocr` to its end."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False)


def read_json(*paths: Path) -> list[dict[str, object]]:
    """Run `ktp-ocr read --json` and parse its lines."""
    outcome = run_command("read", "--json", *map(str, paths))
    return [json.loads(line) for line in outcome.stdout.splitlines()]
