"""Our own clients against our own server: answers and failures come back whole, and patience has its bounds."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from ktp_server.client import AsyncKtpOcrClient, CallError, CardImage, Endpoint, KtpOcrClient, RetryPolicy
from ktp_server.errors import ErrorReason, RecognitionError
from tests.contract.conftest import Bench
from tests.contract.scripted_reader import ScriptedReader, recognition_of

NEVER = RetryPolicy(attempt_count=1)


def endpoint_of(bench: Bench) -> Endpoint:
    return Endpoint(f"127.0.0.1:{bench.server.port}")


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[AsyncKtpOcrClient]:
    async with AsyncKtpOcrClient(endpoint_of(bench)) as client:
        yield client


@pytest.fixture
def blocking(bench: Bench) -> Iterator[KtpOcrClient]:
    with KtpOcrClient(endpoint_of(bench)) as client:
        yield client


async def test_answers_come_back_whole(client: AsyncKtpOcrClient, blocking: KtpOcrClient) -> None:
    assert await client.recognize(b"BUDI") == recognition_of("BUDI")
    assert await asyncio.to_thread(blocking.recognize, b"BUDI") == recognition_of("BUDI")


async def test_assessments_come_back_whole(client: AsyncKtpOcrClient, blocking: KtpOcrClient) -> None:
    expected = await ScriptedReader().assess_quality(b"A")
    assert await client.assess(b"A") == expected
    assert await asyncio.to_thread(blocking.assess, b"A") == expected


async def test_typed_failures_carry_the_requests_id(
    bench: Bench, client: AsyncKtpOcrClient, blocking: KtpOcrClient
) -> None:
    bench.reader.failures[b"bad"] = RecognitionError(ErrorReason.TOO_MANY_CARDS, "two cards")
    with pytest.raises(CallError) as caught:
        await client.recognize(b"bad", request_id="photo 7")
    assert (caught.value.reason, caught.value.message) == (ErrorReason.TOO_MANY_CARDS, "two cards")
    assert caught.value.request_id == "photo 7"
    with pytest.raises(CallError) as caught:
        await asyncio.to_thread(blocking.recognize, b"bad", request_id="photo 8")
    assert (caught.value.reason, caught.value.request_id) == (ErrorReason.TOO_MANY_CARDS, "photo 8")
    assert bench.reader.started[b"bad"] == 2, "what will fail again is not tried again"


async def test_the_deadline_is_kept(bench: Bench, client: AsyncKtpOcrClient) -> None:
    begin_s = time.monotonic()
    with pytest.raises(CallError) as caught:
        await client.recognize(b"wait", 0.2)
    assert caught.value.reason is ErrorReason.DEADLINE_EXCEEDED
    assert time.monotonic() - begin_s < 5.0
    assert bench.reader.started[b"wait"] == 1


async def test_streams_answer_every_image_once(bench: Bench, client: AsyncKtpOcrClient, blocking: KtpOcrClient) -> None:
    names = [f"NAMA {number}" for number in range(60)]
    images = [CardImage(name, name.encode()) for name in names]
    answers = [answer async for answer in client.recognize_many(images)]
    assert {answer.request_id: answer.result for answer in answers} == {name: recognition_of(name) for name in names}
    assert len(answers) == len(names)
    blocked = await asyncio.to_thread(lambda: list(blocking.recognize_many(images)))
    assert sorted(answer.request_id for answer in blocked) == sorted(names)
    assert all(answer.result == recognition_of(answer.request_id) for answer in blocked)
