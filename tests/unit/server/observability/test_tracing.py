"""Spans made of records."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from ktp_server.errors import ErrorReason
from ktp_server.observability.record import CardFacts, RequestRecord, StageSpan
from ktp_server.observability.tracing import trace_to
from tests.contract.scripted_reader import recognition_of

START_NS = 1_700_000_000_000_000_000


def record_of(traceparent: str | None = None) -> RequestRecord:
    context = {} if traceparent is None else {"traceparent": traceparent}
    stages = (StageSpan("decode", 10.1, 0.02), StageSpan("segmentation", 10.2, 0.05))
    record = RequestRecord(
        "RecognizeCard", "ipv4:10.1.2.3:5", "id-1", context, stages=stages, started_s=10.0, started_unix_ns=START_NS
    )
    record.card = CardFacts.of(recognition_of("SITI AMINAH"))
    record.duration_s = 0.3
    return record


def spans_of(record: RequestRecord, fraction: float = 1.0) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    with trace_to(exporter, fraction) as tracing:
        tracing.request_finished(record)
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_request_and_its_stages_in_their_time() -> None:
    spans = spans_of(record_of())
    assert set(spans) == {"RecognizeCard", "decode", "segmentation"}
    request = spans["RecognizeCard"]
    assert request.kind is SpanKind.SERVER
    assert request.parent is None
    assert (request.start_time, request.end_time) == (START_NS, START_NS + 300_000_000)
    stage = spans["segmentation"]
    assert stage.parent is not None
    assert stage.parent.span_id == request.get_span_context().span_id  # type: ignore[union-attr]  # it has one
    assert (stage.start_time, stage.end_time) == (START_NS + 200_000_000, START_NS + 250_000_000)
    assert request.resource.attributes["service.name"] == "ktp-ocr"


def test_a_callers_trace_goes_on() -> None:
    request = spans_of(record_of(f"00-{'a' * 32}-{'b' * 16}-01"), fraction=0.0)["RecognizeCard"]
    assert request.parent is not None
    assert f"{request.parent.span_id:x}" == "b" * 16
    assert f"{request.get_span_context().trace_id:x}" == "a" * 32  # type: ignore[union-attr]


def test_what_the_caller_does_not_sample_is_not_traced() -> None:
    assert not spans_of(record_of(f"00-{'a' * 32}-{'b' * 16}-00"))


@pytest.mark.parametrize("traceparent", ["", "rubbish", "00-zz-01", f"00-{'0' * 32}-{'0' * 16}-01"])
def test_a_trace_that_cannot_be_read_begins_a_new_one(traceparent: str) -> None:
    assert spans_of(record_of(traceparent))["RecognizeCard"].parent is None


def test_nothing_is_traced_without_a_share() -> None:
    assert not spans_of(record_of(), fraction=0.0)


@pytest.mark.parametrize(
    ("reason", "status"), [(ErrorReason.CARD_NOT_FOUND, StatusCode.UNSET), (ErrorReason.INTERNAL, StatusCode.ERROR)]
)
def test_only_faults_of_the_server_are_errors(reason: ErrorReason, status: StatusCode) -> None:
    record = record_of()
    record.fail(reason)
    request = spans_of(record)["RecognizeCard"]
    assert request.status.status_code is status
    assert dict(request.attributes or {})["ktp_ocr.reason"] == reason.value


def test_attributes_hold_names_and_codes_only() -> None:
    attributes = dict(spans_of(record_of())["RecognizeCard"].attributes or {})
    assert attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "ktp.ocr.v1.KtpOcrService/RecognizeCard",
        "rpc.response.status_code": "OK",
        "ktp_ocr.reason": "OK",
        "ktp_ocr.request_id": "id-1",
    }
