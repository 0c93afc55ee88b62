"""Every way in which a request fails, and what callers see of it, in one table.

    ImageError (ktp_preprocessing) ──╮
    InferenceError (engines.port) ───┼─▶ reportable_failure ─▶ RecognitionError ─▶ ERROR_POLICIES[reason]
    RecognitionError (pipeline) ─────╯                         reason, message     gRPC, HTTP, form API

An exception that is none of these is a fault of ours: INTERNAL, with a reference id that the log holds too. Messages
are plain sentences that name no content of the image; they are safe to show and to log.
"""

import logging
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ktp_preprocessing.errors import ImageError
from ktp_server.engines.port import FailureKind, InferenceError

__all__ = [
    "ERROR_DOMAIN",
    "ERROR_POLICIES",
    "ErrorPolicy",
    "ErrorReason",
    "RecognitionError",
    "failure_from",
    "let_go",
    "reportable_failure",
]

logger = logging.getLogger(__name__)

ERROR_DOMAIN = "ktp-ocr"
"""`domain` of every google.rpc.ErrorInfo."""


class ErrorReason(StrEnum):
    """`reason` of google.rpc.ErrorInfo; the names of the proto's ErrorReason without their prefix."""

    REQUEST_INVALID = "REQUEST_INVALID"
    IMAGE_FORMAT_UNSUPPORTED = "IMAGE_FORMAT_UNSUPPORTED"
    IMAGE_CORRUPT = "IMAGE_CORRUPT"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    IMAGE_DIMENSIONS_OUT_OF_RANGE = "IMAGE_DIMENSIONS_OUT_OF_RANGE"
    CARD_NOT_FOUND = "CARD_NOT_FOUND"
    TOO_MANY_CARDS = "TOO_MANY_CARDS"
    CARD_TOO_SMALL = "CARD_TOO_SMALL"
    QUALITY_REJECTED = "QUALITY_REJECTED"
    CARD_UNREADABLE = "CARD_UNREADABLE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    OVERLOADED = "OVERLOADED"
    RATE_LIMITED = "RATE_LIMITED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """What a reason looks like at each front.

    Attributes:
        grpc_code: name of the gRPC status code.
        http_status: HTTP status code.
        form_status: `status` of the form API.
        charged: whether the call counts for billing.
        retry_delay_s: advice to wait that long, unless a failure knows better; None where trying again is of no use.
    """

    grpc_code: str
    http_status: int
    form_status: str
    charged: bool = False
    retry_delay_s: float | None = None


_INVALID = "INVALID_ARGUMENT"
_PRECONDITION = ErrorPolicy("FAILED_PRECONDITION", 422, "FAIL", charged=True)

ERROR_POLICIES: Mapping[ErrorReason, ErrorPolicy] = {
    ErrorReason.REQUEST_INVALID: ErrorPolicy(_INVALID, 400, "INVALID_REQUEST"),
    ErrorReason.IMAGE_FORMAT_UNSUPPORTED: ErrorPolicy(_INVALID, 415, "IMAGE_INVALID_FORMAT"),
    ErrorReason.IMAGE_CORRUPT: ErrorPolicy(_INVALID, 415, "IMAGE_INVALID_FORMAT"),
    ErrorReason.IMAGE_TOO_LARGE: ErrorPolicy(_INVALID, 413, "IMAGE_INVALID_SIZE"),
    ErrorReason.IMAGE_DIMENSIONS_OUT_OF_RANGE: ErrorPolicy(_INVALID, 422, "INVALID_REQUEST"),
    ErrorReason.CARD_NOT_FOUND: _PRECONDITION,
    ErrorReason.TOO_MANY_CARDS: _PRECONDITION,
    ErrorReason.CARD_TOO_SMALL: _PRECONDITION,
    ErrorReason.QUALITY_REJECTED: _PRECONDITION,
    ErrorReason.CARD_UNREADABLE: _PRECONDITION,
    ErrorReason.UNAUTHENTICATED: ErrorPolicy("UNAUTHENTICATED", 401, "INVALID_REQUEST"),
    ErrorReason.OVERLOADED: ErrorPolicy("RESOURCE_EXHAUSTED", 429, "INNER_ERROR", retry_delay_s=1.0),
    ErrorReason.RATE_LIMITED: ErrorPolicy("RESOURCE_EXHAUSTED", 429, "INNER_ERROR", retry_delay_s=1.0),
    ErrorReason.DEADLINE_EXCEEDED: ErrorPolicy("DEADLINE_EXCEEDED", 504, "INNER_ERROR"),
    ErrorReason.MODEL_UNAVAILABLE: ErrorPolicy("UNAVAILABLE", 503, "INNER_ERROR", retry_delay_s=1.0),
    ErrorReason.INTERNAL: ErrorPolicy("INTERNAL", 500, "INNER_ERROR"),
}


class RecognitionError(Exception):
    """A request that fails for a known reason.

    Attributes:
        reason: the code that clients see.
        message: one plain sentence, safe to show and to log.
        field: name of the request field at fault, None where no single one is.
        retry_delay_s: advice to wait that long and try again; None where trying again is of no use.
    """

    def __init__(
        self, reason: ErrorReason, message: str, field: str | None = None, retry_delay_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.retry_delay_s = ERROR_POLICIES[reason].retry_delay_s if retry_delay_s is None else retry_delay_s


_INFERENCE_FAILURES: Mapping[FailureKind, tuple[ErrorReason, str]] = {
    FailureKind.OVERLOADED: (ErrorReason.OVERLOADED, "the server has as much work as it accepts; try again shortly"),
    FailureKind.DEADLINE: (ErrorReason.DEADLINE_EXCEEDED, "the deadline passed before the image was read"),
    FailureKind.UNAVAILABLE: (ErrorReason.MODEL_UNAVAILABLE, "a model cannot answer at the moment; try again shortly"),
}


def reportable_failure(error: Exception) -> RecognitionError:
    """Give what a caller may know about an exception.

    An exception that nobody foresaw is a fault of ours. It is logged with its type and stack under a reference id, but
    without its message, which might quote a card.

    Args:
        error: what was raised; what it held is let go, see `let_go`.
    """
    failure = failure_from(error)
    if failure is None:
        reference_id = uuid.uuid4().hex
        stack = "".join(traceback.format_tb(error.__traceback__))
        logger.error("internal error, reference %s: %s\n%s", reference_id, type(error).__qualname__, stack)
        failure = RecognitionError(ErrorReason.INTERNAL, f"internal error, reference {reference_id}")
    let_go(error)
    return failure


def let_go(error: BaseException) -> None:
    """Drop the tracebacks of an exception and of those that led to it.

    A traceback holds every frame that the exception passed, a frame its variables, the image among them, and often one
    of these the exception: a cycle that lasts until the garbage collector comes by, seconds later under load.
    """
    waiting = [error]
    while waiting:
        some = waiting.pop()
        if some.__traceback__ is not None:
            some.__traceback__ = None
            waiting += [further for further in (some.__cause__, some.__context__) if further is not None]
            waiting += some.exceptions if isinstance(some, BaseExceptionGroup) else ()


def failure_from(error: Exception) -> RecognitionError | None:
    """Translate an exception of the rooms below into a known failure; None for one that nobody foresaw."""
    match error:
        case RecognitionError():
            return error
        case ImageError():
            return RecognitionError(ErrorReason(error.reason), error.message, field="image")
        case InferenceError() if error.kind in _INFERENCE_FAILURES:
            return RecognitionError(*_INFERENCE_FAILURES[error.kind])
        case TimeoutError():
            return RecognitionError(*_INFERENCE_FAILURES[FailureKind.DEADLINE])
        case _:
            return None
