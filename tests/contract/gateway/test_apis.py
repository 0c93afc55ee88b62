"""The APIs' shapes, keys, statuses and headers, over a real connection."""

import base64
import uuid
from dataclasses import replace

import httpx
import jsonschema
import pytest

from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError
from ktp_server.results import Correction, FieldResult
from tests.contract.gateway.conftest import GatewayBench, validate
from tests.contract.scripted_reader import NORMALISED, recognition_of

JOBS, FORM, RECOGNIZE, ASSESS = "/v1/ocr-ktp/jobs", "/v1/ocr-ktp/form", "/v1/cards:recognize", "/v1/images:assess"


def text_of(image: bytes) -> str:
    return base64.b64encode(image).decode()


async def send_form(bench: GatewayBench, image: bytes) -> httpx.Response:
    return await bench.http.post(FORM, data={"img": text_of(image)}, headers={"X-API-Key": "any"})


@pytest.mark.parametrize("form", ["raw", "multipart", "multipart base64", "json"])
async def test_job_is_answered_as_documented(bench: GatewayBench, form: str) -> None:
    match form:
        case "raw":
            answer = await bench.http.post(JOBS, content=b"BUDI", headers={"Content-Type": "image/jpeg"})
        case "multipart":
            answer = await bench.http.post(JOBS, files={"image": ("a.jpg", b"BUDI", "image/jpeg")})
        case "multipart base64":
            answer = await bench.http.post(JOBS, files={"image": (None, text_of(b"BUDI"))})
        case _:
            answer = await bench.http.post(JOBS, json={"image": text_of(b"BUDI")})
    assert answer.status_code == 200
    validate(answer.json(), "job")
    card = answer.json()["job"]["result"]["result"][0]
    assert (card["nama"], card["agama"], card["alamat"]) == ("BUDI", "ISLAM", "")
    assert card["image_quality"] == {"sharpness": True, "brightness": False, "specularity": True}
    assert answer.headers["x-charged"] == "yes"


async def test_job_ids_differ_even_when_request_ids_do_not(bench: GatewayBench) -> None:
    headers = {"Content-Type": "image/png", "X-Request-Id": "again"}
    answers = [await bench.http.post(JOBS, content=b"A", headers=headers) for _ in range(3)]
    assert {answer.headers["x-request-id"] for answer in answers} == {"again"}
    assert len({uuid.UUID(answer.json()["job"]["id"]) for answer in answers}) == 3


async def test_form_is_answered_as_documented(bench: GatewayBench) -> None:
    answer = await send_form(bench, b"BUDI")
    assert answer.status_code == 200
    validate(answer.json(), "form")
    message = answer.json()["message"]
    assert (message["name"], message["id"], message["rt"], message["religion"]) == ("BUDI", "0", "001", "ISLAM")
    assert "nationnality" in message
    assert answer.headers["x-charged"] == "yes"


async def test_form_without_a_nik_fails_and_is_charged(bench: GatewayBench) -> None:
    read = recognition_of("BUDI")
    fields = {name: field for name, field in read.card.fields.items() if name != "nik"}
    unreadable = FieldResult(None, "#", 0.1, Correction.NONE, None)
    for found in (fields, {**fields, "nik": unreadable}):
        bench.reader.results[b"BUDI"] = replace(read, card=replace(read.card, fields=found))
        answer = await send_form(bench, b"BUDI")
        assert (answer.status_code, answer.json()["status"], answer.headers["x-charged"]) == (422, "FAIL", "yes")
        validate(answer.json(), "form")


@pytest.mark.parametrize("reason", list(ErrorReason))
async def test_every_failure_has_each_apis_own_shape(bench: GatewayBench, reason: ErrorReason) -> None:
    bench.reader.failures[b"bad"] = RecognitionError(reason, "what went wrong", field="image")
    policy = ERROR_POLICIES[reason]
    raw = {"Content-Type": "image/jpeg"}
    job = await bench.http.post(JOBS, content=b"bad", headers=raw)
    form = await send_form(bench, b"bad")
    card = await bench.http.post(RECOGNIZE, content=b"bad", headers=raw)
    assess = await bench.http.post(ASSESS, content=b"bad", headers=raw)
    for answer in (job, form, card, assess):
        assert answer.status_code == policy.http_status
        assert answer.headers["x-error-reason"] == reason.value
        assert ("retry-after" in answer.headers) == (policy.retry_delay_s is not None)
    charged = "yes" if policy.charged else "no"
    assert [answer.headers["x-charged"] for answer in (job, form, card, assess)] == [charged, charged, charged, "no"]
    validate(job.json(), "job_failure")
    assert (job.json()["job"]["result"]["reason"], job.json()["message"]) == (reason.value, "what went wrong")
    validate(form.json(), "form")
    assert form.json()["status"] == policy.form_status
    error = card.json()["error"]
    assert (error["code"], error["status"]) == (policy.http_status, policy.grpc_code)
    info = next(detail for detail in error["details"] if detail["@type"].endswith("google.rpc.ErrorInfo"))
    assert (info["reason"], info["domain"]) == (reason.value, "ktp-ocr")


async def test_json_api_answers_the_contract(bench: GatewayBench) -> None:
    answer = await bench.http.post(
        RECOGNIZE, json={"image": text_of(b"BUDI"), "requestId": "mine", "require": ["tilt"]}
    )
    body = answer.json()
    assert answer.status_code == 200
    assert body["request_id"] == answer.headers["x-request-id"] == "mine"
    card = body["recognition"]["card"]
    assert card["nama"]["value"] == "BUDI"
    assert card["agama"]["correction"] == "CORRECTION_TEMPLATE"
    assert "value" not in card["alamat"]
    assert body["recognition"]["quality"]["brightness"]["passed"] is False
    assert card["normalised"]["village_code"] == NORMALISED.village_code
    assert bench.reader.required[b"BUDI"] == ("tilt",)
    assert answer.headers["x-charged"] == "yes"


async def test_answers_match_their_openapi_schemas(bench: GatewayBench) -> None:
    document = (await bench.http.get("/openapi.json")).json()
    image = {"image": text_of(b"BUDI")}
    bench.reader.failures[b"bad"] = RecognitionError(ErrorReason.OVERLOADED, "full", field="image")
    answers = [(path, await bench.http.post(path, json=image)) for path in (JOBS, RECOGNIZE, ASSESS)]
    answers += [(path, await bench.http.post(path, json={"image": text_of(b"bad")})) for path in (JOBS, RECOGNIZE)]
    answers += [(FORM, await send_form(bench, b"BUDI")), (FORM, await send_form(bench, b"bad"))]
    for path, answer in answers:
        responses = document["paths"][path]["post"]["responses"]
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b"", "JSON object"),
        (b"[1]", "JSON object"),
        (b"\xff\xfe", "JSON object"),
        (b"[" * 40_000, "JSON object"),
        (b"{}", "image"),
        (b'{"image": 5}', "image"),
        (b'{"image": ""}', "image"),
        (b'{"image": "data:image/png;base64,"}', "image"),
        (b'{"image": "QUJ$"}', "image"),
        (b'{"image": "QUJD", "SITI AMINAH": 1}', "nothing else"),
        (b'{"image": "QUJD", "require": "SITI AMINAH"}', "require"),
        (b'{"image": "QUJD", "request_id": "SITI\\nAMINAH"}', "request id"),
    ],
)
async def test_bad_json_is_told_by_member_and_quotes_nothing(bench: GatewayBench, body: bytes, member: str) -> None:
    answer = await bench.http.post(RECOGNIZE, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert member in answer.json()["error"]["message"]
    assert "SITI" not in answer.text
    assert answer.headers["x-error-reason"] == "REQUEST_INVALID"
    assert not bench.reader.started


BAD_FORMS = (
    *(b"", b"img=", b"img=%20", b"image=QUJD", b"img=QUJD&img=QUJD"),
    *(b"img=$$$", b"img=%ff%fe", b"\xff", b"a&" * 50),
)


async def test_bad_forms_are_invalid_requests(bench: GatewayBench) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in BAD_FORMS:
        answer = await bench.http.post(FORM, content=body, headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (400, "INVALID_REQUEST")
        validate(answer.json(), "form")
    assert not bench.reader.started


BAD_TYPES = [b"", b"text/plain", b"image/gif", b"text/xml; x", b"multipart/form-data", "é".encode("latin-1")]


@pytest.mark.parametrize("path", [JOBS, FORM, RECOGNIZE, ASSESS])
async def test_wrong_content_types_are_refused(bench: GatewayBench, path: str) -> None:
    for content_type in BAD_TYPES:
        answer = await bench.http.post(path, content=b"x", headers=[(b"Content-Type", content_type)])
        assert answer.status_code == 400
        assert answer.headers["x-error-reason"] == "REQUEST_INVALID"
    assert not bench.reader.started


BAD_PARTS = [
    *(b"", b"--b", b"--b\r\n\r\n\r\n--b--"),
    b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--b--\r\n",
]


async def test_bad_multipart_forms_are_refused(bench: GatewayBench) -> None:
    for body in BAD_PARTS:
        answer = await bench.http.post(JOBS, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
        assert answer.status_code == 400
        validate(answer.json(), "job_failure")


async def test_several_files_are_refused(bench: GatewayBench) -> None:
    answer = await bench.http.post(JOBS, files={"image": b"A", "other": b"B"})
    assert answer.status_code == 400
    assert not bench.reader.started


async def test_other_paths_and_methods_are_told_so(bench: GatewayBench) -> None:
    missing, wrong = await bench.http.get("/v1/cards"), await bench.http.get(JOBS)
    assert (missing.status_code, missing.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
