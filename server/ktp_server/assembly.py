"""Builds the pipeline from the settings: models, engine, worker threads, thresholds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_server.engines.embedded import EmbeddedEngine, EmbeddedEngineSettings
from ktp_server.engines.repository import find_model_repository, read_model_repository
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
    specs = read_model_repository(settings.model_repository or find_model_repository())
    limits = EmbeddedEngineSettings(
        worker_count=settings.engine_worker_count,
        threads_per_execution_count=settings.engine_thread_count,
        queue_limit=settings.engine_queue_limit,
    )
    engine = await asyncio.to_thread(EmbeddedEngine, specs, limits, observer)
    workers = CpuWorkers(settings.cpu_worker_count, observer)
    try:
        models = CardModels.build(engine, specs)
        if knowledge is None:
            knowledge = await asyncio.to_thread(CardKnowledge.open, settings.templates)
        for spec in specs.values():
            observer.model_loaded(spec.name, spec.version, spec.read_digest())
        await models.warm_up()
        yield Pipeline(models, workers, pipeline_rules(settings, knowledge), timer)
    finally:
        await engine.close()
        workers.close()
