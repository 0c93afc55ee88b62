"""What Triton's refusals mean for a caller: its statuses and messages mapped to the port's failures."""

from tritonclient.utils import InferenceServerException

from ktp_server.engines.port import FailureKind, InferenceError

__all__ = ["is_server_fault", "to_inference_error"]

QUEUE_FULL = "maximum queue size"
QUEUE_TIMEOUT = "timeout expired"
DEAD_PROCESS = "not healthy"
"""A Python model whose process died answers so for ever; `model_ready` stays true. Source: triton, python_backend."""

STATUS_PREFIX = "StatusCode."


def to_inference_error(model: str, error: InferenceServerException) -> InferenceError:
    """Translate a failed call.

    Args:
        model: the model that was asked.
        error: what tritonclient raised.

    Returns:
        The port's error; a full queue and an expired timeout both come as UNAVAILABLE and differ in their message.
    """
    status, message = _status(error), (error.message() or "").lower()
    if QUEUE_FULL in message:
        return InferenceError(FailureKind.OVERLOADED, model, "the queue is full")
    if QUEUE_TIMEOUT in message or status == "DEADLINE_EXCEEDED":
        return InferenceError(FailureKind.DEADLINE, model, "the deadline passed before there was an answer")
    if status == "RESOURCE_EXHAUSTED":
        return InferenceError(FailureKind.OVERLOADED, model, "the server has no room")
    if status == "INVALID_ARGUMENT":
        return InferenceError(FailureKind.INVALID, model, f"the server refuses the tensors: {error.message()}")
    return InferenceError(FailureKind.UNAVAILABLE, model, f"{status}: {error.message()}")


def is_server_fault(error: InferenceServerException) -> bool:
    """Tell whether the server (or its model's process) is gone, rather than this one execution having failed."""
    status, message = _status(error), (error.message() or "").lower()
    if QUEUE_FULL in message or QUEUE_TIMEOUT in message:
        return False
    return status in ("UNAVAILABLE", "NOT_FOUND", "CANCELLED") or DEAD_PROCESS in message


def _status(error: InferenceServerException) -> str:
    return str(error.status() or "UNKNOWN").removeprefix(STATUS_PREFIX)
