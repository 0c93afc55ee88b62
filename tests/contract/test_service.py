"""The service over a real connection: answers, errors, bounds, health, reflection."""

import asyncio
import json
import logging
import time
from collections.abc import Callable

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from ktp.ocr.v1 import card_pb2
from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_preprocessing.errors import ImageCorrupt, ImageTooLarge
from ktp_server.engines.port import FailureKind, InferenceError
from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError
from ktp_server.front.app import start_server
from ktp_server.front.convert import recognition_from_message
from tests.contract.conftest import SETTINGS, Bench
from tests.contract.scripted_reader import ScriptedReader, recognition_of

SERVICE = "ktp.ocr.v1.KtpOcrService"


def card_request(image: bytes, request_id: str = "") -> messages.RecognizeCardRequest:
    return messages.RecognizeCardRequest(request_id=request_id, image=image)


def unpack(details: list[any_pb2.Any]) -> tuple[error_details_pb2.ErrorInfo, list[str], float | None]:
    """ErrorInfo, names of the fields at fault, seconds to wait."""
    info, violation, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    waits = [detail.Unpack(retry) for detail in details]
    for detail in details:
        detail.Unpack(info)
        detail.Unpack(violation)
    fields = [item.field for item in violation.field_violations]
    return info, fields, retry.retry_delay.ToTimedelta().total_seconds() if any(waits) else None


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    metadata = dict(error.trailing_metadata() or ())
    packed = metadata["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    return status_pb2.Status.FromString(packed)


async def test_answer_holds_everything_that_was_read(bench: Bench) -> None:
    response = await bench.stub.RecognizeCard(card_request(b"BUDI", "call-1"))
    assert response.request_id == "call-1"
    assert recognition_from_message(response.recognition) == recognition_of("BUDI")
    assert response.recognition.card.nama.value == "BUDI"
    assert response.recognition.card.agama.correction == card_pb2.CORRECTION_TEMPLATE
    assert not response.recognition.card.HasField("kecamatan")
    assert not response.recognition.card.alamat.HasField("value")
    assert not response.recognition.card.rt.HasField("quad")


async def test_missing_request_id_is_made_up(bench: Bench) -> None:
    first = await bench.stub.RecognizeCard(card_request(b"A"))
    second = await bench.stub.RecognizeCard(card_request(b"A"))
    assert first.request_id
    assert first.request_id != second.request_id


async def test_assessment_reads_no_field(bench: Bench) -> None:
    response = await bench.stub.AssessQuality(messages.AssessQualityRequest(request_id="q", image=b"A"))
    assert response.request_id == "q"
    assert response.quality.brightness.reason == "too dark: use more light"
    assert [item.name for item in response.requirements.requirements] == ["file_size_min", "jpeg_quality_min"]
    assert not response.requirements.requirements[1].HasField("measured")
    assert response.card.rotation_degrees == -12.5
    assert response.card.pose.yaw_degrees == 3.5
    assert not response.card.HasField("nama")


async def test_required_checks_reach_the_reader(bench: Bench) -> None:
    await bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=b"A", require=["tilt", "sharpness"]))
    assert bench.reader.required[b"A"] == ("tilt", "sharpness")


async def test_gzip_is_accepted(bench: Bench) -> None:
    response = await bench.stub.RecognizeCard(card_request(b"A" * 4000), compression=grpc.Compression.Gzip)
    assert response.recognition.card.nama.value == "A" * 4000


@pytest.mark.parametrize("reason", [reason for reason in ErrorReason if reason is not ErrorReason.INTERNAL])
async def test_known_failures_carry_their_code_and_details(bench: Bench, reason: ErrorReason) -> None:
    bench.reader.failures[b"bad"] = RecognitionError(reason, "what went wrong", field="image")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"bad"))
    policy = ERROR_POLICIES[reason]
    assert caught.value.code() is grpc.StatusCode[policy.grpc_code]
    assert caught.value.details() == "what went wrong"
    status = status_of(caught.value)
    assert status.code == caught.value.code().value[0]
    info, fields, retry_s = unpack(list(status.details))
    assert (info.reason, info.domain) == (reason.value, "ktp-ocr")
    assert fields == ["image"]
    assert retry_s == policy.retry_delay_s


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ImageCorrupt("cut short"), ErrorReason.IMAGE_CORRUPT),
        (ImageTooLarge("too many bytes"), ErrorReason.IMAGE_TOO_LARGE),
        (InferenceError(FailureKind.OVERLOADED, "m", "full"), ErrorReason.OVERLOADED),
        (InferenceError(FailureKind.DEADLINE, "m", "late"), ErrorReason.DEADLINE_EXCEEDED),
        (InferenceError(FailureKind.UNAVAILABLE, "m", "gone"), ErrorReason.MODEL_UNAVAILABLE),
        (TimeoutError(), ErrorReason.DEADLINE_EXCEEDED),
    ],
)
async def test_failures_of_the_rooms_below_are_mapped(bench: Bench, failure: Exception, reason: ErrorReason) -> None:
    bench.reader.failures[b"bad"] = failure
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"bad"))
    assert unpack(list(status_of(caught.value).details))[0].reason == reason.value


async def test_unforeseen_failure_tells_a_reference_and_nothing_else(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.reader.failures[b"bad"] = RuntimeError("SITI AMINAH")
    with caplog.at_level(logging.DEBUG), pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"bad"))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "SITI" not in str(caught.value)
    reference = (caught.value.details() or "").rsplit(" ", 1)[-1]
    assert len(reference) == 32
    assert reference in caplog.text
    assert "RuntimeError" in caplog.text
    assert "SITI" not in caplog.text
    assert (await bench.stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"


@pytest.mark.parametrize("request_id", ["x" * 129, "line\nbreak", "nomor\u00e9"])
async def test_bad_request_id_is_refused(bench: Bench, request_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"A", request_id))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert unpack(list(status_of(caught.value).details))[1] == ["request_id"]
    assert not bench.reader.started


async def test_more_than_the_limit_is_shed_at_once(bench: Bench) -> None:
    limit = SETTINGS.max_in_flight_count
    waiting = [asyncio.ensure_future(bench.stub.RecognizeCard(card_request(b"wait"))) for _ in range(limit)]
    while bench.reader.started[b"wait"] < limit:
        await asyncio.sleep(0.005)
    # Nothing else ends until it is released: an answer shows that this one did not wait.
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"one too many"))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info, _, retry_s = unpack(list(status_of(caught.value).details))
    assert info.reason == "OVERLOADED"
    assert retry_s is not None
    assert retry_s > 0
    bench.reader.release.set()
    assert len(await asyncio.gather(*waiting)) == limit
    assert (await bench.stub.RecognizeCard(card_request(b"room again"))).request_id


async def test_a_refusal_is_a_status_alone_so_that_grpcs_own_retries_apply(bench: Bench) -> None:
    """After a header or a message, a client counts a call as answered. Source: gRFC A6."""
    policy = {
        "maxAttempts": 3,
        "initialBackoff": "0.01s",
        "maxBackoff": "0.01s",
        "backoffMultiplier": 1,
        "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
    }
    config = json.dumps({"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": policy}]})
    bench.reader.failures[b"full"] = RecognitionError(ErrorReason.OVERLOADED, "no room")
    address, options = f"127.0.0.1:{bench.server.port}", [("grpc.service_config", config)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        code = await stub.RecognizeCard(card_request(b"full")).code()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert bench.reader.started[b"full"] == 3


async def test_callers_deadline_reaches_the_reader_and_cancels_it(bench: Bench) -> None:
    before_s = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"wait"), timeout=2.0)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    deadline_s = bench.reader.deadlines_s[b"wait"]
    assert deadline_s is not None
    assert before_s + 1.0 < deadline_s < before_s + SETTINGS.default_deadline_s
    await _until(lambda: bench.reader.cancelled[b"wait"] == 1)


async def test_call_without_deadline_gets_the_default(bench: Bench) -> None:
    before_s = time.monotonic()
    await bench.stub.RecognizeCard(card_request(b"A"))
    after_s = time.monotonic()
    deadline_s = bench.reader.deadlines_s[b"A"]
    assert deadline_s is not None
    assert before_s <= deadline_s - SETTINGS.default_deadline_s <= after_s


async def test_cancelled_call_stops_its_work(bench: Bench) -> None:
    call = bench.stub.RecognizeCard(card_request(b"wait"))
    await _until(lambda: bench.reader.started[b"wait"] == 1)
    call.cancel()
    await _until(lambda: bench.reader.cancelled[b"wait"] == 1)
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_health_and_reflection_answer(bench: Bench) -> None:
    check = bench.channel.unary_unary(
        "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )
    for name in ("", SERVICE):
        assert (await check(HealthCheckRequest(service=name))).status == HealthCheckResponse.SERVING
    reflect = bench.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    questions = [
        ServerReflectionRequest(list_services=""),
        ServerReflectionRequest(file_containing_symbol=SERVICE),
    ]
    answers = [answer async for answer in reflect(iter(questions))]
    assert SERVICE in [service.name for service in answers[0].list_services_response.service]
    assert answers[1].file_descriptor_response.file_descriptor_proto


async def test_health_follows_the_models(bench: Bench) -> None:
    watch = bench.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )(HealthCheckRequest(service=SERVICE))
    states = aiter(watch)
    assert (await anext(states)).status == HealthCheckResponse.SERVING
    bench.reader.available = False
    assert (await anext(states)).status == HealthCheckResponse.NOT_SERVING
    bench.reader.available = True
    assert (await anext(states)).status == HealthCheckResponse.SERVING
    watch.cancel()


async def test_health_is_not_serving_before_calls_are_wanted() -> None:
    server = await start_server(ScriptedReader(), SETTINGS)
    async with grpc.aio.insecure_channel(server.address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        for name in ("", SERVICE, "grpc.health.v1.Health"):
            assert (await check(HealthCheckRequest(service=name))).status == HealthCheckResponse.NOT_SERVING
    await server.drain(1.0)


async def test_drain_finishes_what_was_accepted(bench: Bench) -> None:
    accepted = asyncio.ensure_future(bench.stub.RecognizeCard(card_request(b"wait")))
    await _until(lambda: bench.reader.started[b"wait"] == 1)
    watch = bench.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )(HealthCheckRequest(service=SERVICE))
    states = aiter(watch)
    assert (await anext(states)).status == HealthCheckResponse.SERVING
    draining = asyncio.create_task(bench.server.drain(5.0))
    assert (await anext(states)).status == HealthCheckResponse.NOT_SERVING
    watch.cancel()
    bench.reader.release.set()
    assert (await accepted).recognition.card.nama.value == "wait"
    await draining


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60.0):
        while not condition():
            await asyncio.sleep(0.005)
