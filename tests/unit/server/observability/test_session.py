"""What is opened for which settings."""

import subprocess
import sys

import pytest

from ktp_server.observability.record import RequestRecord
from ktp_server.observability.session import TracingUnavailable, open_observability
from ktp_server.settings import Settings
from ktp_server.start_errors import START_ERRORS

WITHOUT_OPENTELEMETRY = """
import sys
sys.modules["opentelemetry"] = None
from ktp_server.observability.session import TracingUnavailable, open_observability
from ktp_server.settings import Settings
with open_observability(Settings()):
    print("opened")
try:
    with open_observability(Settings(otlp_endpoint="http://127.0.0.1:4317")):
        pass
except TracingUnavailable as error:
    print(error)
"""


def test_nothing_listens_unless_asked() -> None:
    with open_observability(Settings()) as observability:
        assert observability.metrics_port is None
        observability.observer.request_finished(RequestRecord("RecognizeCard"))
        text, _ = observability.render_metrics()
    assert b'ktp_ocr_requests_total{code="OK",method="RecognizeCard",reason="OK"} 1.0' in text


def test_two_servers_in_one_process_count_apart() -> None:
    with open_observability(Settings()) as first, open_observability(Settings()) as second:
        first.observer.in_flight_changed(3)
        assert b"ktp_ocr_in_flight_images 0.0" in second.render_metrics()[0]


def test_traces_without_their_library_say_what_to_install() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_OPENTELEMETRY], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["opened", "otlp_endpoint needs OpenTelemetry: pip install 'ktp-ocr[otel]'"]
    assert TracingUnavailable in START_ERRORS


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_a_collector_that_is_away_harms_nobody(endpoint: str) -> None:
    with open_observability(Settings(otlp_endpoint=endpoint)) as observability:
        observability.observer.request_finished(RequestRecord("RecognizeCard"))
        assert b"ktp_ocr_requests_total" in observability.render_metrics()[0]
