"""A server process with the real models, and specimens to send to it."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.server_process import COMMAND, ServerProcess, start_server_process
from ktp_specimen.generate import SpecimenSettings, write_specimens
from ktp_specimen.strata import Stratum
from ktp_specimen.truth import SpecimenTruth, read_truths

SPECIMEN_SEED = 424242


@dataclass(frozen=True)
class SpecimenSet:
    """Rendered pictures with their truth, by stratum."""

    folder: Path
    truths: dict[str, list[SpecimenTruth]]

    def path(self, stratum: Stratum, number: int = 0) -> Path:
        """The picture with this number among those of a stratum."""
        return self.folder / self.truths[stratum][number].file


def start_process(*flags: str) -> ServerProcess:
    """Start a server of gRPC and HTTP on free ports and wait until it serves."""
    return start_server_process("--http-address", "127.0.0.1:0", *flags)


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
    assert server.stop() == 0


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
