"""Two real Triton servers over the contract's tiny models, which the tests may stop, start and hurt."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ktp_server.engines.repository import read_model_repository
from ktp_server.engines.spec import ModelSpec
from tests.contract.tiny_models import write_repository
from tests.triton.triton_process import WITH_QUEUE_POLICY, TritonProcess, run_triton


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that the engine compares with."""
    return write_repository(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="session")
def quick(local: Path) -> Mapping[str, ModelSpec]:
    """The models that answer a lone request at once: an engine that knows no others probes a server in no time."""
    specs = read_model_repository(local)
    return {name: specs[name] for name in ("double", "pick")}


@pytest.fixture(scope="session")
def triton(local: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonProcess]:
    """A server that every test leaves running and whole."""
    with run_triton(local, tmp_path_factory.mktemp("triton"), WITH_QUEUE_POLICY) as process:
        yield process
        # Nobody looks how it ends: killed, it does so at once.
        process.stop(signal.SIGKILL)
