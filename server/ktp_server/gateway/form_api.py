"""The form API: an image in a URL-encoded form, the fields under English names."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError
from ktp_server.front.convert import recognition_from_message
from ktp_server.gateway.desk import CHARGED_HEADERS, Desk, failing_route
from ktp_server.gateway.documentation import PrintedText, describe_failures, describe_uploads
from ktp_server.gateway.uploads import FORM_TYPE
from ktp_server.results import RecognitionResult

__all__ = ["FORM_PATH", "MESSAGES", "make_form_router"]

FORM_PATH = "/v1/ocr-ktp/form"
ACCEPTED_TYPES = frozenset({FORM_TYPE})

MESSAGES: Mapping[str, str] = {
    "FAIL": "check input image and retry",
    "INVALID_REQUEST": "check request params",
    "IMAGE_INVALID_FORMAT": "image format not support",
    "IMAGE_INVALID_SIZE": "image larger than 2M",
    "INNER_ERROR": "Service is not available right now, please try again later",
}
"""The API's own words for each status."""

FIELD_NAMES: Mapping[str, str] = {
    "name": "nama",
    "id": "nik",
    "pob": "tempat_lahir",
    "dob": "tanggal_lahir",
    "gender": "jenis_kelamin",
    "address": "alamat",
    "province": "provinsi",
    "city": "kabupaten_kota",
    "district": "kecamatan",
    "village": "kelurahan_desa",
    "rt": "rt",
    "rw": "rw",
    "religion": "agama",
    "marital_status": "status_perkawinan",
    "work": "pekerjaan",
    "nationnality": "kewarganegaraan",
}
"""Names of this API -> names of the fields."""


class FormCard(BaseModel):
    """The fields of a card; `nationnality` is spelled as this API always did."""

    name: PrintedText
    id: Annotated[str, Field(min_length=1, description="NIK; a card whose NIK cannot be read is answered with FAIL.")]
    pob: Annotated[str, Field(description="Place of birth.")]
    dob: Annotated[str, Field(description="Date of birth, DD-MM-YYYY.")]
    gender: PrintedText
    address: PrintedText
    province: PrintedText
    city: PrintedText
    district: PrintedText
    village: PrintedText
    rt: PrintedText
    rw: PrintedText
    religion: PrintedText
    marital_status: PrintedText
    work: PrintedText
    nationnality: PrintedText


class FormAnswer(BaseModel):
    """The fields of the card."""

    status: Literal["OK"] = "OK"
    message: FormCard


class FormFailure(BaseModel):
    """Why there are no fields."""

    status: Literal["FAIL", "INVALID_REQUEST", "IMAGE_INVALID_FORMAT", "IMAGE_INVALID_SIZE", "INNER_ERROR"]
    message: str


def make_form_router(desk: Desk) -> APIRouter:
    """Make the API's route.

    Args:
        desk: has images read.
    """
    router = APIRouter(tags=["Form API"], route_class=failing_route(_render_failure))

    @router.post(
        FORM_PATH,
        summary="Read the card in an image",
        response_model=FormAnswer,
        responses=describe_failures(FormFailure),
        openapi_extra=describe_uploads(ACCEPTED_TYPES),
    )
    async def read_form(request: Request) -> JSONResponse:
        """The field `img` holds the image in base64."""
        answer = await desk.recognize(request, ACCEPTED_TYPES)
        card = _to_card(recognition_from_message(answer.recognition))
        return JSONResponse(FormAnswer(message=card).model_dump(), headers=CHARGED_HEADERS)

    return router


def _to_card(recognition: RecognitionResult) -> FormCard:
    found = recognition.card.fields
    values = {name: (found[field].value or "") if field in found else "" for name, field in FIELD_NAMES.items()}
    if not values["id"]:
        raise RecognitionError(ErrorReason.CARD_UNREADABLE, "the NIK could not be read")
    return FormCard.model_validate(values)


def _render_failure(failure: RecognitionError, _request_id: str) -> Mapping[str, object]:
    status = ERROR_POLICIES[failure.reason].form_status
    return {"status": status, "message": MESSAGES[status]}
