"""Cards and single inferences through the embedded engine and through a real Triton server, side by side."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from rich.progress import Progress

from ktp_benchmarks.engine_load import Figures, Way, measure_way, session_cpu_s
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_server.engines.embedded import EmbeddedEngine, EmbeddedEngineSettings, open_embedded_engine
from ktp_server.engines.port import InferenceEngine, TensorBatch
from ktp_server.engines.repository import find_model_repository, read_config, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
from ktp_server.models import DETECTION_MODEL, RECOGNITION_MODEL, CardModels
from ktp_server.pipeline import Pipeline
from ktp_server.rules import pipeline_rules
from ktp_server.settings import Settings
from ktp_server.stages import CpuWorkers
from tests.triton.statistics import count_executions, count_requests
from tests.triton.triton_process import TritonProcess, run_triton

__all__ = ["EngineRun", "Tritons", "measure_engines", "run_two_tritons"]

CPU_WORKER_COUNT = 2


@dataclass(frozen=True, slots=True)
class Tritons:
    """Two servers on this host.

    Attributes:
        batching: as it is configured.
        single: without dynamic batching: every request is an execution of its own.
    """

    batching: TritonProcess
    single: TritonProcess


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What was measured.

    Attributes:
        cards: whole cards, from image file to fields.
        detections: single inferences of the text detector.
    """

    cards: list[Figures]
    detections: list[Figures]


@contextmanager
def run_two_tritons(folder: Path) -> Iterator[Tritons]:
    """Serve the bundled models twice, with dynamic batching and without.

    Raises:
        TritonFailed: a server did not start.
    """
    source = find_model_repository()
    plain = folder / "plain"
    for name, spec in read_model_repository(source).items():
        config = read_config(source / name / "config.pbtxt")
        config.ClearField("dynamic_batching")
        (plain / name).mkdir(parents=True)
        (plain / name / "config.pbtxt").write_text(text_format.MessageToString(config))
        (plain / name / spec.version).symlink_to(spec.model_file.parent)
    for name in ("batching", "single"):
        (folder / name).mkdir()
    with run_triton(source, folder / "batching") as batching, run_triton(plain, folder / "single") as single:
        yield Tritons(batching, single)


async def measure_engines(
    tritons: Tritons, images: Sequence[bytes], callers: Sequence[int], duration_s: float, progress: Progress
) -> EngineRun:
    """Measure every way with every number of callers; the ways take turns, so that all meet the same conditions.

    Args:
        tritons: two servers.
        images: files that can be read.
        callers: numbers of callers.
        duration_s: of each measurement.
        progress: shows how far it is.
    """
    async with _open_engines(tritons) as engines:
        workers = CpuWorkers(CPU_WORKER_COUNT)
        rules = pipeline_rules(Settings(), CardKnowledge.open(None))
        pipelines = {
            engine.name: Pipeline(CardModels.build(engine.engine, engine.specs), workers, rules) for engine in engines
        }
        frame = _example_frame(engines[0].specs[DETECTION_MODEL])
        cards = [engine.way(partial(_read_card, pipelines[engine.name], images)) for engine in engines]
        detections = [engine.way(partial(_detect, engine.engine, frame)) for engine in engines]
        bar = progress.add_task("measuring", total=2 * len(engines) * len(callers))
        run = EngineRun([], [])
        try:
            for ways, figures in ((cards, run.cards), (detections, run.detections)):
                for way in ways:
                    await measure_way(way, 1, 0.0)
                for count in callers:
                    for way in ways:
                        figures.append(await measure_way(way, count, duration_s))
                        progress.advance(bar)
        finally:
            workers.close()
    return run


@dataclass(frozen=True, slots=True)
class _OpenEngine:
    name: str
    engine: InferenceEngine
    specs: Mapping[str, ModelSpec]
    triton: TritonProcess | None = None

    def way(self, work: Callable[[int], Awaitable[object]]) -> Way:
        return Way(self.name, work, self._count, self._server_cpu_s)

    def _count(self) -> tuple[int, int]:
        if self.triton is not None:
            return count_requests(self.triton, RECOGNITION_MODEL), count_executions(self.triton, RECOGNITION_MODEL)
        assert isinstance(self.engine, EmbeddedEngine)
        statistics = self.engine.statistics(RECOGNITION_MODEL)
        return statistics.request_count, statistics.execution_count

    def _server_cpu_s(self) -> float:
        return 0.0 if self.triton is None else session_cpu_s(self.triton.process_id)


@asynccontextmanager
async def _open_engines(tritons: Tritons) -> AsyncIterator[list[_OpenEngine]]:
    bundled, settings = read_model_repository(find_model_repository()), Settings()
    limits = EmbeddedEngineSettings(
        settings.engine_worker_count, settings.engine_thread_count, settings.engine_queue_limit
    )
    async with AsyncExitStack() as stack:
        embedded = await stack.enter_async_context(open_embedded_engine(bundled, limits))
        engines = [_OpenEngine("embedded", embedded, bundled)]
        for label, triton in (("", tritons.batching), (", no batching", tritons.single)):
            specs = read_model_repository(triton.repository)
            for path, uses_shared_memory in (("messages", False), ("shared memory", True)):
                servers = TritonEngineSettings((triton.grpc_address,), uses_shared_memory)
                engine = await stack.enter_async_context(open_triton_engine(specs, servers))
                engines.append(_OpenEngine(f"Triton, {path}{label}", engine, specs, triton))
        yield engines


async def _read_card(pipeline: Pipeline, images: Sequence[bytes], number: int) -> object:
    return await pipeline.recognize(images[number % len(images)])


async def _detect(engine: InferenceEngine, frame: TensorBatch, _number: int) -> object:
    return await engine.infer(DETECTION_MODEL, frame)


def _example_frame(spec: ModelSpec) -> TensorBatch:
    rng = np.random.default_rng(7)
    return TensorBatch(
        {tensor.name: rng.integers(0, 256, (1, *tensor.shape), dtype=np.uint8) for tensor in spec.inputs}
    )
