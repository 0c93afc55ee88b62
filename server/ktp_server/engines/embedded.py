"""The embedded engine: ONNX Runtime in this process, with dynamic batching.

It reads the repository that a Triton server would serve, and batches concurrent requests by the same configuration.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import onnxruntime

from ktp_server.engines.batcher import BatchStatistics, DynamicBatcher
from ktp_server.engines.port import FailureKind, InferenceError, TensorBatch
from ktp_server.engines.repository import ModelRepositoryError
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.worker_pool import Execute, WorkerPool
from ktp_server.observability.observer import Observer

__all__ = ["EmbeddedEngine", "EmbeddedEngineSettings", "open_embedded_engine"]

ONNX_DTYPE_NAMES: Mapping[str, np.dtype[np.generic]] = {
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
}
"""Element types by ONNX Runtime's names."""


@dataclass(frozen=True, slots=True)
class EmbeddedEngineSettings:
    """How much of the machine the engine takes.

    Attributes:
        worker_count: executions that run at a time, over all models.
        threads_per_execution_count: threads ONNX Runtime uses inside one execution.
        queue_limit: requests that may wait for each model.
    """

    worker_count: int
    threads_per_execution_count: int
    queue_limit: int


@asynccontextmanager
async def open_embedded_engine(
    models: Mapping[str, ModelSpec], settings: EmbeddedEngineSettings, observer: Observer | None = None
) -> AsyncIterator["EmbeddedEngine"]:
    """Load every model; finish what runs at the end.

    Raises:
        ModelRepositoryError: see `EmbeddedEngine`.
    """
    engine = await asyncio.to_thread(EmbeddedEngine, models, settings, observer)
    try:
        yield engine
    finally:
        await engine.close()


class EmbeddedEngine:
    """An `InferenceEngine` over ONNX Runtime on the CPU."""

    def __init__(
        self, models: Mapping[str, ModelSpec], settings: EmbeddedEngineSettings, observer: Observer | None = None
    ) -> None:
        """Load every model.

        Args:
            models: the repository's models by name.
            settings: how much of the machine to take.
            observer: is told of queues and batches.

        Raises:
            ModelRepositoryError: a model file is missing or damaged, or differs from its config.pbtxt.
        """
        self._workers = WorkerPool(settings.worker_count)
        self._models = dict(models)
        self._batchers = {
            name: DynamicBatcher(spec, _load(spec, settings), self._workers, settings.queue_limit, observer)
            for name, spec in models.items()
        }

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        """Run a model; see `InferenceEngine.infer`."""
        if model not in self._batchers:
            raise InferenceError(FailureKind.UNAVAILABLE, model, "the repository holds no such model")
        self._models[model].check_inputs(batch)
        return await self._batchers[model].submit(batch, deadline_s)

    @property
    def available(self) -> bool:
        """Always: the models are in this process."""
        return True

    def statistics(self, model: str) -> BatchStatistics:
        """Give the counts of one model.

        Raises:
            KeyError: there is no such model.
        """
        return self._batchers[model].statistics

    async def close(self) -> None:
        """Refuse what waits, finish what runs, end the threads."""
        for batcher in self._batchers.values():
            await batcher.close()
        self._workers.close()


def _load(spec: ModelSpec, settings: EmbeddedEngineSettings) -> Execute:
    if not spec.model_file.is_file():
        raise ModelRepositoryError(f"model file {spec.model_file} is missing")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads_per_execution_count
    options.inter_op_num_threads = 1
    # Idle threads that spin would take the cores that other requests' CPU stages need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena of each model's own keeps what its largest batch ever took, and no other model may use it; one block for
    # all tensors of an execution finds no place between others. Without both, 280 MB instead of 380, and level.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(spec.model_file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base class
        raise ModelRepositoryError(f"{spec.model_file}: ONNX Runtime cannot load it: {error}") from error
    _compare(spec, session)
    output_names = [output.name for output in spec.outputs]

    def execute(batch: TensorBatch) -> TensorBatch:
        arrays = session.run(output_names, dict(batch.tensors))
        return TensorBatch({name: np.asarray(array) for name, array in zip(output_names, arrays, strict=True)})

    return execute


def _compare(spec: ModelSpec, session: onnxruntime.InferenceSession) -> None:
    """Hold a graph against its config.pbtxt, so that a mismatch stops the start and not the first request."""
    for kind, wanted, nodes in (
        ("input", spec.inputs, session.get_inputs()),
        ("output", spec.outputs, session.get_outputs()),
    ):
        found = {node.name: ONNX_DTYPE_NAMES.get(node.type) for node in nodes}
        for tensor in wanted:
            place = f"{spec.model_file}: {kind} {tensor.name!r}"
            if tensor.name not in found:
                raise ModelRepositoryError(f"{place} is missing in the graph, which has {sorted(found)}")
            if found[tensor.name] != tensor.dtype:
                raise ModelRepositoryError(f"{place} is {found[tensor.name]}, its config.pbtxt says {tensor.dtype}")
