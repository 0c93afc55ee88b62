"""Two real Triton servers over the contract's tiny models, which the tests may stop, start and hurt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.tiny_models import write_repository
from tests.triton.triton_process import TritonProcess, run_triton


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that the engine compares with."""
    return write_repository(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="session")
def triton(local: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonProcess]:
    """A server that every test leaves running and whole."""
    with run_triton(local, tmp_path_factory.mktemp("triton")) as process:
        yield process
