"""What of a caller's headers goes on to the service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.callers import call_metadata, request_id_of


def request_with(headers: dict[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "state": {"request_id": "id"}})


@pytest.mark.parametrize(
    ("headers", "metadata"),
    [
        ({}, {}),
        ({"X-API-Key": "shop.s"}, {"x-api-key": "shop.s"}),
        ({"Authorization": "Bearer  shop.s "}, {"x-api-key": "shop.s"}),
        ({"Authorization": "bearer shop.s", "X-API-Key": "first"}, {"x-api-key": "first"}),
        ({"Authorization": "Basic c2hvcDpz"}, {}),
        (
            {"traceparent": "00-a-b-01", "tracestate": "v=1", "cookie": "c"},
            {"traceparent": "00-a-b-01", "tracestate": "v=1"},
        ),
        ({"traceparent": "\xe9"}, {}),
    ],
)
def test_key_and_trace_go_on_and_nothing_else(headers: dict[str, str], metadata: dict[str, str]) -> None:
    assert dict(call_metadata(request_with(headers), needs_key=False)) == {"x-request-id": "id", **metadata}


def test_key_that_cannot_be_one_is_refused_here() -> None:
    with pytest.raises(RecognitionError) as caught:
        call_metadata(request_with({"X-API-Key": "shop.\xe9"}), needs_key=False)
    assert caught.value.reason is ErrorReason.UNAUTHENTICATED
    assert "shop" not in caught.value.message


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
def test_request_id_is_echoed_or_replaced(given_id: str) -> None:
    found = request_id_of(Headers({"x-request-id": given_id}))
    assert 1 <= len(found) <= 128
    assert found.isascii()
    assert found.isprintable()
    assert found == given_id or len(found) == 32
