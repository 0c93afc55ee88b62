"""Loads a model repository as its server would, and runs every model once over an empty input."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ktp_server.engines.embedded import EmbeddedEngine, EmbeddedEngineSettings
from ktp_server.engines.port import InferenceError, TensorBatch
from ktp_server.engines.repository import CONFIG_FILE_NAME, ModelRepositoryError, read_config, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_server.model_building.options import Platform

__all__ = ["CheckedModel", "check_repository"]

ADAPTER_FILE_NAME = "model.py"


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model that was found good.

    Attributes:
        name: its name.
        backend: the Triton backend that will run it.
        digest: begin of the graph's SHA-256.
        outputs: shape of each output for one empty item; empty for a plan, which only its own kind of GPU runs.
    """

    name: str
    backend: str
    digest: str
    outputs: Mapping[str, tuple[int, ...]]


def check_repository(root: Path) -> list[CheckedModel]:
    """Check a repository: configuration, files, and that each graph runs and gives what its configuration says.

    Plans run on their own kind of GPU only; they were compared with ONNX Runtime when they were built.

    Args:
        root: the repository's folder.

    Raises:
        ModelRepositoryError: something is missing, broken or different; the message names file and, in a
            configuration, line.
    """
    specs = read_model_repository(root)
    backends = {name: _check_files(root, spec) for name, spec in specs.items()}
    runnable = {name: spec for name, spec in specs.items() if backends[name] != Platform.TENSORRT}
    answers = asyncio.run(_run_each(runnable))
    checked = []
    for name, spec in specs.items():
        outputs = _check_answer(spec, answers[name]) if name in answers else {}
        checked.append(CheckedModel(name, backends[name], spec.read_digest(), outputs))
    return checked


def _check_files(root: Path, spec: ModelSpec) -> str:
    """Look for the files that Triton will ask for, and give the model's backend."""
    config_file = root / spec.name / CONFIG_FILE_NAME
    config = read_config(config_file)
    backend = str(config.backend or config.platform)
    if not backend:
        raise ModelRepositoryError(f"{config_file}: no backend is named")
    wanted = [spec.model_file, *(spec.model_file.with_name(name) for name in config.cc_model_filenames.values())]
    if backend == Platform.PYTHON:
        # Triton waits for ever for a model whose adapter is missing.
        wanted.append(spec.model_file.with_name(ADAPTER_FILE_NAME))
    for file in wanted:
        if not file.is_file():
            raise ModelRepositoryError(f"{file} is missing")
    return backend


async def _run_each(specs: Mapping[str, ModelSpec]) -> dict[str, TensorBatch]:
    settings = EmbeddedEngineSettings(worker_count=1, threads_per_execution_count=1, queue_limit=1)
    engine = EmbeddedEngine(specs, settings)
    try:
        return {name: await engine.infer(name, spec.example_batch()) for name, spec in specs.items()}
    except InferenceError as error:
        raise ModelRepositoryError(f"an empty input fails: {error}") from error
    finally:
        await engine.close()


def _check_answer(spec: ModelSpec, answer: TensorBatch) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for output in spec.outputs:
        tensor = answer.tensors[output.name]
        if not output.accepts(tensor.shape[1:]):
            raise ModelRepositoryError(
                f"{spec.model_file}: output {output.name} is {tensor.shape[1:]}, its config.pbtxt says {output.shape}"
            )
        shapes[output.name] = tensor.shape
    return shapes
