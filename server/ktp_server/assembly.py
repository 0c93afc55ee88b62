"""Builds the pipeline from the settings: models, engine, worker threads, thresholds."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import cv2

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_server.engines.embedded import EmbeddedEngineSettings, open_embedded_engine
from ktp_server.engines.port import InferenceEngine
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
from ktp_server.memory import TAKEN_BYTES, keep_one_heap, kept_memory
from ktp_server.models import CardModels
from ktp_server.observability.observer import Observer, SilentObserver
from ktp_server.pipeline import Pipeline
from ktp_server.rules import pipeline_rules
from ktp_server.settings import Settings
from ktp_server.stages import CpuWorkers, Timer

__all__ = ["open_pipeline"]


@asynccontextmanager
async def open_pipeline(
    settings: Settings,
    knowledge: CardKnowledge | None = None,
    timer: Timer = time.perf_counter,
    observer: Observer | None = None,
) -> AsyncIterator[Pipeline]:
    """Load the models and give a pipeline that has answered a warm-up.

    Args:
        settings: thresholds, and how much of the machine to take.
        knowledge: lists that fields are matched against; those of the settings by default.
        timer: times the stages, see `StageClock`.
        observer: is told of models, queues and batches.

    Raises:
        ModelRepositoryError, ModelContractError: the models cannot be used.
        TemplateError: the user's tables cannot be used.
    """
    observer = observer or SilentObserver()
    # One image is handled by one thread: parallelism comes from concurrent requests, bounded by cpu_worker_count.
    cv2.setNumThreads(1)
    keep_one_heap()
    specs = read_model_repository(settings.model_repository or find_model_repository())
    workers = CpuWorkers(settings.cpu_worker_count, observer)
    try:
        async with _open_engine(specs, settings, observer) as engine:
            models = CardModels.build(engine, specs)
            if knowledge is None:
                knowledge = await asyncio.to_thread(CardKnowledge.open, settings.templates)
            for spec in specs.values():
                observer.model_loaded(spec.name, spec.version, spec.read_digest())
            await models.warm_up()
            async with kept_memory(settings.cpu_worker_count * TAKEN_BYTES):
                yield Pipeline(models, workers, pipeline_rules(settings, knowledge), timer)
    finally:
        workers.close()


def _open_engine(
    specs: Mapping[str, ModelSpec], settings: Settings, observer: Observer
) -> AbstractAsyncContextManager[InferenceEngine]:
    if settings.engine == "triton":
        servers = TritonEngineSettings(
            addresses=settings.triton_addresses,
            uses_shared_memory=settings.triton_shared_memory,
            reloads_models=settings.triton_reload_models,
            patience_s=settings.triton_wait_s,
        )
        return open_triton_engine(specs, servers, observer)
    limits = EmbeddedEngineSettings(
        worker_count=settings.engine_worker_count,
        threads_per_execution_count=settings.engine_thread_count,
        queue_limit=settings.engine_queue_limit,
    )
    return open_embedded_engine(specs, limits, observer)
