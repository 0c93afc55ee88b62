"""RecognizeCards: answers as they finish, item errors in items, bounded memory."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import code_pb2

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp_server.engines.port import Priority
from ktp_server.errors import ErrorReason, RecognitionError
from tests.contract.conftest import SETTINGS, Bench

LIMIT = SETTINGS.stream_in_flight_count


def item(image: bytes, request_id: str | None = None) -> messages.RecognizeCardsRequest:
    return messages.RecognizeCardsRequest(request_id=image.decode() if request_id is None else request_id, image=image)


async def send(*items: messages.RecognizeCardsRequest) -> AsyncIterator[messages.RecognizeCardsRequest]:
    for one in items:
        yield one


async def test_every_item_is_answered_once_by_its_id(bench: Bench) -> None:
    names = [f"NAMA {number}" for number in range(60)]
    answers = [answer async for answer in bench.stub.RecognizeCards(send(*[item(name.encode()) for name in names]))]
    assert {answer.request_id: answer.recognition.card.nama.value for answer in answers} == {n: n for n in names}
    assert len(answers) == len(names)


async def test_answers_come_as_they_finish(bench: Bench) -> None:
    call = bench.stub.RecognizeCards(send(item(b"wait"), item(b"quick")))
    answers = aiter(call)
    assert (await anext(answers)).request_id == "quick"
    bench.reader.release.set()
    assert (await anext(answers)).request_id == "wait"
    assert [answer async for answer in answers] == []


async def test_failing_item_is_answered_and_ends_nothing(bench: Bench) -> None:
    bench.reader.failures[b"bad"] = RecognitionError(ErrorReason.CARD_NOT_FOUND, "no card", field="image")
    bench.reader.failures[b"worse"] = RuntimeError("SITI AMINAH")
    requests = [item(b"bad"), item(b"A"), item(b"worse"), item(b"anonymous", ""), item(b"B")]
    answers = {answer.request_id: answer async for answer in bench.stub.RecognizeCards(send(*requests))}
    assert answers["bad"].error.code == code_pb2.FAILED_PRECONDITION
    assert answers["worse"].error.code == code_pb2.INTERNAL
    assert "SITI" not in str(answers["worse"])
    assert answers[""].error.code == code_pb2.INVALID_ARGUMENT
    assert bench.reader.started[b"anonymous"] == 0
    assert answers["A"].WhichOneof("outcome") == answers["B"].WhichOneof("outcome") == "recognition"


async def test_fast_sender_is_held_back(bench: Bench) -> None:
    """Only as many images as a stream may have in work are begun, whatever the caller sends."""
    call = bench.stub.RecognizeCards(send(*[item(f"wait {number}".encode()) for number in range(40)]))
    async with asyncio.timeout(60.0):
        while bench.reader.started.total() < LIMIT:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    assert bench.reader.started.total() == LIMIT
    bench.reader.release.set()
    assert len([answer async for answer in call]) == 40


async def test_slow_taker_is_waited_for(bench: Bench) -> None:
    """Answers that nobody takes fill gRPC's window; then no further image is begun."""
    count, size = 400, 200_000
    requests = [item(b"%06d" % number + b"A" * size, str(number)) for number in range(count)]
    call = bench.stub.RecognizeCards(send(*requests))
    begun_count = 0
    async with asyncio.timeout(60.0):
        while not begun_count or bench.reader.started.total() > begun_count:
            begun_count = bench.reader.started.total()
            await asyncio.sleep(0.5)
    assert begun_count < count / 2
    assert len([answer async for answer in call]) == count


async def test_cancelled_stream_stops_its_items(bench: Bench) -> None:
    call = bench.stub.RecognizeCards(send(item(b"wait 1"), item(b"wait 2")))
    async with asyncio.timeout(60.0):
        while bench.reader.started.total() < 2:
            await asyncio.sleep(0.005)
        call.cancel()
        while bench.reader.cancelled.total() < 2:
            await asyncio.sleep(0.005)
    with pytest.raises(asyncio.CancelledError):
        await anext(aiter(call))


async def test_streams_deadline_ends_it(bench: Bench) -> None:
    """Its item may hear of the deadline an instant before the call ends."""

    async def send_and_stay() -> AsyncIterator[messages.RecognizeCardsRequest]:
        yield item(b"wait")
        await asyncio.sleep(60.0)

    answers: list[messages.RecognizeCardsResponse] = []

    async def take_all() -> None:
        async for answer in bench.stub.RecognizeCards(send_and_stay(), timeout=0.2):
            answers.append(answer)  # noqa: PERF401  # what came before the failure is kept

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await take_all()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert {answer.error.code for answer in answers} <= {grpc.StatusCode.DEADLINE_EXCEEDED.value[0]}


async def test_items_of_streams_come_after_single_calls(bench: Bench) -> None:
    """What the engines are told: a stream's items are bulk, a call's image is not."""
    assert len([answer async for answer in bench.stub.RecognizeCards(send(item(b"in a stream")))]) == 1
    await bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=b"alone"))
    assert bench.reader.priorities == {b"in a stream": Priority.BULK, b"alone": Priority.INTERACTIVE}


async def test_drain_answers_what_a_stream_has_sent_and_ends_it(bench: Bench) -> None:
    """A caller that would go on for ever is told to go elsewhere, without losing what was taken."""

    async def send_for_ever() -> AsyncIterator[messages.RecognizeCardsRequest]:
        for number in range(LIMIT):
            yield item(f"wait {number}".encode())
        await asyncio.sleep(60.0)

    answers = aiter(bench.stub.RecognizeCards(send_for_ever()))
    async with asyncio.timeout(20.0):
        while bench.reader.started.total() < LIMIT:
            await asyncio.sleep(0.005)
        draining = asyncio.create_task(bench.server.drain(20.0))
        await asyncio.sleep(0.1)
        bench.reader.release.set()
        answered = [(await anext(answers)).request_id for _ in range(LIMIT)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(answers)
        await draining
    assert sorted(answered) == [f"wait {number}" for number in range(LIMIT)]
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert bench.reader.cancelled.total() == 0
