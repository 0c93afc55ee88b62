"""How metrics leave the server: as Prometheus' text, from one process or from all workers that share a port.

Workers write their values into small files of one folder, which `PROMETHEUS_MULTIPROC_DIR` names to prometheus_client;
so whichever of them is asked answers for all. The files hold names and numbers.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ktp_server.listening import ListenError

__all__ = [
    "RenderMetrics",
    "forget_worker",
    "is_worker",
    "listen_for_scrapes",
    "open_worker_metrics",
    "render_registry",
]

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Name prescribed by prometheus_client, which reads it when it is imported."""

RenderMetrics = Callable[[], tuple[bytes, str]]
"""Gives the metrics as they are now, and their content type."""


def is_worker() -> bool:
    """Whether this process is one of several that share their metrics."""
    return FOLDER_VARIABLE in os.environ


def render_registry(registry: CollectorRegistry) -> tuple[bytes, str]:
    """Give the metrics as Prometheus' text, and its content type.

    Args:
        registry: this process's metrics; those of all workers are given instead where there are several.
    """
    return generate_latest(_whole(registry)), CONTENT_TYPE_LATEST


@contextmanager
def listen_for_scrapes(address: str, registry: CollectorRegistry) -> Iterator[int]:
    """Serve metrics over HTTP, in a thread of its own, for as long as the context is open.

    Args:
        address: host:port; port 0 takes a free one.
        registry: as in `render_registry`.

    Yields:
        The port.

    Raises:
        ListenError: the address is taken or not ours.
    """
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), _whole(registry))
    except OSError as error:
        raise ListenError(f"cannot listen on metrics_address {address}: {error.strerror or error}") from error
    logger.info("serving metrics on %s:%d", host, server.server_port)
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def open_worker_metrics(address: str | None) -> Iterator[None]:
    """Let the processes that are started meanwhile share their metrics; for their supervisor.

    Args:
        address: where to serve the metrics of all of them, see `listen_for_scrapes`; None for nowhere.

    Raises:
        ListenError: the address is taken or not ours.
    """
    with tempfile.TemporaryDirectory(prefix="ktp-ocr-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            if address is None:
                yield
            else:
                with listen_for_scrapes(address, CollectorRegistry()):
                    yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def forget_worker(process_id: int) -> None:
    """Leave a worker that has ended out of the gauges; what it counted stays counted."""
    mark_process_dead(process_id, os.environ[FOLDER_VARIABLE])  # type: ignore[no-untyped-call]  # the library's


def _whole(registry: CollectorRegistry) -> CollectorRegistry:
    if not is_worker():
        return registry
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # the library's
    return shared
