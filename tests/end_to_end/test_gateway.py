"""The HTTP APIs over the real models, in `ktp-ocr serve`, in its workers, and in `ktp-ocr gateway` alone."""

import base64
import re
import signal
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.server_process import COMMAND, ServerProcess
from ktp_specimen.strata import Stratum
from tests.contract.gateway.conftest import validate
from tests.contract.gateway.test_apis import ASSESS, FORM, JOBS, RECOGNIZE
from tests.end_to_end.conftest import SpecimenSet, start_process

IMAGE = {"Content-Type": "image/jpeg"}


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.http_port}", timeout=60, verify=False) as http:
        yield http


def test_all_apis_read_what_grpc_reads(
    http: httpx.Client, stub: stubs.KtpOcrServiceStub, specimens: SpecimenSet
) -> None:
    image = specimens.path(Stratum.CLEAN).read_bytes()
    card = stub.RecognizeCard(messages.RecognizeCardRequest(image=image), timeout=60).recognition.card
    job = http.post(JOBS, files={"image": ("ktp.jpg", image, "image/jpeg")})
    form = http.post(FORM, data={"img": base64.b64encode(image).decode()}, headers={"X-API-Key": "any"})
    answer = http.post(RECOGNIZE, content=image, headers=IMAGE)
    assert [each.status_code for each in (job, form, answer)] == [200, 200, 200]
    assert [each.headers["x-charged"] for each in (job, form, answer)] == ["yes", "yes", "yes"]
    validate(job.json(), "job")
    validate(form.json(), "form")
    read = job.json()["job"]["result"]["result"][0]
    assert {name: value for name, value in read.items() if name != "image_quality"} == {
        name: getattr(card, name).value for name in read if name != "image_quality"
    }
    message = form.json()["message"]
    assert (message["id"], message["name"], message["nationnality"]) == (
        card.nik.value,
        card.nama.value,
        card.kewarganegaraan.value,
    )
    assert answer.json()["recognition"]["card"]["nik"]["value"] == card.nik.value
    assert len(card.nik.value) == 16


def test_picture_without_a_card_fails_in_each_apis_words(http: httpx.Client, specimens: SpecimenSet) -> None:
    image = specimens.path(Stratum.EMPTY).read_bytes()
    form = http.post(FORM, data={"img": base64.b64encode(image).decode()})
    job = http.post(JOBS, content=image, headers=IMAGE)
    assess = http.post(ASSESS, content=image, headers=IMAGE)
    assert [each.status_code for each in (form, job, assess)] == [422, 422, 422]
    assert [each.headers["x-charged"] for each in (form, job, assess)] == ["yes", "yes", "no"]
    assert form.json() == {"status": "FAIL", "message": "check input image and retry"}
    validate(job.json(), "job_failure")


def test_other_files_are_no_images(http: httpx.Client) -> None:
    form = http.post(FORM, data={"img": base64.b64encode(b"GIF89a" + b"x" * 1000).decode()})
    assert (form.status_code, form.json()["status"]) == (415, "IMAGE_INVALID_FORMAT")
    large = http.post(FORM, data={"img": base64.b64encode(b"\xff\xd8\xff" + b"x" * 2_100_000).decode()})
    assert (large.status_code, large.json()["status"]) == (413, "IMAGE_INVALID_SIZE")


def test_every_worker_answers_http(specimens: SpecimenSet) -> None:
    server = start_process("--workers", "2")
    image = specimens.path(Stratum.CLEAN).read_bytes()
    for _ in range(6):  # connections of their own, which the kernel deals out
        url = f"http://127.0.0.1:{server.http_port}"
        assert httpx.get(f"{url}/readyz", verify=False).status_code == 200
        assert httpx.post(f"{url}{JOBS}", content=image, headers=IMAGE, timeout=60, verify=False).status_code == 200
    assert server.stop() == 0


def test_gateway_alone_calls_another_process(server: ServerProcess, specimens: SpecimenSet) -> None:
    command = [COMMAND, "gateway", "--target", f"127.0.0.1:{server.port}", "--http-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        serving = re.search(r"serving HTTP on (http://127\.0\.0\.1:\d+)", process.stderr.readline())
        assert serving
        assert httpx.get(f"{serving[1]}/readyz", verify=False).status_code == 200
        image = specimens.path(Stratum.PHONE).read_bytes()
        answer = httpx.post(f"{serving[1]}{RECOGNIZE}", content=image, headers=IMAGE, timeout=60, verify=False)
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
