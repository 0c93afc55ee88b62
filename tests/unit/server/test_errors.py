"""The error table: complete, and the same in code and contract."""

import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2
from ktp_preprocessing import errors as image_errors
from ktp_server.engines.port import FailureKind, InferenceError
from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError, failure_from, reportable_failure
from ktp_server.front.convert import error_from_status, status_from_error


def test_every_reason_has_a_policy() -> None:
    assert set(ERROR_POLICIES) == set(ErrorReason)


def test_reasons_are_those_of_the_contract() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in ktp_ocr_service_pb2.ErrorReason.keys()}  # noqa: SIM118  # an enum wrapper
    assert names - {"UNSPECIFIED"} == {reason.value for reason in ErrorReason}


def test_only_answers_about_the_picture_are_charged() -> None:
    assert {reason for reason, policy in ERROR_POLICIES.items() if policy.charged} == {
        ErrorReason.CARD_NOT_FOUND,
        ErrorReason.TOO_MANY_CARDS,
        ErrorReason.CARD_TOO_SMALL,
        ErrorReason.QUALITY_REJECTED,
        ErrorReason.CARD_UNREADABLE,
    }


@pytest.mark.parametrize(
    "kind",
    [
        image_errors.ImageCorrupt,
        image_errors.ImageFormatUnsupported,
        image_errors.ImageTooLarge,
        image_errors.ImageDimensionsOutOfRange,
    ],
)
def test_every_image_error_has_a_reason(kind: type[image_errors.ImageError]) -> None:
    failure = failure_from(kind("why"))
    assert failure is not None
    assert (failure.reason.value, failure.message, failure.field) == (kind.reason, "why", "image")


def test_broken_model_contract_is_a_fault_of_ours() -> None:
    assert failure_from(InferenceError(FailureKind.INVALID, "m", "wrong shape")) is None


@pytest.mark.parametrize("reason", list(ErrorReason))
@pytest.mark.parametrize("field", [None, "image"])
def test_status_round_trip(reason: ErrorReason, field: str | None) -> None:
    restored = error_from_status(status_from_error(RecognitionError(reason, "why", field)))
    assert restored is not None
    assert (restored.reason, restored.message, restored.field) == (reason, "why", field)
    assert restored.retry_delay_s == ERROR_POLICIES[reason].retry_delay_s


def test_a_failure_can_know_better_when_to_try_again() -> None:
    failure = RecognitionError(ErrorReason.RATE_LIMITED, "why", retry_delay_s=2.5001)
    restored = error_from_status(status_from_error(failure))
    assert restored is not None
    assert restored.retry_delay_s == 2.501


def test_a_failure_that_was_reported_holds_no_frame_nor_do_those_that_led_to_it() -> None:
    passed: list[Exception] = []

    def note(error: Exception) -> Exception:
        passed.append(error)
        return error

    def fail() -> None:
        try:
            try:
                raise note(KeyError("0"))
            except KeyError as first:
                raise note(ExceptionGroup("both", [first, OSError("1")])) from None
        except ExceptionGroup as both:
            raise note(image_errors.ImageCorrupt("no image")) from both

    with pytest.raises(image_errors.ImageCorrupt) as caught:
        fail()
    assert all(error.__traceback__ is not None for error in passed)
    assert reportable_failure(caught.value).reason is ErrorReason.IMAGE_CORRUPT
    assert [error.__traceback__ for error in passed] == [None] * 3
