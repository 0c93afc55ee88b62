"""What Triton's refusals mean for a caller: its statuses and messages mapped to the port's failures."""

from tritonclient.utils import InferenceServerException

from ktp_server.engines.port import FailureKind, InferenceError

__all__ = [
    "RegionUnknown",
    "is_dead_process",
    "is_model_control_refused",
    "is_out_of_reach",
    "is_region_in_use",
    "is_region_known",
    "is_server_fault",
    "is_silence",
    "to_inference_error",
]

# Words of Triton's messages, as version 2.51 writes them; statuses alone do not tell these cases apart.
QUEUE_FULL = "maximum queue size"
QUEUE_TIMEOUT = "timeout expired"
DEAD_PROCESS = "not healthy"
REGION_IN_USE = "currently in use"
REGION_UNKNOWN = "unable to find shared memory region"
MODEL_CONTROL_REFUSED = "not allowed"

STATUS_PREFIX = "StatusCode."


class RegionUnknown(InferenceError):
    """The server does not know a region that was registered: it was started anew."""

    def __init__(self, model: str) -> None:
        super().__init__(FailureKind.UNAVAILABLE, model, "the server does not know the shared memory")


def to_inference_error(model: str, error: InferenceServerException) -> InferenceError:
    """Translate a failed call.

    Args:
        model: the model that was asked.
        error: what tritonclient raised.

    Returns:
        The port's error; a full queue and an expired timeout both come as UNAVAILABLE and differ in their message.
    """
    status, message = _status(error), _message(error)
    if QUEUE_FULL in message:
        return InferenceError(FailureKind.OVERLOADED, model, "the queue is full")
    if QUEUE_TIMEOUT in message or status == "DEADLINE_EXCEEDED":
        return InferenceError(FailureKind.DEADLINE, model, "the deadline passed before there was an answer")
    if REGION_UNKNOWN in message:
        return RegionUnknown(model)
    if status == "RESOURCE_EXHAUSTED":
        return InferenceError(FailureKind.OVERLOADED, model, "the server has no room")
    if status == "INVALID_ARGUMENT":
        return InferenceError(FailureKind.INVALID, model, f"the server refuses the tensors: {error.message()}")
    return InferenceError(FailureKind.UNAVAILABLE, model, f"{status}: {error.message()}")


def is_server_fault(error: InferenceServerException) -> bool:
    """Tell whether the server (or its model) is gone, rather than this one execution having failed."""
    message = _message(error)
    if QUEUE_FULL in message or QUEUE_TIMEOUT in message or REGION_UNKNOWN in message:
        return False
    return _status(error) in ("UNAVAILABLE", "NOT_FOUND", "CANCELLED") or is_dead_process(error)


def is_dead_process(error: InferenceServerException) -> bool:
    """Tell whether a Python model's process died: it answers so for ever, while the server calls it ready."""
    return DEAD_PROCESS in _message(error)


def is_silence(error: InferenceServerException) -> bool:
    """Tell whether no answer came in time; a request that the server dropped from its queue is one."""
    return _status(error) == "DEADLINE_EXCEEDED"


def is_out_of_reach(error: InferenceServerException) -> bool:
    """Tell whether the server could not be spoken to at all."""
    return _status(error) in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


def is_region_in_use(error: InferenceServerException) -> bool:
    """Tell whether a region cannot be unregistered yet, because an execution reads or writes it."""
    return REGION_IN_USE in _message(error)


def is_region_known(error: InferenceServerException) -> bool:
    """Tell whether a region cannot be registered because it is already."""
    return _status(error) == "ALREADY_EXISTS"


def is_model_control_refused(error: InferenceServerException) -> bool:
    """Tell whether the server does not let its clients load models."""
    return MODEL_CONTROL_REFUSED in _message(error)


def _status(error: InferenceServerException) -> str:
    return str(error.status() or "UNKNOWN").removeprefix(STATUS_PREFIX)


def _message(error: InferenceServerException) -> str:
    return str(error.message() or "").lower()
