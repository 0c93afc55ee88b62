"""The form of log lines, and what never stands in them."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ktp_server.observability.access_log import AccessLog, host_of
from ktp_server.observability.logs import FACTS_KEY, Facts, JsonFormatter, TextFormatter, log_loop_failure
from ktp_server.observability.observer import HttpFacts
from ktp_server.observability.record import RequestRecord, StageSpan

ARTIST_TAG = 315
"""Source: TIFF 6.0."""

NAME = "SITI AMINAH"

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=128)


def line_of(formatter: logging.Formatter, facts: Facts, message: str = "RecognizeCard OK") -> str:
    record = logging.LogRecord("ktp_server", logging.INFO, __file__, 1, message, (), None)
    setattr(record, FACTS_KEY, facts)
    return formatter.format(record)


@given(st.text(max_size=200))
def test_json_lines_hold_any_text_in_one_line(text: str) -> None:
    line = line_of(JsonFormatter(), {"request_id": text, "stages_ms": {"decode": 1.5}}, message=text)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["request_id"], parsed["message"], parsed["level"]) == (text, text, "INFO")
    assert parsed["stages_ms"] == {"decode": 1.5}


@given(PRINTABLE)
def test_a_request_id_cannot_pass_for_other_facts(request_id: str) -> None:
    line = line_of(TextFormatter(), {"request_id": request_id, "code": "OK"})
    assert line.endswith(" code=OK")
    quoted = line.partition("request_id=")[2].removesuffix(" code=OK")
    assert (json.loads(quoted) if quoted.startswith('"') else quoted) == request_id
    assert quoted.startswith('"') or not set(quoted) & set(" =")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_exceptions_are_logged_without_their_message(formatter: logging.Formatter) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("a_library")
    logger.addHandler(handler)
    try:
        int(NAME)
    except ValueError:
        logger.exception("it failed")
    finally:
        logger.removeHandler(handler)
    assert NAME not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "test_exceptions_are_logged_without_their_message" in stream.getvalue()


async def test_failures_of_forgotten_tasks_are_logged_without_their_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.handler.setFormatter(TextFormatter())

    async def fail() -> None:
        int(NAME)

    asyncio.get_running_loop().set_exception_handler(log_loop_failure)
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    assert "ValueError" in caplog.text
    assert NAME not in caplog.text


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:10.1.2.3:50123", "10.1.2.3"),
        ("ipv6:%5B::1%5D:50123", "::1"),
        ("ipv6:[2001:db8::1]:50123", "2001:db8::1"),
        ("unix:/run/ktp/grpc.sock", "unix"),
        ("unix:", "unix"),
        ("", "unknown"),
    ],
)
def test_peers_are_told_without_port(peer: str, host: str) -> None:
    assert host_of(peer) == host


def facts_logged(caplog: pytest.LogCaptureFixture) -> Facts:
    facts: Facts = getattr(caplog.records[-1], FACTS_KEY)
    return facts


def test_access_line_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    record = RequestRecord(
        "RecognizeCard", "ipv4:10.1.2.3:50123", "id-1", {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    )
    record.stages, record.duration_s = (StageSpan("decode", 5.0, 0.0123456),), 0.25
    with caplog.at_level(logging.INFO, "ktp_server"):
        AccessLog().request_finished(record)
    assert caplog.messages == ["RecognizeCard OK"]
    assert facts_logged(caplog) == {
        "request_id": "id-1",
        "method": "RecognizeCard",
        "code": "OK",
        "reason": "OK",
        "duration_ms": 250.0,
        "stages_ms": {"decode": 12.35},
        "peer": "10.1.2.3",
        "trace_id": "a" * 32,
    }


def test_access_line_of_an_http_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ktp_server"):
        AccessLog().http_answered(HttpFacts("POST", "/v1/cards:recognize", 413, 0.001, "10.1.2.3"))
    assert caplog.messages == ["POST /v1/cards:recognize 413"]
    assert facts_logged(caplog)["status"] == 413


@pytest.mark.parametrize(("status", "level"), [(200, logging.DEBUG), (503, logging.INFO)])
def test_probes_are_quiet_while_they_succeed(caplog: pytest.LogCaptureFixture, status: int, level: int) -> None:
    with caplog.at_level(logging.DEBUG, "ktp_server"):
        AccessLog().http_answered(HttpFacts("GET", "/readyz", status, 0.001))
    assert [record.levelno for record in caplog.records] == [level]


def test_no_line_is_made_that_is_not_wanted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ktp_server"):
        AccessLog().request_finished(RequestRecord("RecognizeCard"))
    assert not caplog.records


def test_warnings_are_lines_too() -> None:
    script = (
        "import warnings; from ktp_server.observability.logs import configure_logging\n"
        "configure_logging('INFO', 'json'); warnings.warn('old', stacklevel=1)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    [line] = [json.loads(line) for line in run.stderr.splitlines()]
    assert (line["logger"], line["level"]) == ("py.warnings", "WARNING")


def test_libraries_stay_quiet_at_debug(tmp_path: Path) -> None:
    """Pillow writes EXIF values at DEBUG; those of a photo say whose camera took it, and where."""
    photo = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[ARTIST_TAG] = NAME
    Image.new("RGB", (400, 300)).save(photo, exif=exif)
    script = (
        "import logging, sys; from pathlib import Path\n"
        "from ktp_preprocessing.decode import decode_image\n"
        "from ktp_server.observability.logs import configure_logging\n"
        "from PIL import Image\n"
        "configure_logging('DEBUG', 'json')\n"
        "logging.getLogger('ktp_server.x').debug('ours')\n"
        "logging.getLogger('a_library').debug('theirs')\n"
        "decode_image(Path(sys.argv[1]).read_bytes()); print(Image.open(sys.argv[1]).getexif()[315])\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(photo)], capture_output=True, text=True, check=True)
    assert run.stdout == f"{NAME}\n"
    assert [json.loads(line)["message"] for line in run.stderr.splitlines()] == ["ours"]
