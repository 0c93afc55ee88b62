"""One line in the log for every request and every HTTP answer: who, what, how it ended, how long it took."""

import logging
import re
from http import HTTPStatus

from ktp_server.observability.logs import FACTS_KEY, Facts
from ktp_server.observability.observer import HttpFacts, SilentObserver
from ktp_server.observability.record import RequestRecord

__all__ = ["AccessLog", "host_of"]

logger = logging.getLogger(__name__)

PEER_PATTERN = re.compile(r"(?:ipv4:(?P<v4>[\d.]+):\d+|ipv6:(?:\[|%5B)(?P<v6>.+)(?:\]|%5D):\d+)", re.IGNORECASE)
"""Source: gRPC, naming of peers."""

TRACE_PARENT_PATTERN = re.compile(r"[0-9a-f]{2}-(?P<trace_id>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""Source: W3C Trace Context."""


PROBE_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds: their answers are logged at DEBUG, unless they fail."""


class AccessLog(SilentObserver):
    """Writes the lines, at INFO."""

    def model_loaded(self, model: str, version: str, digest: str) -> None:
        """See `Observer`."""
        logger.info("model loaded", extra={FACTS_KEY: {"model": model, "version": version, "digest": digest}})

    def request_finished(self, record: RequestRecord) -> None:
        """See `Observer`."""
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s %s", record.method, record.reason, extra={FACTS_KEY: _request_facts(record)})

    def http_answered(self, answer: HttpFacts) -> None:
        """See `Observer`."""
        level = logging.DEBUG if answer.route in PROBE_ROUTES and answer.status == HTTPStatus.OK else logging.INFO
        if logger.isEnabledFor(level):
            facts = {FACTS_KEY: _http_facts(answer)}
            logger.log(level, "%s %s %d", answer.known_method, answer.route, answer.status, extra=facts)


def host_of(peer: str) -> str:
    """Give the caller's address without its port.

    Args:
        peer: as gRPC writes it.
    """
    found = PEER_PATTERN.fullmatch(peer)
    if found is not None:
        return found["v4"] or found["v6"]
    return peer.partition(":")[0] or "unknown"


def _request_facts(record: RequestRecord) -> Facts:
    facts: dict[str, str | float | dict[str, float]] = {
        "request_id": record.request_id,
        "method": record.method,
        "code": record.code,
        "reason": record.reason,
        "duration_ms": _milliseconds(record.duration_s),
        "stages_ms": {span.stage: _milliseconds(span.duration_s) for span in record.stages},
        "peer": host_of(record.peer),
    }
    parent = TRACE_PARENT_PATTERN.fullmatch(record.trace_context.get("traceparent", ""))
    if parent is not None:
        facts["trace_id"] = parent["trace_id"]
    return facts


def _http_facts(answer: HttpFacts) -> Facts:
    return {
        "request_id": answer.request_id,
        "method": answer.known_method,
        "route": answer.route,
        "status": answer.status,
        "duration_ms": _milliseconds(answer.duration_s),
        "peer": answer.peer,
    }


def _milliseconds(duration_s: float) -> float:
    return round(duration_s * 1e3, 2)
