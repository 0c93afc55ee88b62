"""OpenTelemetry: a span for each request, and one inside it for each of its stages.

The spans are made when the request has ended, from its record; so the stages know nothing of tracing, and a request
that is not sampled costs next to nothing. They hold names, codes and durations, and the caller's request id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as distribution_version

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ktp_server.observability.observer import SilentObserver
from ktp_server.observability.record import RequestRecord

__all__ = ["Tracing", "open_tracing"]

SERVICE = "ktp.ocr.v1.KtpOcrService"

EXPORT_TIMEOUT_S = 5.0
"""A collector that does not answer delays the end of the server by this much."""

SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that make a server's span an error. Source: OpenTelemetry, semantic conventions for gRPC."""

PROPAGATOR = TraceContextTextMapPropagator()


class Tracing(SilentObserver):
    """Turns records into spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def request_finished(self, record: RequestRecord) -> None:
        """See `Observer`."""
        span = self._tracer.start_span(
            record.method,
            context=PROPAGATOR.extract(dict(record.trace_context)),
            kind=SpanKind.SERVER,
            start_time=record.started_unix_ns,
            attributes={
                "rpc.system.name": "grpc",
                "rpc.method": f"{SERVICE}/{record.method}",
                "rpc.response.status_code": record.code,
                "ktp_ocr.reason": record.reason,
                "ktp_ocr.request_id": record.request_id,
            },
        )
        if span.is_recording():
            if record.code in SERVER_FAULTS:
                span.set_status(Status(StatusCode.ERROR, record.reason))
            inside = set_span_in_context(span)
            for stage in record.stages:
                child = self._tracer.start_span(stage.stage, inside, start_time=record.unix_ns(stage.start_s))
                child.end(record.unix_ns(stage.start_s + stage.duration_s))
        span.end(record.unix_ns(record.started_s + record.duration_s))


@contextmanager
def open_tracing(endpoint: str, fraction: float) -> Iterator[Tracing]:
    """Send spans to a collector for as long as the context is open.

    Args:
        endpoint: URL of an OTLP collector that speaks gRPC; http:// is plain, https:// TLS.
        fraction: share of requests that are traced where the caller does not say, [0, 1].
    """
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=EXPORT_TIMEOUT_S)
    with trace_to(exporter, fraction) as tracing:
        yield tracing


@contextmanager
def trace_to(exporter: SpanExporter, fraction: float) -> Iterator[Tracing]:
    """Hand spans to an exporter; see `open_tracing`."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(fraction)),
        resource=Resource.create({SERVICE_NAME: "ktp-ocr", SERVICE_VERSION: distribution_version("ktp-ocr")}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Tracing(provider.get_tracer("ktp_server"))
    finally:
        provider.shutdown()
