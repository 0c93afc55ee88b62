"""Prometheus metrics. Labels take their values from short lists that the code knows, never from a caller or a card.

docs/operations.md explains each of them; a test holds that table against this module.
"""

from importlib.metadata import version as distribution_version
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from ktp_server.observability.observer import HttpFacts, SilentObserver
from ktp_server.observability.record import RequestRecord

__all__ = ["METRIC_PREFIX", "Metrics"]

METRIC_PREFIX = "ktp_ocr"

GaugeMode = Literal["livesum", "livemax"]
"""How several processes' values become one."""

REQUEST_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
"""A refusal takes milliseconds, a card 0.1 to 0.5 s, an overloaded server seconds."""

STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0)
"""The shortest stages take half a millisecond; the models, under load, up to seconds."""

WAIT_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Company is awaited for a few milliseconds (config.pbtxt); whatever is longer is lack of workers."""

ITEM_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Powers of two, as the models' preferred batch sizes."""

SCORE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
"""Finer towards 1, where good cards lie and where a drift begins to show."""


class Metrics(SilentObserver):
    """Counts what happens.

    Attributes:
        registry: holds the metrics of this process.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Images asked for, by how they ended.", "method", "code", "reason")
        self._request_seconds = self._histogram(
            "request_seconds", "Time from a request's arrival to its answer.", REQUEST_BUCKETS_S, "method", "code"
        )
        self._stage_seconds = self._histogram("stage_seconds", "Time of each stage.", STAGE_BUCKETS_S, "stage")
        self._in_flight = self._gauge("in_flight_images", "Images in work.")
        self._rejections = self._counter("rejections", "Work refused for lack of room, by place.", "place")
        self._queue_depth = self._gauge("queue_depth", "Requests that wait before a model.", "queue")
        self._queue_wait = self._histogram("queue_wait_seconds", "Time spent in a queue.", WAIT_BUCKETS_S, "queue")
        self._batch_items = self._histogram("batch_items", "Items in one execution of a model.", ITEM_BUCKETS, "model")
        self._batch_seconds = self._histogram(
            "batch_seconds", "Time of one execution of a model.", STAGE_BUCKETS_S, "model"
        )
        self._confidence = self._histogram(
            "field_confidence", "Confidence of the fields that were found.", SCORE_BUCKETS, "field"
        )
        self._quality = self._histogram("quality_score", "Quality scores of cards.", SCORE_BUCKETS, "check")
        self._failed_checks = self._counter("failed_checks", "Checks that cards or their files failed.", "check")
        self._findings = self._counter("findings", "What did not fit together on cards.", "code")
        self._http = self._counter("http_requests", "Answers of the HTTP gateway.", "method", "route", "status")
        self._http_seconds = self._histogram(
            "http_request_seconds", "Time from an HTTP request to its answer.", REQUEST_BUCKETS_S, "route"
        )
        self._models = self._gauge(
            "model_info", "1 for each loaded model.", "model", "version", "digest", mode="livemax"
        )
        build = self._gauge("build_info", "1 for the version that runs.", "version", mode="livemax")
        build.labels(distribution_version("ktp-ocr")).set(1)

    def model_loaded(self, model: str, version: str, digest: str) -> None:
        """See `Observer`."""
        self._models.labels(model, version, digest).set(1)

    def request_finished(self, record: RequestRecord) -> None:
        """See `Observer`."""
        self._requests.labels(record.method, record.code, record.reason).inc()
        self._request_seconds.labels(record.method, record.code).observe(record.duration_s)
        for span in record.stages:
            self._stage_seconds.labels(span.stage).observe(span.duration_s)
        card = record.card
        if card is None:
            return
        for field, confidence in card.confidences.items():
            self._confidence.labels(field).observe(confidence)
        for check, score in card.scores.items():
            self._quality.labels(check).observe(score)
        for check in card.failed_checks:
            self._failed_checks.labels(check).inc()
        for code in card.finding_codes:
            self._findings.labels(code).inc()

    def in_flight_changed(self, count: int) -> None:
        """See `Observer`."""
        self._in_flight.set(count)

    def work_refused(self, place: str) -> None:
        """See `Observer`."""
        self._rejections.labels(place).inc()

    def queue_changed(self, queue: str, waiting_count: int) -> None:
        """See `Observer`."""
        self._queue_depth.labels(queue).set(waiting_count)

    def queue_left(self, queue: str, waited_s: float) -> None:
        """See `Observer`."""
        self._queue_wait.labels(queue).observe(waited_s)

    def batch_executed(self, model: str, item_count: int, duration_s: float) -> None:
        """See `Observer`."""
        self._batch_items.labels(model).observe(item_count)
        self._batch_seconds.labels(model).observe(duration_s)

    def http_answered(self, answer: HttpFacts) -> None:
        """See `Observer`."""
        self._http.labels(answer.known_method, answer.route, str(answer.status)).inc()
        self._http_seconds.labels(answer.route).observe(answer.duration_s)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace=METRIC_PREFIX, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace=METRIC_PREFIX, registry=self.registry, buckets=buckets)

    def _gauge(self, name: str, text: str, *labels: str, mode: GaugeMode = "livesum") -> Gauge:
        return Gauge(name, text, labels, namespace=METRIC_PREFIX, registry=self.registry, multiprocess_mode=mode)
