"""Opens what an operator asked for: metrics, access log, traces."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from ktp_server.observability.access_log import AccessLog
from ktp_server.observability.exposition import RenderMetrics, is_worker, listen_for_scrapes, render_registry
from ktp_server.observability.metrics import Metrics
from ktp_server.observability.observer import Observer, ObserverGroup
from ktp_server.settings import Settings

__all__ = ["Observability", "TracingUnavailable", "open_observability"]


class TracingUnavailable(Exception):
    """Traces are asked for, but the library that sends them is not installed; stops the start."""


@dataclass(frozen=True, slots=True)
class Observability:
    """What the rooms tell, and how it can be asked for.

    Attributes:
        observer: is told what happens.
        render_metrics: gives the metrics as they are now.
        metrics_port: where they are served besides; None where they are not.
    """

    observer: Observer
    render_metrics: RenderMetrics
    metrics_port: int | None = None


@contextmanager
def open_observability(settings: Settings) -> Iterator[Observability]:
    """Observe for as long as the context is open, then send what is left to the collector.

    In a worker process the metrics are served by the supervisor, see `exposition.open_worker_metrics`.

    Raises:
        ListenError: metrics_address is taken or not ours.
        TracingUnavailable: otlp_endpoint is set without the extra `otel`.
    """
    with ExitStack() as stack:
        metrics = Metrics()
        observers: list[Observer] = [metrics, AccessLog()]
        if settings.otlp_endpoint is not None:
            observers.append(stack.enter_context(_open_tracing(settings.otlp_endpoint, settings.trace_fraction)))
        port = None
        if settings.metrics_address is not None and not is_worker():
            port = stack.enter_context(listen_for_scrapes(settings.metrics_address, metrics.registry))
        yield Observability(ObserverGroup(observers), partial(render_registry, metrics.registry), port)


def _open_tracing(endpoint: str, fraction: float) -> AbstractContextManager[Observer]:
    try:
        from ktp_server.observability.tracing import open_tracing
    except ImportError as error:
        raise TracingUnavailable("otlp_endpoint needs OpenTelemetry: pip install 'ktp-ocr[otel]'") from error
    return open_tracing(endpoint, fraction)
