"""The JSON API: the gRPC contract over HTTP, by protobuf's JSON mapping with the contract's own field names."""

from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from google.protobuf import json_format
from google.protobuf.message import Message
from pydantic import BaseModel
from starlette.requests import Request

from ktp.ocr.v1 import ktp_ocr_service_pb2
from ktp_server.errors import ERROR_POLICIES, RecognitionError
from ktp_server.front.convert import status_from_error
from ktp_server.gateway.desk import CHARGED_HEADERS, UNCHARGED_HEADERS, Desk, failing_route
from ktp_server.gateway.documentation import describe_failures, describe_message, describe_uploads
from ktp_server.gateway.uploads import IMAGE_TYPES, JSON_TYPE

__all__ = ["ANSWERS", "ASSESS_PATH", "RECOGNIZE_PATH", "make_card_router", "render_failure"]

RECOGNIZE_PATH = "/v1/cards:recognize"
ASSESS_PATH = "/v1/images:assess"
ACCEPTED_TYPES = IMAGE_TYPES | {JSON_TYPE}

ANSWERS: tuple[type[Message], ...] = (
    ktp_ocr_service_pb2.RecognizeCardResponse,
    ktp_ocr_service_pb2.AssessQualityResponse,
)
"""What the routes answer, by the contract."""


class ErrorStatus(BaseModel):
    """What went wrong.

    Attributes:
        code: HTTP status.
        message: one plain sentence.
        status: name of the gRPC code.
        details: google.rpc.ErrorInfo with the `reason`, and others of google.rpc.
    """

    code: int
    message: str
    status: str
    details: list[dict[str, object]]


class ErrorAnswer(BaseModel):
    """A failure."""

    error: ErrorStatus


def make_card_router(desk: Desk) -> APIRouter:
    """Make the API's routes.

    Args:
        desk: has images read and checked.
    """
    router = APIRouter(tags=["JSON API"])
    recognizing = APIRouter(route_class=failing_route(render_failure))
    assessing = APIRouter(route_class=failing_route(render_failure, may_charge=False))

    @recognizing.post(
        RECOGNIZE_PATH,
        summary="Read the card in an image",
        responses=describe_message(ktp_ocr_service_pb2.RecognizeCardResponse) | describe_failures(ErrorAnswer),
        openapi_extra=describe_uploads(ACCEPTED_TYPES),
    )
    async def recognize_card(request: Request) -> JSONResponse:
        """As `RecognizeCard` of the gRPC contract: the image comes as base64 in JSON, or as the body itself."""
        answer = await desk.recognize(request, ACCEPTED_TYPES)
        return JSONResponse(_to_json(answer), headers=CHARGED_HEADERS)

    @assessing.post(
        ASSESS_PATH,
        summary="Check an image without reading it",
        responses=describe_message(ktp_ocr_service_pb2.AssessQualityResponse) | describe_failures(ErrorAnswer),
        openapi_extra=describe_uploads(ACCEPTED_TYPES),
    )
    async def assess_image(request: Request) -> JSONResponse:
        """As `AssessQuality` of the gRPC contract; never charged."""
        answer = await desk.assess(request, ACCEPTED_TYPES)
        return JSONResponse(_to_json(answer), headers=UNCHARGED_HEADERS)

    router.include_router(recognizing)
    router.include_router(assessing)
    return router


def render_failure(failure: RecognitionError, request_id: str) -> Mapping[str, object]:
    """Give the body of a failure.

    Args:
        failure: what went wrong.
        request_id: of the request.

    Source: AIP-193, HTTP/1.1+JSON representation of google.rpc.Status.
    """
    policy = ERROR_POLICIES[failure.reason]
    details = _to_json(status_from_error(failure, request_id))["details"]
    return {
        "error": {
            "code": policy.http_status,
            "message": failure.message,
            "status": policy.grpc_code,
            "details": details,
        }
    }


def _to_json(message: Message) -> dict[str, object]:
    """What is false, zero or empty is printed, too: only fields with presence may be absent."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
