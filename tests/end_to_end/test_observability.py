"""A whole server of two worker processes, as an operator sees it: one set of metrics, and lines that machines read."""

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.server_process import ServerProcess
from ktp_specimen.strata import Stratum
from tests.end_to_end.conftest import SpecimenSet, run_command, start_process

CALL_COUNT = 4
"""Each over a connection of its own, so that both workers get some."""

MODELS = {"ktp_segmentation", "ktp_text_detection", "ktp_text_recognition"}
STAGES = {
    *("decode", "requirements", "letterbox", "segmentation", "rectify", "quality", "text_detection", "text_boxes"),
    *("crops", "text_recognition", "fields"),
}


def logged_port(server: ServerProcess, what: str) -> int:
    pattern = re.compile(rf"serving {what} on (?:http://)?127\.0\.0\.1:(\d+)")
    return next(int(found[1]) for line in server.log if (found := pattern.search(line)))


def read_card(port: int, image: Path) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        request = messages.RecognizeCardRequest(request_id=image.name, image=image.read_bytes())
        stubs.KtpOcrServiceStub(channel).RecognizeCard(request, timeout=60)


@pytest.fixture(scope="module")
def watched(specimens: SpecimenSet) -> Iterator[ServerProcess]:
    """A server after four cards, a picture without one, and a request over HTTP."""
    server = start_process("--workers", "2", "--metrics-address", "127.0.0.1:0", "--log-format", "json")
    for _ in range(CALL_COUNT):
        read_card(server.port, specimens.path(Stratum.CLEAN))
    with pytest.raises(grpc.RpcError, match="FAILED_PRECONDITION"):
        read_card(server.port, specimens.path(Stratum.EMPTY))
    assert httpx.get(f"http://127.0.0.1:{logged_port(server, 'HTTP')}/readyz").status_code == 200
    yield server
    assert server.stop() == 0


def scrape(url: str) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_workers_are_counted_together_wherever_one_asks(watched: ServerProcess) -> None:
    samples = scrape(f"http://127.0.0.1:{logged_port(watched, 'metrics')}/metrics")
    assert samples["ktp_ocr_requests_total", "OK", "RecognizeCard", "OK"] == CALL_COUNT
    assert samples["ktp_ocr_requests_total", "FAILED_PRECONDITION", "RecognizeCard", "CARD_NOT_FOUND"] == 1
    assert samples["ktp_ocr_in_flight_images",] == 0
    assert {key[1] for key in samples if key[0] == "ktp_ocr_stage_seconds_count"} == STAGES
    assert samples["ktp_ocr_stage_seconds_count", "fields"] == CALL_COUNT
    assert {key[1] for key in samples if key[0] == "ktp_ocr_batch_items_count"} == MODELS
    assert samples["ktp_ocr_queue_wait_seconds_count", "cpu"] > CALL_COUNT
    assert samples["ktp_ocr_field_confidence_count", "nik"] == CALL_COUNT
    assert {key[2] for key in samples if key[0] == "ktp_ocr_model_info"} == MODELS
    through_gateway = scrape(f"http://127.0.0.1:{logged_port(watched, 'HTTP')}/metrics")
    counted = {key: value for key, value in samples.items() if key[0] == "ktp_ocr_requests_total"}
    assert {key: value for key, value in through_gateway.items() if key[0] == "ktp_ocr_requests_total"} == counted
    assert through_gateway["ktp_ocr_http_requests_total", "GET", "/readyz", "200"] == 1


def test_every_line_is_an_object_and_every_request_has_one(watched: ServerProcess) -> None:
    lines = [json.loads(line) for line in watched.log]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    accessed = Counter(line["reason"] for line in lines if "reason" in line)
    assert accessed == {"OK": CALL_COUNT, "CARD_NOT_FOUND": 1}
    answered = next(line for line in lines if line.get("reason") == "OK")
    assert set(answered["stages_ms"]) == STAGES
    assert sum(answered["stages_ms"].values()) <= answered["duration_ms"]
    assert answered["peer"] == "127.0.0.1"


def test_a_taken_metrics_address_stops_the_start(watched: ServerProcess) -> None:
    address = f"127.0.0.1:{logged_port(watched, 'metrics')}"
    run = run_command("serve", "--listen", "127.0.0.1:0", "--http-address", "none", "--metrics-address", address)
    assert run.returncode == 2
    assert f"metrics_address {address}" in run.stderr
    assert "Traceback" not in run.stderr
