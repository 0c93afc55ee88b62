"""Our own clients against our own server: answers and failures come back whole, and patience has its bounds."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ktp_server.client import AsyncKtpOcrClient, CallError, CardImage, Endpoint, KtpOcrClient, RetryPolicy
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.app import RunningServer
from ktp_server.results import RecognitionResult
from tests.certificates import Authority
from tests.contract.conftest import SETTINGS, Bench, serve
from tests.contract.guarded_server import new_key
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
    with pytest.raises(CallError) as caught:
        await asyncio.wait_for(client.recognize(b"wait", 1.0), 60.0)
    assert caught.value.reason is ErrorReason.DEADLINE_EXCEEDED
    assert bench.reader.started[b"wait"] <= 1, "what is late is not tried again"


async def test_streams_answer_every_image_once(bench: Bench, client: AsyncKtpOcrClient, blocking: KtpOcrClient) -> None:
    names = [f"NAMA {number}" for number in range(60)]
    images = [CardImage(name, name.encode()) for name in names]
    answers = [answer async for answer in client.recognize_many(images)]
    assert {answer.request_id: answer.result for answer in answers} == {name: recognition_of(name) for name in names}
    assert len(answers) == len(names)
    blocked = await asyncio.to_thread(lambda: list(blocking.recognize_many(images)))
    assert sorted(answer.request_id for answer in blocked) == sorted(names)
    assert all(answer.result == recognition_of(answer.request_id) for answer in blocked)


class FailsAtFirst(ScriptedReader):
    """Fails so many times, then reads."""

    def __init__(self, failure: RecognitionError, count: int) -> None:
        super().__init__()
        self._failure, self._left_count = failure, count

    async def recognize(
        self, data: bytes, deadline_s: float | None = None, require: Collection[str] = ()
    ) -> RecognitionResult:
        if self._left_count:
            self._left_count -= 1
            self.started[data] += 1
            raise self._failure
        return await super().recognize(data, deadline_s, require)


def local(server: RunningServer) -> Endpoint:
    return Endpoint(f"127.0.0.1:{server.port}")


async def test_callers_beyond_a_servers_room_are_served_in_the_end() -> None:
    """A server with one place sheds most of these calls; each comes back until it is read."""
    reader = ScriptedReader()
    settings = SETTINGS.model_copy(update={"max_in_flight_count": 1})
    async with serve(reader, settings) as server, AsyncKtpOcrClient(local(server), RetryPolicy(30)) as client:
        names = [f"NAMA {number}" for number in range(12)]
        results = await asyncio.gather(*(client.recognize(name.encode(), 60.0) for name in names))
    assert results == [recognition_of(name) for name in names]


@pytest.mark.parametrize("reason", [ErrorReason.OVERLOADED, ErrorReason.RATE_LIMITED, ErrorReason.MODEL_UNAVAILABLE])
async def test_advised_delays_are_waited(reason: ErrorReason) -> None:
    reader = FailsAtFirst(RecognitionError(reason, "later", retry_delay_s=0.3), 2)
    begin_s = time.monotonic()
    async with serve(reader) as server, AsyncKtpOcrClient(local(server)) as client:
        assert await client.recognize(b"A") == recognition_of("A")
    assert reader.started[b"A"] == 3
    assert time.monotonic() - begin_s >= 0.6


async def test_blocking_client_tries_again_too() -> None:
    reader = FailsAtFirst(RecognitionError(ErrorReason.OVERLOADED, "later", retry_delay_s=0.01), 2)
    async with serve(reader) as server:
        with KtpOcrClient(local(server)) as client:
            assert await asyncio.to_thread(client.recognize, b"A") == recognition_of("A")
    assert reader.started[b"A"] == 3


async def test_nobody_waits_past_the_deadline() -> None:
    reader = FailsAtFirst(RecognitionError(ErrorReason.OVERLOADED, "full", retry_delay_s=60.0), 9)
    async with serve(reader) as server, AsyncKtpOcrClient(local(server)) as client:
        begin_s = time.monotonic()
        with pytest.raises(CallError) as caught:
            await client.recognize(b"A", 59.0)
    assert caught.value.reason is ErrorReason.OVERLOADED
    assert reader.started[b"A"] == 1
    assert time.monotonic() - begin_s < 50.0, "the delay would end after the deadline: the failure is told at once"


async def test_transient_failures_of_a_streams_images_are_tried_again() -> None:
    names = [f"NAMA {number}" for number in range(20)]
    images = [CardImage(name, name.encode()) for name in names]
    for_both = [FailsAtFirst(RecognitionError(ErrorReason.OVERLOADED, "x", retry_delay_s=0.01), 5) for _ in range(2)]
    async with serve(for_both[0]) as server, AsyncKtpOcrClient(local(server)) as client:
        answers = [answer async for answer in client.recognize_many(images)]
    async with serve(for_both[1]) as server:
        with KtpOcrClient(local(server)) as blocking:
            blocked = await asyncio.to_thread(lambda: list(blocking.recognize_many(images)))
    for some in (answers, blocked):
        assert {answer.request_id: answer.result for answer in some} == {name: recognition_of(name) for name in names}
        assert len(some) == len(names)


async def test_an_image_that_breaks_the_stream_is_found() -> None:
    settings = SETTINGS.model_copy(update={"max_message_bytes": 4096})
    images = [CardImage(f"{number}", b"A" * (5000 if number == 3 else 10)) for number in range(12)]
    async with serve(ScriptedReader(), settings) as server:
        async with AsyncKtpOcrClient(local(server)) as client:
            answers = {answer.request_id: answer async for answer in client.recognize_many(images)}
        with KtpOcrClient(local(server)) as blocking:
            blocked = await asyncio.to_thread(lambda: {one.request_id: one for one in blocking.recognize_many(images)})
    for some in (answers, blocked):
        assert len(some) == 12
        error = some["3"].error
        assert error is not None
        assert error.reason is ErrorReason.IMAGE_TOO_LARGE
        assert [number for number, answer in some.items() if answer.result is None] == ["3"]


async def test_keys_and_mutual_tls(tmp_path: Path) -> None:
    authority = Authority()
    server_files, own_files = authority.issue().write(tmp_path, "server"), authority.issue().write(tmp_path, "own")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pair.certificate)
    key = new_key(tmp_path / "keys.txt")
    settings = SETTINGS.model_copy(
        update={
            "tls_certificate": server_files[0],
            "tls_key": server_files[1],
            "tls_client_ca": ca,
            "api_keys": tmp_path / "keys.txt",
        }
    )
    async with serve(ScriptedReader(), settings) as server:
        endpoint = Endpoint(f"localhost:{server.port}", ca, *own_files, api_key=key)
        async with AsyncKtpOcrClient(endpoint) as client:
            assert await client.recognize(b"A") == recognition_of("A")
            assert [answer.result async for answer in client.recognize_many([CardImage("1", b"A")])] == [
                recognition_of("A")
            ]
        with KtpOcrClient(endpoint) as blocking:
            assert await asyncio.to_thread(blocking.recognize, b"A") == recognition_of("A")
        async with AsyncKtpOcrClient(replace(endpoint, api_key="teller.wrong"), NEVER) as stranger:
            with pytest.raises(CallError) as caught:
                await stranger.recognize(b"A")
            assert caught.value.reason is ErrorReason.UNAUTHENTICATED
            with pytest.raises(CallError) as caught:
                await anext(stranger.recognize_many([CardImage("1", b"A")]))
            assert caught.value.reason is ErrorReason.UNAUTHENTICATED
        async with AsyncKtpOcrClient(Endpoint(f"localhost:{server.port}", ca, api_key=key), NEVER) as nobody:
            with pytest.raises(CallError, match="cannot be reached"):
                await nobody.recognize(b"A")
    assert key not in repr(endpoint)


def test_tls_files_belong_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="together"):
        KtpOcrClient(Endpoint("localhost:1", tls_certificate=tmp_path / "own.pem"))
    with pytest.raises(OSError, match=r"none\.pem"):
        KtpOcrClient(Endpoint("localhost:1", tmp_path / "none.pem"))


async def test_images_under_way_have_ids_of_their_own(client: AsyncKtpOcrClient) -> None:
    with pytest.raises(ValueError, match="same request_id"):
        await anext(client.recognize_many([CardImage("1", b"A"), CardImage("1", b"B")]))


async def test_images_are_taken_only_as_fast_as_answers_come(bench: Bench, client: AsyncKtpOcrClient) -> None:
    taken: list[int] = []

    def images() -> Iterator[CardImage]:
        for number in range(100):
            taken.append(number)
            yield CardImage(str(number), b"A" if number else b"wait")

    answers = client.recognize_many(images(), in_flight_count=3)
    for _ in range(10):
        await anext(answers)
    assert len(taken) <= 10 + 3
    bench.reader.release.set()
    assert len([answer async for answer in answers]) == 90
