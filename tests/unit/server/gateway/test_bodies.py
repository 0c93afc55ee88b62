"""Bodies are bounded one by one and together, and what was held is given back whatever happens."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.bodies import BodyBuffer

LIMIT_BYTES, TOGETHER_BYTES = 100, 250


def request_of(chunks: Sequence[bytes], promised: str | None = None, end: str = "http.request") -> Request:
    """A request whose body comes in these pieces, then ends, stalls (`""`) or breaks off (`http.disconnect`)."""
    waiting = list(chunks)

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": True}
        if not end:
            await asyncio.Event().wait()
        return {"type": end, "body": b"", "more_body": False}

    headers = [] if promised is None else [(b"content-length", promised.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def read(buffer: BodyBuffer, request: Request) -> bytes | ErrorReason:
    """The body, or why there is none."""
    try:
        async with buffer.take(request, LIMIT_BYTES) as body:
            assert buffer.held_bytes >= len(body)
            return body
    except RecognitionError as error:
        return error.reason


@given(st.lists(st.binary(max_size=60), max_size=6), st.sampled_from([None, "0", "7", "100", "many", "-1"]))
async def test_body_is_given_if_and_only_if_it_fits(chunks: list[bytes], promised: str | None) -> None:
    buffer = BodyBuffer(TOGETHER_BYTES, 1.0)
    whole = b"".join(chunks)
    expected = whole if len(whole) <= LIMIT_BYTES else ErrorReason.IMAGE_TOO_LARGE
    assert await read(buffer, request_of(chunks, promised)) == expected
    assert buffer.held_bytes == 0


@pytest.mark.parametrize("promised", ["101", "9" * 4000])
async def test_promise_of_too_much_is_believed(promised: str) -> None:
    assert await read(BodyBuffer(TOGETHER_BYTES, 1.0), request_of([], promised, end="")) is ErrorReason.IMAGE_TOO_LARGE


async def test_body_that_stalls_or_breaks_off_is_given_back() -> None:
    buffer = BodyBuffer(TOGETHER_BYTES, 0.05)
    for end in ("", "http.disconnect"):
        assert await read(buffer, request_of([b"x" * 50], end=end)) is ErrorReason.REQUEST_INVALID
        assert buffer.held_bytes == 0


async def test_bodies_together_have_a_bound() -> None:
    buffer = BodyBuffer(TOGETHER_BYTES, 1.0)
    async with buffer.take(request_of([b"x" * 100]), LIMIT_BYTES), buffer.take(request_of([b"x" * 100]), LIMIT_BYTES):
        assert buffer.held_bytes == 200
        assert await read(buffer, request_of([b"x" * 51])) is ErrorReason.OVERLOADED
        assert await read(buffer, request_of([b"x" * 50])) == b"x" * 50
    assert buffer.held_bytes == 0
