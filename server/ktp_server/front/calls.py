"""What a call says about itself: its id, which is echoed whatever comes of it, and its place in a trace."""

import re
import uuid

import grpc
from google.protobuf.message import Message

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.observability.record import RequestRecord

__all__ = ["REQUEST_ID_KEY", "Context", "check_request_id", "name_call", "open_record", "request_id_of"]

REQUEST_ID_KEY = "x-request-id"
"""Metadata key, both ways."""

REQUEST_ID_PATTERN = re.compile(r"[\x20-\x7e]{1,128}")
"""Printable ASCII, so that an id can stand in logs and headers as it is."""

TRACE_KEYS = frozenset({"traceparent", "tracestate"})
"""Metadata keys of a trace. Source: W3C Trace Context."""

Context = grpc.aio.ServicerContext[Message, Message]


def name_call(context: Context, request_id: str | None = None) -> None:
    """Settle the id that the call's trailing metadata will carry.

    Args:
        context: the call.
        request_id: a checked id; by default the one in the call's metadata, or, where there is none or one that cannot
            be used, as proxies put in what they like, one that is made up.
    """
    context.set_trailing_metadata(((REQUEST_ID_KEY, request_id or _id_in_metadata(context) or uuid.uuid4().hex),))


def request_id_of(context: Context) -> str:
    """Give the id of a call that has been named."""
    return next(str(value) for key, value in context.trailing_metadata() if key == REQUEST_ID_KEY)


def check_request_id(given: str) -> None:
    """Check an id that a request holds.

    Raises:
        RecognitionError: REQUEST_INVALID, it cannot be echoed.
    """
    if REQUEST_ID_PATTERN.fullmatch(given) is None:
        raise RecognitionError(
            ErrorReason.REQUEST_INVALID, "the request id must be 1 to 128 printable ASCII characters", "request_id"
        )


def open_record(context: Context, method: str, request_id: str) -> RequestRecord:
    """Begin the record of a call, or of one item of a stream.

    Args:
        context: the call.
        method: its method's name without the service.
        request_id: the call's id, or the item's.
    """
    trace = {key: str(value) for key, value in context.invocation_metadata() or () if key in TRACE_KEYS}
    return RequestRecord(method, peer=context.peer(), request_id=request_id, trace_context=trace)


def _id_in_metadata(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and REQUEST_ID_PATTERN.fullmatch(value):
            return value
    return None
