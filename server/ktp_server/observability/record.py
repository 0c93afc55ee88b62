"""The record of one request: what is noted about it while it is in work, and nothing that stands on a card.

The front opens a record (`follow_request`), and the rooms below add to the one of the request that they work for,
without its being handed through every call. When the request ends, the observer gets the record as a whole. A
`CardFacts` holds names and numbers only, so that no field value can reach a log, a metric or a trace.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ktp_server.errors import ERROR_POLICIES, ErrorReason
from ktp_server.results import AssessmentResult, RecognitionResult

if TYPE_CHECKING:
    from ktp_server.observability.observer import Observer

__all__ = [
    "CANCELLED",
    "OK",
    "CardFacts",
    "RequestRecord",
    "StageSpan",
    "current_record",
    "follow_request",
    "note_stages",
]

OK = "OK"
"""Code and reason of a request that was answered."""

CANCELLED = "CANCELLED"
"""Code and reason of a request whose caller went away."""


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One stage of a request: its name, its start on the performance counter, its duration; seconds."""

    stage: str
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What may be told about a card: names and numbers.

    Attributes:
        confidences: [0, 1] by field name, for the fields that were found.
        scores: [0, 1] by quality attribute.
        failed_checks: names of the requirements and quality attributes that failed.
        finding_codes: codes of what does not fit together.
    """

    confidences: Mapping[str, float]
    scores: Mapping[str, float]
    failed_checks: tuple[str, ...]
    finding_codes: tuple[str, ...]

    @classmethod
    def of(cls, result: RecognitionResult | AssessmentResult) -> "CardFacts":
        """Take from a result what may be told."""
        failed = [item.name for item in result.requirements if not item.passed]
        failed += [name for name, score in result.quality.items() if not score.passed]
        return cls(
            confidences={name: found.confidence for name, found in result.card.fields.items()},
            scores={name: score.score for name, score in result.quality.items()},
            failed_checks=tuple(failed),
            finding_codes=tuple(finding.code for finding in result.card.findings),
        )


@dataclass(slots=True)
class RequestRecord:
    """One image's request: a unary call, or one item of a stream.

    Attributes:
        method: the method's name without its service.
        peer: the caller's address as gRPC writes it.
        request_id: the caller's id, or the one made up for it.
        trace_context: the W3C headers `traceparent` and `tracestate`, where the caller sent them.
        code: name of the gRPC status code.
        reason: `OK`, `CANCELLED`, or the name of an `ErrorReason`.
        stages: the stages that ran; a list that grows while they do.
        card: what may be told about the card, once one was found.
        started_s: start on the performance counter, seconds.
        started_unix_ns: the same moment since 1970, nanoseconds.
        duration_s: seconds from the start to the end.
    """

    method: str
    peer: str = ""
    request_id: str = ""
    trace_context: Mapping[str, str] = field(default_factory=dict)
    code: str = OK
    reason: str = OK
    stages: Sequence[StageSpan] = ()
    card: CardFacts | None = None
    started_s: float = field(default_factory=time.perf_counter)
    started_unix_ns: int = field(default_factory=time.time_ns)
    duration_s: float = 0.0

    def fail(self, reason: ErrorReason) -> None:
        """Note why the request fails."""
        self.code = ERROR_POLICIES[reason].grpc_code
        self.reason = reason.value

    def unix_ns(self, moment_s: float) -> int:
        """Give a moment on the performance counter as nanoseconds since 1970."""
        return self.started_unix_ns + round((moment_s - self.started_s) * 1e9)


_current: ContextVar[RequestRecord | None] = ContextVar("current_record", default=None)


def current_record() -> RequestRecord | None:
    """Give the record of the request that this task works for; None outside a server."""
    return _current.get()


def note_stages(spans: Sequence[StageSpan]) -> None:
    """Add the stages to the current record, if there is one.

    Args:
        spans: a list that may still grow, so that a request that fails shows how far it came.
    """
    record = _current.get()
    if record is not None:
        record.stages = spans


@contextmanager
def follow_request(observer: "Observer", record: RequestRecord) -> Iterator[RequestRecord]:
    """Make a record the current one until the request ends, then hand it to the observer.

    A request that ends by an exception for which nobody called `fail` counts as INTERNAL, a cancelled one as CANCELLED.

    Args:
        observer: gets the record.
        record: of the request.
    """
    token = _current.set(record)
    try:
        yield record
    except BaseException as error:
        if record.reason == OK:
            if isinstance(error, asyncio.CancelledError):
                record.code = record.reason = CANCELLED
            else:
                record.fail(ErrorReason.INTERNAL)
        raise
    finally:
        _current.reset(token)
        record.duration_s = time.perf_counter() - record.started_s
        observer.request_finished(record)
