"""What a caller says about a request beside the image, and what of it goes on to the service."""

import re
import uuid

from starlette.datastructures import Headers
from starlette.requests import Request

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.calls import REQUEST_ID_KEY, REQUEST_ID_PATTERN

__all__ = ["API_KEY_HEADER", "REQUEST_ID_HEADER", "Metadata", "call_metadata", "request_id_of"]

REQUEST_ID_HEADER = "X-Request-Id"
API_KEY_HEADER = "X-API-Key"
TRACE_HEADERS = ("traceparent", "tracestate")
BEARER = "bearer "

METADATA_VALUE = re.compile(r"[\x20-\x7e]{1,1024}")
"""What may travel as gRPC metadata."""


Metadata = tuple[tuple[str, str], ...]
"""What goes on to the service: request id, API key, trace."""


def call_metadata(request: Request, *, needs_key: bool) -> Metadata:
    """Take from a request what goes on.

    Args:
        request: with its id in its state.
        needs_key: whether the service is known to turn away callers without a key.

    Raises:
        RecognitionError: UNAUTHENTICATED, there is no key, or one that nobody could have been given.
    """
    headers = request.headers
    metadata = [(REQUEST_ID_KEY, request.state.request_id)]
    key = headers.get(API_KEY_HEADER, "")
    authorization = headers.get("authorization", "")
    if not key and authorization[: len(BEARER)].lower() == BEARER:
        key = authorization[len(BEARER) :].strip()
    if needs_key and not key:
        raise RecognitionError(ErrorReason.UNAUTHENTICATED, "an API key is needed")
    if key:
        if METADATA_VALUE.fullmatch(key) is None:
            raise RecognitionError(ErrorReason.UNAUTHENTICATED, "the API key is not known")
        metadata.append((API_KEY_HEADER.lower(), key))
    metadata += [(name, headers[name]) for name in TRACE_HEADERS if METADATA_VALUE.fullmatch(headers.get(name, ""))]
    return tuple(metadata)


def request_id_of(headers: Headers) -> str:
    """Give the id in the headers; one that cannot be echoed, as proxies put in what they like, is replaced.

    Args:
        headers: of a request.
    """
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if REQUEST_ID_PATTERN.fullmatch(given) else uuid.uuid4().hex
