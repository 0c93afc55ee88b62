"""Between the pipeline's dataclasses and the contract's messages, both ways, and errors as google.rpc.Status."""

import math
from collections.abc import Mapping

from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ktp.ocr.v1 import card_pb2, geometry_pb2, ktp_ocr_service_pb2, quality_pb2
from ktp_server.errors import ERROR_DOMAIN, ERROR_POLICIES, ErrorReason, RecognitionError
from ktp_server.front.convert_normalised import normalised_from_message, normalised_to_message
from ktp_server.results import (
    FIELD_NAMES,
    QUALITY_NAMES,
    AssessmentResult,
    CardResult,
    Correction,
    FieldResult,
    FindingResult,
    LineResult,
    PoseResult,
    Quad,
    QualityScoreResult,
    RecognitionResult,
    RequirementResult,
    Severity,
)

__all__ = [
    "assessment_from_response",
    "assessment_to_response",
    "error_from_status",
    "recognition_from_message",
    "recognition_to_message",
    "status_from_error",
]

CORRECTIONS: Mapping[Correction, card_pb2.Correction] = {
    Correction.NONE: card_pb2.CORRECTION_NONE,
    Correction.NORMALISED: card_pb2.CORRECTION_NORMALISED,
    Correction.TEMPLATE: card_pb2.CORRECTION_TEMPLATE,
    Correction.CROSS_CHECK: card_pb2.CORRECTION_CROSS_CHECK,
}
SEVERITIES: Mapping[Severity, card_pb2.FindingSeverity] = {
    Severity.INFO: card_pb2.FINDING_SEVERITY_INFO,
    Severity.WARNING: card_pb2.FINDING_SEVERITY_WARNING,
    Severity.ERROR: card_pb2.FINDING_SEVERITY_ERROR,
}


def recognition_to_message(result: RecognitionResult) -> ktp_ocr_service_pb2.CardRecognition:
    """Translate what was learnt from one image."""
    return ktp_ocr_service_pb2.CardRecognition(
        card=_card_to_message(result.card),
        quality=_quality_to_message(result.quality, result.glare_quads, result.covered_fields),
        requirements=_requirements_to_message(result.requirements),
        timings=_timings_to_messages(result.timings_ms),
    )


def assessment_to_response(request_id: str, result: AssessmentResult) -> ktp_ocr_service_pb2.AssessQualityResponse:
    """Translate what was learnt without reading the text."""
    return ktp_ocr_service_pb2.AssessQualityResponse(
        request_id=request_id,
        requirements=_requirements_to_message(result.requirements),
        quality=_quality_to_message(result.quality, result.glare_quads),
        card=_card_to_message(result.card),
        timings=_timings_to_messages(result.timings_ms),
    )


def recognition_from_message(message: ktp_ocr_service_pb2.CardRecognition) -> RecognitionResult:
    """Translate an answer back, for callers of a server."""
    return RecognitionResult(
        card=_card_from_message(message.card),
        quality=_quality_from_message(message.quality),
        requirements=tuple(_requirement_from_message(item) for item in message.requirements.requirements),
        timings_ms={timing.stage: timing.duration_ms for timing in message.timings},
        glare_quads=tuple(_quad_from_message(quad) for quad in message.quality.glare_quads),
        covered_fields=tuple(message.quality.covered_fields),
    )


def assessment_from_response(response: ktp_ocr_service_pb2.AssessQualityResponse) -> AssessmentResult:
    """Translate an answer back, for callers of a server."""
    return AssessmentResult(
        card=_card_from_message(response.card),
        quality=_quality_from_message(response.quality),
        requirements=tuple(_requirement_from_message(item) for item in response.requirements.requirements),
        timings_ms={timing.stage: timing.duration_ms for timing in response.timings},
        glare_quads=tuple(_quad_from_message(quad) for quad in response.quality.glare_quads),
    )


_Detail = (
    error_details_pb2.ErrorInfo
    | error_details_pb2.BadRequest
    | error_details_pb2.RetryInfo
    | error_details_pb2.RequestInfo
)


def status_from_error(error: RecognitionError, request_id: str | None = None) -> status_pb2.Status:
    """Translate a failure, with ErrorInfo, BadRequest where a field is at fault, RetryInfo where waiting helps.

    Args:
        error: the failure.
        request_id: the failed call's, for RequestInfo; None for an item of a stream, whose answer holds its id.
    """
    policy = ERROR_POLICIES[error.reason]
    status = status_pb2.Status(code=code_pb2.Code.Value(policy.grpc_code), message=error.message)
    details: list[_Detail] = [error_details_pb2.ErrorInfo(reason=error.reason.value, domain=ERROR_DOMAIN)]
    if error.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.message, reason=error.reason.value
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_delay_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(math.ceil(error.retry_delay_s * 1e3))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if request_id is not None:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def error_from_status(status: status_pb2.Status) -> RecognitionError | None:
    """Translate a failure back.

    Returns:
        None for a status that no server of ours sends: one without our ErrorInfo.
    """
    info, bad_request, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for detail in status.details:
        for known in (info, bad_request, retry):
            detail.Unpack(known)
    if info.domain != ERROR_DOMAIN or info.reason not in ErrorReason.__members__:
        return None
    field = bad_request.field_violations[0].field if bad_request.field_violations else None
    retry_delay_s = retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None
    return RecognitionError(ErrorReason(info.reason), status.message, field, retry_delay_s)


def _card_to_message(card: CardResult) -> card_pb2.Card:
    # Parts are filled where they stand: made by themselves and copied in, they take twice as long.
    message = card_pb2.Card(
        rotation_degrees=card.rotation_degrees,
        score=card.score,
        findings=[
            card_pb2.Finding(
                code=finding.code,
                severity=SEVERITIES[finding.severity],
                message=finding.message,
                fields=finding.fields,
            )
            for finding in card.findings
        ],
        normalised=normalised_to_message(card.normalised),
        pose=None if card.pose is None else _pose_to_message(card.pose),
    )
    _fill_quad(message.quad, card.quad)
    for line in card.lines:
        _fill_quad(message.lines.add(text=line.text, confidence=line.confidence).quad, line.quad)
    for name, field in card.fields.items():
        _fill_field(getattr(message, name), field)
    return message


def _card_from_message(message: card_pb2.Card) -> CardResult:
    severities = {value: severity for severity, value in SEVERITIES.items()}
    return CardResult(
        quad=_quad_from_message(message.quad),
        rotation_degrees=message.rotation_degrees,
        score=message.score,
        fields={name: _field_from_message(getattr(message, name)) for name in FIELD_NAMES if message.HasField(name)},
        findings=tuple(
            FindingResult(item.code, severities[item.severity], item.message, tuple(item.fields))
            for item in message.findings
        ),
        lines=tuple(LineResult(line.text, line.confidence, _quad_from_message(line.quad)) for line in message.lines),
        normalised=normalised_from_message(message.normalised),
        pose=_pose_from_message(message.pose) if message.HasField("pose") else None,
    )


def _pose_to_message(pose: PoseResult) -> card_pb2.Pose:
    return card_pb2.Pose(
        pitch_degrees=pose.pitch_degrees,
        yaw_degrees=pose.yaw_degrees,
        roll_degrees=pose.roll_degrees,
        tilt_degrees=pose.tilt_degrees,
    )


def _pose_from_message(message: card_pb2.Pose) -> PoseResult:
    return PoseResult(message.pitch_degrees, message.yaw_degrees, message.roll_degrees, message.tilt_degrees)


def _fill_field(message: card_pb2.Field, field: FieldResult) -> None:
    if field.value is not None:
        message.value = field.value
    message.raw_value = field.raw_value
    message.confidence = field.confidence
    message.correction = CORRECTIONS[field.correction]
    if field.quad is not None:
        _fill_quad(message.quad, field.quad)


def _field_from_message(message: card_pb2.Field) -> FieldResult:
    corrections = {value: correction for correction, value in CORRECTIONS.items()}
    return FieldResult(
        value=message.value if message.HasField("value") else None,
        raw_value=message.raw_value,
        confidence=message.confidence,
        correction=corrections[message.correction],
        quad=_quad_from_message(message.quad) if message.HasField("quad") else None,
    )


def _fill_quad(message: geometry_pb2.Quad, quad: Quad) -> None:
    corners = (message.top_left, message.top_right, message.bottom_right, message.bottom_left)
    for corner, (x, y) in zip(corners, quad, strict=True):
        corner.x, corner.y = x, y


def _quad_from_message(message: geometry_pb2.Quad) -> Quad:
    return (
        (message.top_left.x, message.top_left.y),
        (message.top_right.x, message.top_right.y),
        (message.bottom_right.x, message.bottom_right.y),
        (message.bottom_left.x, message.bottom_left.y),
    )


def _quality_to_message(
    quality: Mapping[str, QualityScoreResult], glare_quads: tuple[Quad, ...], covered_fields: tuple[str, ...] = ()
) -> quality_pb2.ImageQuality:
    message = quality_pb2.ImageQuality(covered_fields=covered_fields)
    for quad in glare_quads:
        _fill_quad(message.glare_quads.add(), quad)
    for name, score in quality.items():
        getattr(message, name).CopyFrom(
            quality_pb2.QualityScore(
                score=score.score, threshold=score.threshold, passed=score.passed, reason=score.reason
            )
        )
    return message


def _quality_from_message(message: quality_pb2.ImageQuality) -> dict[str, QualityScoreResult]:
    return {name: _score_from_message(getattr(message, name)) for name in QUALITY_NAMES if message.HasField(name)}


def _score_from_message(message: quality_pb2.QualityScore) -> QualityScoreResult:
    return QualityScoreResult(message.score, message.threshold, message.passed, message.reason)


def _requirements_to_message(requirements: tuple[RequirementResult, ...]) -> quality_pb2.RequirementReport:
    return quality_pb2.RequirementReport(
        requirements=[
            quality_pb2.Requirement(
                name=item.name,
                threshold=item.threshold,
                measured=item.measured,
                passed=item.passed,
                action=quality_pb2.REQUIREMENT_ACTION_REJECT if item.rejects else quality_pb2.REQUIREMENT_ACTION_WARN,
            )
            for item in requirements
        ]
    )


def _requirement_from_message(message: quality_pb2.Requirement) -> RequirementResult:
    return RequirementResult(
        name=message.name,
        threshold=message.threshold,
        measured=message.measured if message.HasField("measured") else None,
        passed=message.passed,
        rejects=message.action == quality_pb2.REQUIREMENT_ACTION_REJECT,
    )


def _timings_to_messages(timings_ms: Mapping[str, float]) -> list[ktp_ocr_service_pb2.StageTiming]:
    return [
        ktp_ocr_service_pb2.StageTiming(stage=stage, duration_ms=duration_ms)
        for stage, duration_ms in timings_ms.items()
    ]
