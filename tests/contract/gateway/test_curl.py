"""The documents' requests, sent by curl."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.contract.gateway.conftest import SETTINGS, GatewayBench, validate
from tests.contract.gateway.test_apis import FORM, JOBS, RECOGNIZE

IMAGE = "BUDI \N{LATIN SMALL LETTER Y WITH DIAERESIS}>?>?>?".encode()
"""Its base64 has plus signs, slashes and padding."""


async def curl(bench: GatewayBench, path: str, *arguments: str) -> tuple[int, dict[str, object]]:
    """Run curl; give the HTTP status and the body."""
    url = f"http://127.0.0.1:{bench.port}{path}"
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", *arguments, url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    answer, problem = await process.communicate()
    body, _, status = answer.decode().rpartition("\n")
    assert body, problem
    return int(status), json.loads(body)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(IMAGE)
    return path


@pytest.mark.parametrize("how", ["file of a form", "body", "json"])
async def test_job(bench: GatewayBench, photo: Path, how: str) -> None:
    text = base64.b64encode(IMAGE).decode()
    arguments: dict[str, tuple[str, ...]] = {
        "file of a form": ("--form", f"image=@{photo}"),
        "body": ("--header", "Content-Type: image/jpeg", "--data-binary", f"@{photo}"),
        "json": ("--header", "Content-Type: application/json", "--data", json.dumps({"image": text})),
    }
    status, body = await curl(bench, JOBS, *arguments[how])
    assert status == 200
    validate(body, "job")
    assert list(bench.reader.started) == [IMAGE]


@pytest.mark.parametrize("how", ["escaped", "as it is", "data URI", "URL-safe", "wrapped", "wrapped, as it is"])
async def test_form(bench: GatewayBench, tmp_path: Path, how: str) -> None:
    text = base64.b64encode(IMAGE * 20).decode()
    wrapped = base64.encodebytes(IMAGE * 20).decode()
    assert "+" in text
    written = {
        "data URI": f"data:image/jpeg;base64,{text}",
        "URL-safe": text.replace("+", "-").replace("/", "_").rstrip("="),
        "wrapped": wrapped,
        "wrapped, as it is": wrapped.replace("\n", " ").replace("+", "%2B"),
    }.get(how, text)
    file = tmp_path / "img.txt"
    file.write_text(("img=" if how.endswith("as it is") else "") + written)
    flag = f"@{file}" if how.endswith("as it is") else f"img@{file}"
    data = ("--data" if how.endswith("as it is") else "--data-urlencode", flag)
    status, body = await curl(bench, FORM, "--header", "X-API-Key: any", *data)
    assert status == 200
    validate(body, "form")
    assert list(bench.reader.started) == [IMAGE * 20]


@pytest.mark.parametrize("chunked", [False, True])
async def test_image_of_100_mb_is_told_to_be_too_large(bench: GatewayBench, tmp_path: Path, chunked: bool) -> None:
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    headers = ["--header", "Content-Type: image/jpeg", *(["--header", "Transfer-Encoding: chunked"] if chunked else [])]
    status, body = await curl(bench, JOBS, *headers, "--data-binary", f"@{huge}")
    assert status == 413
    validate(body, "job_failure")
    assert str(SETTINGS.image_max_bytes) in str(body["message"])


async def test_image_a_little_too_large_gets_the_forms_own_status(bench: GatewayBench, tmp_path: Path) -> None:
    text = tmp_path / "img.txt"
    text.write_text(base64.b64encode(b"x" * 3 * SETTINGS.image_max_bytes).decode())
    status, body = await curl(bench, FORM, "--data-urlencode", f"img@{text}")
    assert (status, body["status"]) == (413, "IMAGE_INVALID_SIZE")
    validate(body, "form")


async def test_json_api(bench: GatewayBench, photo: Path) -> None:
    status, body = await curl(bench, RECOGNIZE, "--header", "Content-Type: image/png", "--data-binary", f"@{photo}")
    assert status == 200
    assert "recognition" in body
