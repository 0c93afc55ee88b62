"""What is counted when something happens, and that labels stay few."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from ktp_server.engines.batcher import DynamicBatcher
from ktp_server.engines.port import InferenceError
from ktp_server.engines.spec import BatchingPolicy, ModelSpec, TensorSpec
from ktp_server.engines.worker_pool import WorkerPool
from ktp_server.errors import ErrorReason
from ktp_server.observability.metrics import METRIC_PREFIX, Metrics
from ktp_server.observability.observer import HttpFacts
from ktp_server.observability.record import CardFacts, RequestRecord, StageSpan
from ktp_server.stages import CpuWorkers
from tests.contract.scripted_reader import recognition_of
from tests.unit.server.test_batcher import HeldModel, request, submit_all


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"{METRIC_PREFIX}_{name}", labels)


def test_a_request_is_counted_by_method_code_and_reason() -> None:
    metrics = Metrics()
    record = RequestRecord("RecognizeCard", stages=(StageSpan("decode", 1.0, 0.03), StageSpan("decode", 2.0, 0.01)))
    record.duration_s = 0.2
    metrics.request_finished(record)
    record.fail(ErrorReason.CARD_NOT_FOUND)
    metrics.request_finished(record)
    registry = metrics.registry
    assert value(registry, "requests_total", method="RecognizeCard", code="OK", reason="OK") == 1
    failed = {"method": "RecognizeCard", "code": "FAILED_PRECONDITION", "reason": "CARD_NOT_FOUND"}
    assert value(registry, "requests_total", **failed) == 1
    assert value(registry, "request_seconds_bucket", method="RecognizeCard", code="OK", le="0.15") == 0
    assert value(registry, "request_seconds_bucket", method="RecognizeCard", code="OK", le="0.2") == 1
    assert value(registry, "stage_seconds_count", stage="decode") == 4
    assert value(registry, "stage_seconds_sum", stage="decode") == pytest.approx(0.08)


def test_distributions_of_a_card() -> None:
    metrics = Metrics()
    metrics.request_finished(RequestRecord("RecognizeCard", card=CardFacts.of(recognition_of("BUDI"))))
    registry = metrics.registry
    assert value(registry, "field_confidence_bucket", field="nama", le="0.95") == 0
    assert value(registry, "field_confidence_bucket", field="nama", le="0.98") == 1
    assert value(registry, "quality_score_sum", check="brightness") == pytest.approx(0.2)
    assert value(registry, "failed_checks_total", check="brightness") == 1
    assert value(registry, "failed_checks_total", check="sharpness") is None
    assert value(registry, "findings_total", code="NIK_SERIAL_ZERO") == 1


def test_http_answers_are_counted_and_invented_methods_are_not_told_apart() -> None:
    metrics = Metrics()
    for method in ("POST", "BREW", "WHEN"):
        metrics.http_answered(HttpFacts(method, "/v1/cards:recognize", 200, 0.2))
    registry = metrics.registry
    route = {"route": "/v1/cards:recognize", "status": "200"}
    assert value(registry, "http_requests_total", method="POST", **route) == 1
    assert value(registry, "http_requests_total", method="other", **route) == 2
    assert value(registry, "http_request_seconds_count", route="/v1/cards:recognize") == 3


def test_what_runs_is_named() -> None:
    metrics = Metrics()
    metrics.model_loaded("ktp_segmentation", "1", "0123456789ab")
    model = {"model": "ktp_segmentation", "version": "1", "digest": "0123456789ab"}
    assert value(metrics.registry, "model_info", **model) == 1
    names = {metric.name for metric in metrics.registry.collect()}
    assert f"{METRIC_PREFIX}_build_info" in names
    assert "process_resident_memory_bytes" in names


def spec_of(queue_limit: int) -> ModelSpec:
    tensor = TensorSpec("x", np.dtype(np.int64), (1,))
    return ModelSpec("m", (tensor,), (tensor,), 8, BatchingPolicy(max_queue_size=queue_limit), 1, {}, Path("none"))


async def test_a_batcher_tells_what_waits_what_runs_and_what_is_refused() -> None:
    metrics, model, pool = Metrics(), HeldModel(), WorkerPool(1)
    registry = metrics.registry
    batcher = DynamicBatcher(spec_of(3), model.execute, pool, 100, metrics)
    tasks = await submit_all(batcher, request(1), request(2, 3), request(4), request(5))
    assert value(registry, "queue_depth", queue="m") == 3
    with pytest.raises(InferenceError):
        await batcher.submit(request(6), None)
    assert value(registry, "rejections_total", place="m") == 1
    tasks[-1].cancel()
    await asyncio.sleep(0)
    assert value(registry, "queue_depth", queue="m") == 2
    model.gate.release(2)
    await asyncio.gather(*tasks[:-1])
    assert value(registry, "queue_depth", queue="m") == 0
    assert value(registry, "queue_wait_seconds_count", queue="m") == 3
    assert value(registry, "queue_wait_seconds_sum", queue="m") >= 0.03  # type: ignore[operator]  # it is counted
    assert value(registry, "batch_items_count", model="m") == 2
    assert value(registry, "batch_items_sum", model="m") == 4
    assert value(registry, "batch_seconds_count", model="m") == 2
    await batcher.close()
    pool.close()


async def test_threads_tell_how_long_work_waited_for_them() -> None:
    metrics = Metrics()
    workers = CpuWorkers(1, metrics)
    gate = asyncio.Event()

    def hold() -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(60.0)

    loop = asyncio.get_running_loop()
    tasks = [asyncio.create_task(workers.run(hold)), asyncio.create_task(workers.run(lambda: None))]
    await asyncio.sleep(0)  # both arrive, and then one waits for so long
    await asyncio.sleep(0.03)
    gate.set()
    await asyncio.gather(*tasks)
    assert value(metrics.registry, "queue_wait_seconds_count", queue="cpu") == 2
    assert value(metrics.registry, "queue_wait_seconds_sum", queue="cpu") >= 0.025  # type: ignore[operator]
    workers.close()
