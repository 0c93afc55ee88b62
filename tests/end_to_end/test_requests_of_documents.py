"""The documents' requests, typed as they are written, with a photo as large as phones make them."""

import base64
import contextlib
import io
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from ktp_benchmarks.server_process import ServerProcess
from ktp_specimen.strata import Stratum
from tests.contract.gateway.conftest import validate
from tests.end_to_end.conftest import SpecimenSet

ROOT = Path(__file__).parents[2]
ARGUMENT_MAX_BYTES = 128 * 1024
"""Linux takes no longer argument of a command. Source: execve(2), MAX_ARG_STRLEN."""


@pytest.fixture
def desk(specimens: SpecimenSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the photo that the documents speak of; it is the working folder."""
    picture = cv2.imread(str(specimens.path(Stratum.CLEAN)))
    assert picture is not None
    quality = 90
    while not (tmp_path / "photo.jpg").exists() or (tmp_path / "photo.jpg").stat().st_size <= ARGUMENT_MAX_BYTES:
        assert quality <= 100
        cv2.imwrite(str(tmp_path / "photo.jpg"), picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
        quality += 2
    (tmp_path / "photos").mkdir()
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "photos" / "one.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(document: str, program: str) -> list[str]:
    """Indented command lines of a document that run a program, but for those of TLS."""
    lines = re.findall(r"^    (.*)$", (ROOT / document).read_text("utf-8"), re.MULTILINE)
    return [line for line in lines if re.search(rf"(^|\| ){program} ", line) and "https:" not in line]


def example(language: str) -> list[str]:
    """The blocks of docs/api.md in a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / "docs/api.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def type_in(command: str) -> str:
    """Run a command in a shell; give what it prints."""
    outcome = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 0, (command, outcome.stderr)
    return outcome.stdout


def test_requests_by_curl(desk: Path, server: ServerProcess) -> None:
    type_in(*commands("docs/api.md", "base64"))
    requests = [*commands("README.md", "curl"), *commands("docs/api.md", "curl")]
    assert len(requests) == 7
    for request in requests:
        answer = json.loads(type_in(request.replace("127.0.0.1:8080", f"127.0.0.1:{server.http_port}")))
        if "/jobs" in request:
            validate(answer, "job")
        elif "/form" in request:
            validate(answer, "form")
        else:
            assert "quality" in answer.get("recognition", answer), request


def test_request_by_grpcurl_gives_it_the_photo(desk: Path) -> None:
    (request,) = commands("README.md", "grpcurl")
    writing, _, sending = request.partition(" | ")
    assert "-d @ " in sending, "grpcurl reads the request from its standard input"
    image = base64.b64decode(json.loads(type_in(writing))["image"])
    assert image == (desk / "photo.jpg").read_bytes()


def test_client_from_the_proto_alone(desk: Path, server: ServerProcess) -> None:
    (program,) = (text for text in example("python") if "KtpOcrServiceStub" in text)
    (desk / "client.py").write_text(program.replace("127.0.0.1:50051", server.target), "utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path("client.py")
    assert re.fullmatch(r"\d{16} [01]\.\d+\n", printed.getvalue())
