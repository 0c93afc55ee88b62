"""Metrics over HTTP, of one process and of several that share them."""

import os
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from ktp_server.listening import ListenError
from ktp_server.observability.exposition import (
    FOLDER_VARIABLE,
    forget_worker,
    is_worker,
    listen_for_scrapes,
    open_worker_metrics,
    render_registry,
)
from ktp_server.observability.metrics import Metrics
from ktp_server.observability.record import RequestRecord

WORKER = """
import os, sys
from ktp_server.observability.metrics import Metrics
from ktp_server.observability.record import RequestRecord
metrics = Metrics()
metrics.in_flight_changed(2)
for _ in range(int(sys.argv[1])):
    metrics.request_finished(RequestRecord("RecognizeCard"))
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def samples(text: str) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        body: bytes = answer.read()
    return body.decode()


def test_metrics_are_served() -> None:
    metrics = Metrics()
    metrics.request_finished(RequestRecord("RecognizeCard"))
    with listen_for_scrapes("127.0.0.1:0", metrics.registry) as port:
        assert samples(scrape(port))["ktp_ocr_requests_total"] == 1
        text, content_type = render_registry(metrics.registry)
        assert samples(text.decode())["ktp_ocr_requests_total"] == 1
        assert content_type.startswith("text/plain")
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_a_taken_address_names_the_setting() -> None:
    with (
        listen_for_scrapes("127.0.0.1:0", CollectorRegistry()) as port,
        pytest.raises(ListenError, match=f"metrics_address 127.0.0.1:{port}: Address already in use"),
        listen_for_scrapes(f"127.0.0.1:{port}", CollectorRegistry()),
    ):
        pytest.fail("two listen on one port")


def start_worker(count: int) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_workers_are_counted_together_and_outlived() -> None:
    assert not is_worker()
    with listen_for_scrapes("127.0.0.1:0", CollectorRegistry()) as free:
        pass
    with open_worker_metrics(f"127.0.0.1:{free}"):
        folder = os.environ[FOLDER_VARIABLE]
        with ThreadPoolExecutor() as threads:
            (first, first_id), (second, _) = threads.map(start_worker, (3, 4))
        together = samples(scrape(free))
        assert together["ktp_ocr_requests_total"] == 7
        assert together["ktp_ocr_in_flight_images"] == 4
        assert together["ktp_ocr_build_info"] == 1
        first.communicate()
        forget_worker(first_id)
        left = samples(scrape(free))
        assert left["ktp_ocr_requests_total"] == 7
        assert left["ktp_ocr_in_flight_images"] == 2
        second.communicate()
    assert not is_worker()
    assert not os.path.exists(folder)  # noqa: PTH110  # a name from the environment
