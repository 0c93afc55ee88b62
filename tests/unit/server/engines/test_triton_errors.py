"""Triton's words, as a real server has said them, and what they mean."""

import pytest
from tritonclient.utils import InferenceServerException

from ktp_server.engines.port import FailureKind
from ktp_server.engines.triton_errors import RegionUnknown, is_dead_process, is_server_fault, to_inference_error


def error(status: str, message: str) -> InferenceServerException:
    return InferenceServerException(msg=message, status=f"StatusCode.{status}")


@pytest.mark.parametrize(
    ("status", "message", "kind", "is_fault"),
    [
        ("UNAVAILABLE", "Exceeds maximum queue size", FailureKind.OVERLOADED, False),
        ("UNAVAILABLE", "Request timeout expired", FailureKind.DEADLINE, False),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", FailureKind.DEADLINE, False),
        ("RESOURCE_EXHAUSTED", "Received message larger than max", FailureKind.OVERLOADED, False),
        ("INVALID_ARGUMENT", "unexpected shape for input 'x'", FailureKind.INVALID, False),
        ("UNAVAILABLE", "failed to connect to all addresses", FailureKind.UNAVAILABLE, True),
        ("NOT_FOUND", "Request for unknown model: 'm' has no available versions", FailureKind.UNAVAILABLE, True),
        ("CANCELLED", "CANCELLED", FailureKind.UNAVAILABLE, True),
        ("INTERNAL", "Stub process 'm_0_0' is not healthy.", FailureKind.UNAVAILABLE, True),
        ("INTERNAL", "ONNX Runtime failed (InvalidArgument)", FailureKind.UNAVAILABLE, False),
    ],
)
def test_what_a_refusal_means(status: str, message: str, kind: FailureKind, is_fault: bool) -> None:
    refusal = error(status, message)
    translated = to_inference_error("m", refusal)
    assert (translated.kind, translated.model, is_server_fault(refusal)) == (kind, "m", is_fault)


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "NOT_FOUND"])
def test_a_server_that_forgot_a_region_is_not_at_fault(status: str) -> None:
    forgotten = error(status, "Unable to find shared memory region: 'ktp_ocr_1_a'")
    assert isinstance(to_inference_error("m", forgotten), RegionUnknown)
    assert not is_server_fault(forgotten)


def test_only_a_dead_process_is_loaded_anew() -> None:
    assert is_dead_process(error("INTERNAL", "Stub process 'm_0_0' is not healthy."))
    assert not is_dead_process(error("NOT_FOUND", "Request for unknown model: 'm' has no available versions"))


def test_a_failure_without_status_is_unavailable() -> None:
    assert to_inference_error("m", InferenceServerException(msg="?")).kind is FailureKind.UNAVAILABLE
