"""Real inputs of every model: what the pipeline sends to them while it reads pictures.

They calibrate INT8 plans and show whether a plan answers as ONNX Runtime does. They stay in memory.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_preprocessing.errors import ImageError
from ktp_server.engines.embedded import EmbeddedEngineSettings, open_embedded_engine
from ktp_server.engines.port import InferenceEngine, TensorBatch
from ktp_server.engines.spec import ModelSpec
from ktp_server.errors import RecognitionError
from ktp_server.models import CardModels
from ktp_server.pipeline import Pipeline
from ktp_server.rules import pipeline_rules
from ktp_server.settings import Settings
from ktp_server.stages import CpuWorkers

__all__ = ["Sample", "record_samples"]

ONE_EXECUTION = EmbeddedEngineSettings(worker_count=1, threads_per_execution_count=1, queue_limit=64)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One request to a model, and ONNX Runtime's answer.

    Attributes:
        inputs, outputs: arrays by name.
    """

    inputs: TensorBatch
    outputs: TensorBatch


class _RecordingEngine:
    """An `InferenceEngine` that keeps what passes through it."""

    def __init__(self, engine: InferenceEngine, models: Iterable[str]) -> None:
        self._engine = engine
        self.samples: dict[str, list[Sample]] = {model: [] for model in models}

    @property
    def available(self) -> bool:
        return self._engine.available

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        answer = await self._engine.infer(model, batch, deadline_s)
        self.samples[model].append(Sample(batch, answer))
        return answer


def record_samples(
    specs: Mapping[str, ModelSpec], source_file_name: str, images: Iterable[Path]
) -> dict[str, list[Sample]]:
    """Read pictures and keep what the models were asked and answered; pictures that cannot be read give what they can.

    Args:
        specs: the models by name.
        source_file_name: which of their files answers.
        images: image files.

    Returns:
        Samples by model, in the order of the pictures.

    Raises:
        ModelRepositoryError, ModelContractError: the models cannot be used.
        OSError: a picture cannot be opened.
    """
    chosen = {
        name: replace(spec, model_file=spec.model_file.with_name(source_file_name)) for name, spec in specs.items()
    }
    return asyncio.run(_record(chosen, images))


async def _record(specs: Mapping[str, ModelSpec], images: Iterable[Path]) -> dict[str, list[Sample]]:
    workers = CpuWorkers(1)
    try:
        async with open_embedded_engine(specs, ONE_EXECUTION) as engine:
            recording = _RecordingEngine(engine, specs)
            rules = pipeline_rules(Settings(), CardKnowledge.open(None))
            pipeline = Pipeline(CardModels.build(recording, specs), workers, rules)
            for image in images:
                with contextlib.suppress(RecognitionError, ImageError):
                    await pipeline.recognize(await asyncio.to_thread(image.read_bytes))
    finally:
        workers.close()
    return recording.samples
