"""Our own client against our own server."""

import grpc
import pytest

from ktp_server.client import connect
from ktp_server.errors import ErrorReason, RecognitionError
from tests.contract.conftest import Bench
from tests.contract.scripted_reader import recognition_of


async def test_result_comes_back_whole(bench: Bench) -> None:
    async with connect(f"127.0.0.1:{bench.server.port}") as client:
        assert await client.recognize(b"BUDI", 5.0) == recognition_of("BUDI")


async def test_typed_failure_comes_back_typed(bench: Bench) -> None:
    bench.reader.failures[b"bad"] = RecognitionError(ErrorReason.TOO_MANY_CARDS, "two cards")
    async with connect(f"127.0.0.1:{bench.server.port}") as client:
        with pytest.raises(RecognitionError) as caught:
            await client.recognize(b"bad", 5.0)
    assert (caught.value.reason, caught.value.message) == (ErrorReason.TOO_MANY_CARDS, "two cards")


async def test_failure_on_the_way_stays_grpcs_own(bench: Bench) -> None:
    async with connect(f"127.0.0.1:{bench.server.port}") as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.recognize(b"wait", 0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
