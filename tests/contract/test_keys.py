"""API keys at a real server: who gets in, how often, and until when."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.front.app import SERVICE_NAME, start_server
from ktp_server.security import key_file
from ktp_server.security.errors import SecurityError
from ktp_server.security.key_file import revoke_key
from ktp_server.settings import Settings
from tests.contract.guarded_server import GuardedServer, code_of, details_of, new_key, read_one, run_guarded
from tests.contract.scripted_reader import ScriptedReader

LOOPBACK = "127.0.0.1:0"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(key_file, "LOOK_INTERVAL_S", 0.0)
    return tmp_path / "keys.txt"


@pytest.fixture
async def served(keys: Path) -> AsyncIterator[tuple[GuardedServer, grpc.aio.Channel, str]]:
    """A server with one key, a channel to it, and the key."""
    key = new_key(keys)
    async with (
        run_guarded(Settings(listen_address=LOOPBACK, api_keys=keys)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        yield server, channel, key


Served = tuple[GuardedServer, grpc.aio.Channel, str]


async def items(*images: bytes) -> AsyncIterator[messages.RecognizeCardsRequest]:
    for image in images:
        yield messages.RecognizeCardsRequest(request_id=image.decode(), image=image)


async def test_the_right_key_gets_in_by_either_header(served: Served) -> None:
    _, channel, key = served
    assert await read_one(channel, (("x-api-key", key),)) == "A"
    assert await read_one(channel, (("authorization", f"Bearer {key}"),)) == "A"
    assert await read_one(channel, (("authorization", f"bearer {key}"),)) == "A"


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("x-api-key", ""),),
        (("x-api-key", "teller"),),
        (("x-api-key", "teller.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),),
        (("x-api-key", "nobody.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),),
        (("x-api-key", "x" * 5000),),
        (("authorization", "Basic dGVsbGVyOg=="),),
        (("authorization", "Bearer"),),
    ],
    ids=["none", "empty", "name", "wrong secret", "wrong name", "long", "basic", "bare"],
)
async def test_no_other_key_gets_in(served: Served, metadata: tuple[tuple[str, str], ...]) -> None:
    server, channel, _ = served
    stub = stubs.KtpOcrServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as single:
        await read_one(channel, metadata)
    with pytest.raises(grpc.aio.AioRpcError) as quality:
        await stub.AssessQuality(messages.AssessQualityRequest(image=b"A"), timeout=10, metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as stream:
        _ = [answer async for answer in stub.RecognizeCards(items(b"A"), timeout=10, metadata=metadata)]
    for caught in (single, quality, stream):
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert details_of(caught.value) == ("UNAUTHENTICATED", None)
    assert server.reader.started.total() == 0


async def test_a_stranger_is_refused_before_his_image_has_arrived(served: Served) -> None:
    """The call sends no message at all, and is answered all the same."""
    _, channel, _ = served
    call: grpc.aio.StreamUnaryCall[bytes, bytes] = channel.stream_unary(f"/{SERVICE_NAME}/RecognizeCard")(timeout=10)
    assert await call.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_health_and_reflection_need_no_key(served: Served) -> None:
    _, channel, _ = served
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )
    assert (await check(HealthCheckRequest(), timeout=10)).status != HealthCheckResponse.SERVICE_UNKNOWN
    reflect = channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    answers = [answer async for answer in reflect(iter([ServerReflectionRequest(list_services="")]), timeout=10)]
    assert SERVICE_NAME in {service.name for service in answers[0].list_services_response.service}


async def test_keys_change_while_the_server_runs(served: Served, keys: Path) -> None:
    _, channel, first = served
    second = new_key(keys, "second")
    assert await code_of(channel, (("x-api-key", second),)) == grpc.StatusCode.OK
    revoke_key(keys, "teller")
    assert await code_of(channel, (("x-api-key", first),)) == grpc.StatusCode.UNAUTHENTICATED
    assert await code_of(channel, (("x-api-key", second),)) == grpc.StatusCode.OK


async def test_a_stream_ends_when_its_key_is_revoked(served: Served, keys: Path) -> None:
    _, channel, key = served
    new_key(keys, "other")
    revoked = asyncio.Event()

    async def send() -> AsyncIterator[messages.RecognizeCardsRequest]:
        yield messages.RecognizeCardsRequest(request_id="before", image=b"before")
        await revoked.wait()
        yield messages.RecognizeCardsRequest(request_id="after", image=b"after")

    call = stubs.KtpOcrServiceStub(channel).RecognizeCards(send(), timeout=10, metadata=(("x-api-key", key),))
    answers = aiter(call)
    assert (await anext(answers)).request_id == "before"
    revoke_key(keys, "teller")
    revoked.set()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(answers)
    assert details_of(caught.value)[0] == "UNAUTHENTICATED"


async def test_a_key_is_read_from_as_often_as_it_may(keys: Path) -> None:
    slow, quick = new_key(keys, "slow", 0.01), new_key(keys, "quick")
    settings = Settings(listen_address=LOOPBACK, api_keys=keys, rate_limit_per_s=1000.0)
    async with run_guarded(settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        assert await read_one(channel, (("x-api-key", slow),)) == "A"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read_one(channel, (("x-api-key", slow),))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        reason, delay_s = details_of(caught.value)
        assert reason == "RATE_LIMITED"
        assert delay_s is not None
        assert 0.0 < delay_s <= 100.0
        codes = [await code_of(channel, (("x-api-key", quick),)) for _ in range(20)]
        assert set(codes) == {grpc.StatusCode.OK}
        assert server.reader.started[b"A"] == 21


async def test_a_stream_is_slowed_down_to_its_rate(keys: Path) -> None:
    key = new_key(keys, "steady", 20.0)
    async with (
        run_guarded(Settings(listen_address=LOOPBACK, api_keys=keys)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        images = [f"image {number}".encode() for number in range(30)]
        begun_s = time.monotonic()
        call = stubs.KtpOcrServiceStub(channel).RecognizeCards(items(*images), metadata=(("x-api-key", key),))
        answers = [answer async for answer in call]
        assert {answer.WhichOneof("outcome") for answer in answers} == {"recognition"}
        assert len(answers) == 30
        # A bucket of 20 passes at once, the other ten at 20 a second.
        assert time.monotonic() - begun_s >= 0.45


async def test_processes_share_a_rate(keys: Path) -> None:
    key = new_key(keys, "shared", 4.0)
    settings = Settings(listen_address=LOOPBACK, api_keys=keys, workers=4)
    async with run_guarded(settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        begun_s = time.monotonic()
        codes = await asyncio.gather(*[code_of(channel, (("x-api-key", key),)) for _ in range(8)])
        passed_s = time.monotonic() - begun_s
    # One of four processes: a bucket of one, and one more each second.
    assert 1 <= codes.count(grpc.StatusCode.OK) <= 1 + passed_s
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
async def test_strangers_are_not_served_by_accident(keys: Path, address: str) -> None:
    with pytest.raises(SecurityError, match=r"listen_address .* is open to the network"):
        await start_server(ScriptedReader(), Settings(listen_address=address))
    new_key(keys)
    async with run_guarded(Settings(listen_address=address, api_keys=keys)) as server:
        assert server.running.port
    async with run_guarded(Settings(listen_address=address, insecure=True)) as server:
        assert server.running.port
