"""Every engine against the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ktp_server.engines.embedded import EmbeddedEngine, EmbeddedEngineSettings
from ktp_server.engines.port import FailureKind, InferenceEngine, InferenceError
from ktp_server.engines.repository import ModelRepositoryError, read_model_repository
from tests.contract.engine_contract import BatchingContract, EngineContract, floats
from tests.contract.fake_engine import FakeEngine
from tests.contract.tiny_models import write_repository

SETTINGS = EmbeddedEngineSettings(worker_count=2, threads_per_execution_count=1, queue_limit=1000)
TABLE = np.array([10.0, 11.0, 12.0, 13.0], dtype=np.float32)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(tmp_path_factory.mktemp("models"))


class TestFakeEngine(EngineContract):
    @pytest.fixture
    def engine(self, repository: Path) -> InferenceEngine:
        return FakeEngine(
            read_model_repository(repository),
            {
                "double": lambda tensors: {"y": 2 * np.asarray(tensors["x"], dtype=np.float32)},
                "pick": lambda tensors: {"y": TABLE[np.asarray(tensors["x"], dtype=np.int64)]},
            },
        )


class TestEmbeddedEngine(BatchingContract):
    @pytest.fixture
    async def engine(self, repository: Path) -> AsyncIterator[InferenceEngine]:
        engine = EmbeddedEngine(read_model_repository(repository), SETTINGS)
        yield engine
        await engine.close()

    async def test_closing_refuses_what_waits(self, repository: Path) -> None:
        engine = EmbeddedEngine(read_model_repository(repository), SETTINGS)
        await engine.close()
        with pytest.raises(InferenceError) as caught:
            await engine.infer("double", floats([1.0]))
        assert caught.value.kind is FailureKind.UNAVAILABLE


def test_missing_model_file_stops_the_start(tmp_path: Path) -> None:
    specs = read_model_repository(write_repository(tmp_path))
    specs["double"].model_file.unlink()
    with pytest.raises(ModelRepositoryError, match=r"model\.onnx is missing"):
        EmbeddedEngine(specs, SETTINGS)


def test_damaged_model_file_stops_the_start(tmp_path: Path) -> None:
    specs = read_model_repository(write_repository(tmp_path))
    specs["double"].model_file.write_bytes(b"no graph")
    with pytest.raises(ModelRepositoryError, match="cannot load it"):
        EmbeddedEngine(specs, SETTINGS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name: "y"', 'name: "result"', "output 'result' is missing"),
        ("TYPE_INT64", "TYPE_FP32", "input 'x' is int64, its config.pbtxt says float32"),
    ],
)
def test_graph_that_differs_from_its_configuration_stops_the_start(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    config = write_repository(tmp_path) / "pick" / "config.pbtxt"
    config.write_text(config.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ModelRepositoryError, match=message):
        EmbeddedEngine(read_model_repository(tmp_path), SETTINGS)
