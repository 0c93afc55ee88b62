"""The one port through which the rooms tell what happens; they know nothing of metrics, traces and logs behind it.

All methods are called on the event loop, return at once and never raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ktp_server.observability.record import RequestRecord

__all__ = ["ADMISSION", "CPU_QUEUE", "HttpFacts", "Observer", "ObserverGroup", "SilentObserver"]

ADMISSION = "admission"
"""Name of the place where images are let in or refused."""

CPU_QUEUE = "cpu"
"""Name of the queue before the threads for CPU work; the other queues have their models' names."""


HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are callers' inventions."""


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """One answer of the HTTP gateway.

    Attributes:
        method: as the caller sent it.
        route: the route's template, never the path that was asked for; `unknown` without one.
        status: HTTP status code; 0 where the caller went away before there was one.
        duration_s: from the request's first line to the answer's last byte, seconds.
        peer: the caller's address, without port.
        request_id: as passed on to the service; empty where the request did not come that far.
    """

    method: str
    route: str
    status: int
    duration_s: float
    peer: str = ""
    request_id: str = ""

    @property
    def known_method(self) -> str:
        """GET, POST, ..., or `other`."""
        return self.method if self.method in HTTP_METHODS else "other"


class Observer(Protocol):
    """Is told what happens."""

    def model_loaded(self, model: str, version: str, digest: str) -> None:
        """A model was loaded: its version in the repository, and what tells its file from every other."""

    def request_finished(self, record: RequestRecord) -> None:
        """A request ended, one way or another."""

    def in_flight_changed(self, count: int) -> None:
        """So many images are in work."""

    def work_refused(self, place: str) -> None:
        """Work was refused for lack of room: at `ADMISSION`, or before the queue of this name."""

    def queue_changed(self, queue: str, waiting_count: int) -> None:
        """So many requests wait in a queue."""

    def queue_left(self, queue: str, waited_s: float) -> None:
        """A request left a queue to be worked on, having waited so many seconds."""

    def batch_executed(self, model: str, item_count: int, duration_s: float) -> None:
        """A model ran over a batch for so many seconds."""

    def http_answered(self, answer: HttpFacts) -> None:
        """The HTTP gateway answered."""


class SilentObserver(Observer):
    """Says nothing: the default, and the base of observers that care for some of the events."""

    def model_loaded(self, model: str, version: str, digest: str) -> None:
        """See `Observer`."""

    def request_finished(self, record: RequestRecord) -> None:
        """See `Observer`."""

    def in_flight_changed(self, count: int) -> None:
        """See `Observer`."""

    def work_refused(self, place: str) -> None:
        """See `Observer`."""

    def queue_changed(self, queue: str, waiting_count: int) -> None:
        """See `Observer`."""

    def queue_left(self, queue: str, waited_s: float) -> None:
        """See `Observer`."""

    def batch_executed(self, model: str, item_count: int, duration_s: float) -> None:
        """See `Observer`."""

    def http_answered(self, answer: HttpFacts) -> None:
        """See `Observer`."""


class ObserverGroup(Observer):
    """Tells several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def model_loaded(self, model: str, version: str, digest: str) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.model_loaded(model, version, digest)

    def request_finished(self, record: RequestRecord) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.request_finished(record)

    def in_flight_changed(self, count: int) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.in_flight_changed(count)

    def work_refused(self, place: str) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.work_refused(place)

    def queue_changed(self, queue: str, waiting_count: int) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.queue_changed(queue, waiting_count)

    def queue_left(self, queue: str, waited_s: float) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.queue_left(queue, waited_s)

    def batch_executed(self, model: str, item_count: int, duration_s: float) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.batch_executed(model, item_count, duration_s)

    def http_answered(self, answer: HttpFacts) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.http_answered(answer)
