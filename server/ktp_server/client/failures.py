"""What went wrong with a call, in the words of the server's own table of reasons.

RecognitionError (ktp_server.errors)
╰── CallError: request_id
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import grpc
from google.rpc import status_pb2

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.convert import error_from_status
from ktp_server.front.interceptors import STATUS_DETAILS_KEY

__all__ = ["CallError", "RpcFailure", "call_error", "failure_from_rpc_error", "failure_on_the_way"]

ON_THE_WAY: Mapping[grpc.StatusCode, tuple[ErrorReason, str]] = {
    grpc.StatusCode.UNAVAILABLE: (ErrorReason.MODEL_UNAVAILABLE, "the server cannot be reached"),
    # We never look at calls that we have cancelled: it was the server, which stops, or gRPC, which lost the connection.
    grpc.StatusCode.CANCELLED: (ErrorReason.MODEL_UNAVAILABLE, "the server ended the call, or cannot be reached"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (ErrorReason.OVERLOADED, "the server, or a proxy before it, is overloaded"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (ErrorReason.DEADLINE_EXCEEDED, "the deadline passed before the answer came"),
    grpc.StatusCode.UNAUTHENTICATED: (ErrorReason.UNAUTHENTICATED, "the caller is not known"),
}
"""What a failure means that comes from gRPC or a proxy instead of a server of ours."""

BROKEN_CONNECTION = ("Internal error from Core", "RST_STREAM")
"""How gRPC tells of a connection that broke while a message was written, and of a stream that was reset, with INTERNAL
as code. Source: grpc/_cython/_cygrpc/aio/call.pyx.pxi; gRPC core, chttp2 transport."""

CAUSES: Mapping[str, str] = {
    "Domain name not found": "its name is not known",
    "Trying to connect an http1.x server": "what listens there speaks HTTP/1, not gRPC",
    "WRONG_VERSION_NUMBER": "it speaks without TLS",
    "CERTIFICATE_VERIFY_FAILED": "its certificate does not hold for the authorities in tls_ca",
    "Hostname Verification Check failed": "its certificate is for another name",
    "Socket closed": "it closed the connection; it may ask for TLS, or for a certificate of the caller's",
}
"""How gRPC tells why there is no connection -> what it means. Source: gRPC core 1.85, as tests observe it.

Of a name with several addresses only the last failure is told, so that a refused connection alone means little."""

NO_CONNECTION = ("failed to connect", "errors resolving")
"""How it begins to tell so; a connection that broke has other words. Source: likewise."""

TOO_LARGE = "larger than max"
"""How gRPC tells of a message beyond a limit; its code is that of overload. Source: gRPC core, message size filter."""


class RpcFailure(Protocol):
    """What the errors of both kinds of gRPC's stubs tell."""

    def code(self) -> grpc.StatusCode:
        """The status."""
        ...

    def details(self) -> str | None:
        """Its message."""
        ...

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """What came with it."""
        ...


class CallError(RecognitionError):
    """A call that failed.

    Trying again is of use where `retry_delay_s` is not None.

    Attributes:
        request_id: the call's, which the server's log also names.
    """

    def __init__(self, failure: RecognitionError, request_id: str) -> None:
        super().__init__(failure.reason, failure.message, failure.field, failure.retry_delay_s)
        self.request_id = request_id

    @property
    def concerns_image(self) -> bool:
        """Whether one image can have ended a stream by how it was sent."""
        return self.reason in {ErrorReason.IMAGE_TOO_LARGE, ErrorReason.REQUEST_INVALID}


def failure_from_rpc_error(error: RpcFailure) -> RecognitionError | None:
    """Read the server's typed failure out of a gRPC error.

    Returns:
        None when the error does not come from our server.
    """
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            return error_from_status(status_pb2.Status.FromString(value))
    return None


def call_error(error: RpcFailure, request_id: str) -> CallError:
    """Give any gRPC error a reason.

    Args:
        error: of a stub's call.
        request_id: the call's.
    """
    told = failure_from_rpc_error(error)
    if told is not None:
        return CallError(told, request_id)
    unforeseen = RecognitionError(ErrorReason.INTERNAL, f"the call failed with {error.code().name}: {error.details()}")
    failure = failure_on_the_way(error) or unforeseen
    if cause := _find_cause(error.details() or ""):
        failure.message += f": {cause}"
    if failure.retry_delay_s is not None:
        failure.retry_delay_s = 0.0  # nobody has said how long to wait: only the caller's own backoff holds
    return CallError(failure, request_id)


def failure_on_the_way(error: RpcFailure) -> RecognitionError | None:
    """Say what a gRPC error means that comes from gRPC or a proxy.

    Returns:
        None where nobody foresaw it.
    """
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and TOO_LARGE in details:
        return RecognitionError(ErrorReason.IMAGE_TOO_LARGE, "the image is larger than the server's messages may be")
    if code is grpc.StatusCode.INTERNAL and any(text in details for text in BROKEN_CONNECTION):
        code = grpc.StatusCode.UNAVAILABLE
    return RecognitionError(*ON_THE_WAY[code]) if code in ON_THE_WAY else None


def _find_cause(details: str) -> str | None:
    if not details.startswith(NO_CONNECTION):
        return None
    return next((meaning for words, meaning in CAUSES.items() if words in details), None)
