"""What an operator sees of a real server: metrics, log lines, traces at a real collector; and what nobody sees."""

import asyncio
import json
import logging
import urllib.request
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.app import start_server
from ktp_server.observability.logs import JsonFormatter
from ktp_server.observability.session import open_observability
from tests.contract.conftest import SETTINGS
from tests.contract.scripted_reader import ScriptedReader

NAME = "SITI AMINAH"
TRACE_PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(  # noqa: N802  # the contract's name and arguments
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@dataclass
class Seen:
    """What an operator has."""

    collector: Collector = field(default_factory=Collector)
    lines: list[str] = field(default_factory=list)
    metrics: str = ""

    def access_lines(self) -> list[dict[str, object]]:
        parsed = [json.loads(line) for line in self.lines]
        return [line for line in parsed if line["logger"] == "ktp_server.observability.access_log"]

    def counts(self, metric: str) -> dict[tuple[str, ...], float]:
        """Values by the labels' values, in the order of the labels' names."""
        families = text_string_to_metric_families(self.metrics)
        samples = [sample for family in families for sample in family.samples if sample.name == metric]
        return {tuple(sample.labels[name] for name in sorted(sample.labels)): sample.value for sample in samples}

    def everything(self) -> str:
        traces = "".join(str(request) for request in self.collector.requests)
        return "\n".join([*self.lines, self.metrics, traces])


class LineHandler(logging.Handler):
    """Keeps lines as they would be written."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


@contextmanager
def everything_logged(lines: list[str]) -> Iterator[None]:
    handler, root = LineHandler(lines), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@contextmanager
def open_collector(collector: Collector) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


async def requests_of(*images: bytes) -> AsyncIterator[messages.RecognizeCardsRequest]:
    for image in images:
        yield messages.RecognizeCardsRequest(request_id=f"item-{image.decode()[:4]}", image=image)


async def use_every_method(stub: "stubs.KtpOcrServiceAsyncStub") -> None:
    """Two answers, one image refused, one fault, and a stream with one of each."""
    metadata = (("traceparent", TRACE_PARENT),)
    await stub.RecognizeCard(messages.RecognizeCardRequest(request_id="one", image=NAME.encode()), metadata=metadata)
    await stub.AssessQuality(messages.AssessQualityRequest(request_id="two", image=NAME.encode()))
    for image in (b"none", b"fault"):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.RecognizeCard(messages.RecognizeCardRequest(image=image))
    answers = [answer async for answer in stub.RecognizeCards(requests_of(NAME.encode(), b"none"))]
    assert len(answers) == 2


async def go_away(stub: "stubs.KtpOcrServiceAsyncStub", reader: ScriptedReader) -> None:
    """A caller that does not wait for its answer."""
    call = stub.RecognizeCard(messages.RecognizeCardRequest(request_id="gone", image=b"wait"))
    while not reader.started[b"wait"]:
        await asyncio.sleep(0.01)
    call.cancel()
    while not reader.cancelled[b"wait"]:
        await asyncio.sleep(0.01)


def fetch(port: int | None) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        body: bytes = answer.read()
    return body.decode()


@pytest.fixture
async def seen() -> Seen:
    """What is seen of a server at its most talkative, after calls of every kind."""
    seen, reader = Seen(), ScriptedReader()
    reader.failures[b"none"] = RecognitionError(ErrorReason.CARD_NOT_FOUND, "no card was found")
    reader.failures[b"fault"] = RuntimeError(NAME)
    with open_collector(seen.collector) as port, everything_logged(seen.lines):
        addresses = {"metrics_address": "127.0.0.1:0", "otlp_endpoint": f"http://127.0.0.1:{port}"}
        with open_observability(SETTINGS.model_copy(update=addresses)) as observability:
            server = await start_server(reader, SETTINGS, observer=observability.observer)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
                await use_every_method(stub)
                await go_away(stub, reader)
            await server.drain(1.0)
            seen.metrics = await asyncio.to_thread(fetch, observability.metrics_port)
    return seen


async def test_every_request_is_counted_once(seen: Seen) -> None:
    assert seen.counts("ktp_ocr_requests_total") == {
        ("OK", "RecognizeCard", "OK"): 1,
        ("OK", "AssessQuality", "OK"): 1,
        ("FAILED_PRECONDITION", "RecognizeCard", "CARD_NOT_FOUND"): 1,
        ("INTERNAL", "RecognizeCard", "INTERNAL"): 1,
        ("OK", "RecognizeCards", "OK"): 1,
        ("FAILED_PRECONDITION", "RecognizeCards", "CARD_NOT_FOUND"): 1,
        ("CANCELLED", "RecognizeCard", "CANCELLED"): 1,
    }
    assert seen.counts("ktp_ocr_in_flight_images") == {(): 0}
    assert seen.counts("ktp_ocr_field_confidence_count")["nama",] == 2
    assert seen.counts("ktp_ocr_quality_score_count")["sharpness",] == 3


async def test_every_request_has_its_line(seen: Seen) -> None:
    lines = seen.access_lines()
    assert [(line["method"], line["reason"]) for line in lines if line["request_id"] in {"one", "two", "gone"}] == [
        ("RecognizeCard", "OK"),
        ("AssessQuality", "OK"),
        ("RecognizeCard", "CANCELLED"),
    ]
    assert {line["request_id"] for line in lines if line["method"] == "RecognizeCards"} == {"item-SITI", "item-none"}
    assert len(lines) == 7
    assert all(line["peer"] == "127.0.0.1" and line["level"] == "INFO" for line in lines)
    assert next(line for line in lines if line["request_id"] == "one")["trace_id"] == "a" * 32


async def test_a_fault_is_logged_under_the_reference_that_the_caller_got(seen: Seen) -> None:
    faults = [line for line in seen.lines if "internal error, reference" in line]
    assert len(faults) == 1
    assert "RuntimeError" in faults[0]


async def test_every_request_is_traced(seen: Seen) -> None:
    spans = {attribute_of(span, "ktp_ocr.request_id"): span for span in seen.collector.spans()}
    assert len(spans) == 7
    assert spans["one"].trace_id.hex() == "a" * 32
    assert spans["one"].parent_span_id.hex() == "b" * 16
    assert spans["gone"].name == "RecognizeCard"


async def test_no_value_is_logged_counted_or_traced_at_debug(seen: Seen) -> None:
    everything = seen.everything()
    assert "ktp_ocr_requests_total" in everything
    for value in (NAME, NAME.lower(), "1SLAM", "ISLAM", "001/002"):
        assert value not in everything


def attribute_of(span: Span, key: str) -> str:
    return next(item.value.string_value for item in span.attributes if item.key == key)
