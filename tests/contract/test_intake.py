"""What comes in over a real connection: too much, too slow, too large, broken, taken back."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from tests.contract.conftest import SETTINGS, Bench, serve
from tests.contract.raw_http2 import DATA, END_STREAM, RST_STREAM, Frame, connect_raw, message_prefix
from tests.contract.scripted_reader import ScriptedReader
from tests.contract.test_service import card_request, status_of, unpack

METHOD = "/ktp.ocr.v1.KtpOcrService/RecognizeCard"
STREAM_METHOD = "/ktp.ocr.v1.KtpOcrService/RecognizeCards"
LIMIT = SETTINGS.max_in_flight_count


async def fill(bench: Bench) -> list[asyncio.Task[messages.RecognizeCardResponse]]:
    """Take every place."""
    waiting = [asyncio.ensure_future(bench.stub.RecognizeCard(card_request(b"wait"))) for _ in range(LIMIT)]
    await until(lambda: bench.reader.started[b"wait"] == LIMIT)
    return waiting


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20.0):
        while not condition():
            await asyncio.sleep(0.005)


async def send_nothing() -> AsyncIterator[bytes]:
    await asyncio.sleep(60.0)
    yield b""


def raw_call(bench: Bench, method: str = METHOD) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """A method that takes and gives bytes as they are."""
    return bench.channel.unary_unary(method, lambda data: data, lambda data: data)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    return unpack(list(status_of(error).details))[0].reason


async def test_full_server_refuses_before_it_has_the_request(bench: Bench) -> None:
    waiting = await fill(bench)
    call = bench.channel.stream_unary(METHOD, lambda data: data, lambda data: data)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(send_nothing(), timeout=20.0)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(caught.value) == "OVERLOADED"
    bench.reader.release.set()
    await asyncio.gather(*waiting)


async def test_open_calls_are_bounded_whether_they_arrive_wait_or_stream() -> None:
    reader = ScriptedReader()
    few = SETTINGS.model_copy(update={"open_call_count": 3})
    async with serve(reader, few) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        upload = channel.stream_unary(METHOD, lambda data: data, lambda data: data)(send_nothing())
        stream = stub.RecognizeCards(_stay_open())
        waiting = asyncio.ensure_future(stub.RecognizeCard(card_request(b"wait")))
        await until(lambda: server.admission.open_count == 3)
        for call in (stub.RecognizeCard(card_request(b"A")), stub.RecognizeCards(_stay_open())):
            assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await call.details() == "the server has as many open calls as it accepts; try again shortly"
        upload.cancel()
        stream.cancel()
        reader.release.set()
        await waiting
        await until(lambda: server.admission.open_count == 0)
        assert (await stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"


async def test_streams_that_stay_open_leave_single_calls_theirs() -> None:
    reader = ScriptedReader()
    few = SETTINGS.model_copy(update={"open_call_count": 4})
    async with serve(reader, few) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        streams = [stub.RecognizeCards(_stay_open()) for _ in range(2)]
        await until(lambda: server.admission.open_count == 2)
        late = stub.RecognizeCards(_stay_open())
        assert await late.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await late.details() == "the server has as many open streams as it accepts; try again shortly"
        assert (await stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"
        streams[0].cancel()
        await until(lambda: server.admission.open_count == 1)
        streams.append(stub.RecognizeCards(_stay_open()))
        assert isinstance(await streams[-1].read(), messages.RecognizeCardsResponse)


async def _stay_open() -> AsyncIterator[messages.RecognizeCardsRequest]:
    yield messages.RecognizeCardsRequest(request_id="1", image=b"A")
    await asyncio.sleep(60.0)


async def test_streams_whose_callers_go_away_in_the_middle_of_answers_leave_no_call_open(bench: Bench) -> None:
    for _ in range(20):
        streams = [bench.stub.RecognizeCards(_stay_open()) for _ in range(5)]
        for stream in streams[::2]:
            assert isinstance(await stream.read(), messages.RecognizeCardsResponse)
        for stream in streams:
            stream.cancel()
    await until(lambda: bench.server.admission.open_count == 0)


async def test_items_of_streams_wait_for_room_and_leave_single_calls_theirs(bench: Bench) -> None:
    async def send(count: int) -> AsyncIterator[messages.RecognizeCardsRequest]:
        for number in range(count):
            yield messages.RecognizeCardsRequest(request_id=str(number), image=b"wait in a stream")

    streams = [bench.stub.RecognizeCards(send(6)) for _ in range(3)]
    collecting = [asyncio.create_task(_collect(stream)) for stream in streams]
    await until(lambda: bench.reader.started.total() == SETTINGS.bulk_in_flight_count)
    assert (await bench.stub.RecognizeCard(card_request(b"at once"))).recognition.card.nama.value == "at once"
    assert bench.reader.started[b"wait in a stream"] == SETTINGS.bulk_in_flight_count
    bench.reader.release.set()
    for answers in await asyncio.gather(*collecting):
        assert sorted(answer.request_id for answer in answers) == [str(number) for number in range(6)]
        assert all(answer.HasField("recognition") for answer in answers)


async def _collect(
    stream: "grpc.aio.StreamStreamCall[messages.RecognizeCardsRequest, messages.RecognizeCardsResponse]",
) -> list[messages.RecognizeCardsResponse]:
    return [answer async for answer in stream]


async def test_call_without_a_request_ends(bench: Bench) -> None:
    call = bench.channel.stream_unary(METHOD, lambda data: data, lambda data: data)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(iter(()))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(caught.value) == "REQUEST_INVALID"


async def test_upload_byte_by_byte_ends_at_its_time_and_holds_nobody_up() -> None:
    reader = ScriptedReader()
    hasty = SETTINGS.model_copy(update={"upload_timeout_s": 3.0})
    async with (
        serve(reader, hasty) as server,
        connect_raw(server.port) as raw,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        await raw.call(METHOD)
        await raw.send(Frame(DATA, 0, 1, message_prefix(100_000)))
        ending = asyncio.create_task(raw.ended())
        sent_count = 0
        async with asyncio.timeout(20.0):
            while not ending.done():
                await raw.send(Frame(DATA, 0, 1, b"\x12"))
                sent_count += 1
                await asyncio.sleep(0.05)
                assert (await stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"
        assert b"the request did not arrive within 3 s" in await ending
    assert sent_count < 100_000
    assert reader.started.total() == reader.started[b"A"]


async def test_patient_upload_within_its_time_is_read() -> None:
    request = card_request(b"SLOWLY").SerializeToString()
    async with serve(ScriptedReader()) as server, connect_raw(server.port) as raw:
        await raw.call(METHOD)
        for byte in message_prefix(len(request)) + request:
            await raw.send(Frame(DATA, 0, 1, bytes([byte])))
        await raw.send(Frame(DATA, END_STREAM, 1))
        assert b"SLOWLY" in await raw.ended()


@given(st.binary(max_size=200).filter(lambda data: not _is_request(data)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_broken_protobuf_is_told_so(bench: Bench, data: bytes) -> None:
    for method in ("RecognizeCard", "AssessQuality"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(bench, f"/ktp.ocr.v1.KtpOcrService/{method}")(data)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == "the request is no valid protobuf message"
    assert bench.reader.started.total() == 0


def _is_request(data: bytes) -> bool:
    for kind in (messages.RecognizeCardRequest, messages.AssessQualityRequest):
        try:
            kind.FromString(data)
        except Exception:  # noqa: BLE001  # whatever the parser says
            continue
        return True
    return False


async def test_broken_protobuf_ends_a_stream_when_what_came_before_is_answered(bench: Bench) -> None:
    good = messages.RecognizeCardsRequest(request_id="1", image=b"A").SerializeToString()
    stream = bench.channel.stream_stream(STREAM_METHOD, lambda data: data, messages.RecognizeCardsResponse.FromString)
    answers = aiter(stream(iter([good, b"\xff\xff", good])))
    assert (await anext(answers)).recognition.card.nama.value == "A"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(answers)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(caught.value) == "REQUEST_INVALID"


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_message_of_100_mb_is_refused(bench: Bench, compression: grpc.Compression) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(bench)(bytes(100_000_000), timeout=60.0, compression=compression)
    assert caught.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL}
    assert bench.reader.started.total() == 0
    assert (await bench.stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"


async def test_storm_of_resets_leaves_no_call_behind(bench: Bench) -> None:
    image = os.urandom(2000)
    for _ in range(20):
        calls = [bench.stub.RecognizeCard(card_request(b"wait" + image)) for _ in range(100)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    await until(lambda: bench.reader.started.total() == bench.reader.cancelled.total())
    # While the server still meets streams that were reset, it may turn away new ones of that connection.
    async with asyncio.timeout(20.0):
        while not await _is_answered(bench):
            await asyncio.sleep(0.05)
    waiting = await fill(bench)
    bench.reader.release.set()
    assert len(await asyncio.gather(*waiting)) == LIMIT


async def _is_answered(bench: Bench) -> bool:
    try:
        return (await bench.stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"
    except grpc.aio.AioRpcError:
        return False


async def test_rapid_resets_by_hand_leave_no_call_behind(bench: Bench) -> None:
    """A stream that is opened and reset in one breath. Source: CVE-2023-44487."""
    request = card_request(b"wait").SerializeToString()
    async with connect_raw(bench.server.port) as raw:
        for stream in range(1, 2001, 2):
            try:
                await raw.call(METHOD, stream)
                await raw.send(Frame(DATA, END_STREAM, stream, message_prefix(len(request)) + request))
                await raw.send(Frame(RST_STREAM, 0, stream, bytes([0, 0, 0, 8])))
            except ConnectionError:
                break  # the server may close such a connection
    await until(lambda: bench.reader.started.total() == bench.reader.cancelled.total())
    assert (await bench.stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01" + bytes(300), b"\xff" * 4096])
async def test_what_is_no_http2_is_turned_away(bench: Bench, noise: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
    writer.write(noise)
    async with asyncio.timeout(20.0):
        while await reader.read(4096):
            pass
    writer.close()
    assert (await bench.stub.RecognizeCard(card_request(b"A"))).recognition.card.nama.value == "A"


async def test_failure_and_answer_echo_the_calls_id(bench: Bench) -> None:
    metadata = (("x-request-id", "from the gateway"),)
    call = bench.stub.RecognizeCard(card_request(b"A"), metadata=metadata)
    assert (await call).request_id == "from the gateway"
    assert dict(await call.trailing_metadata())["x-request-id"] == "from the gateway"
    call = bench.stub.RecognizeCard(card_request(b"A", "in the request"), metadata=metadata)
    assert (await call).request_id == "in the request"
    assert dict(await call.trailing_metadata())["x-request-id"] == "in the request"
    bench.reader.failures[b"bad"] = ValueError("SITI AMINAH")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.RecognizeCard(card_request(b"bad", "fails"))
    assert dict(caught.value.trailing_metadata() or ())["x-request-id"] == "fails"
    assert "fails" in str(status_of(caught.value))
