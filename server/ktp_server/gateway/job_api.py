"""The job API: one image in, a finished job out."""

import uuid
from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from ktp_server.errors import RecognitionError
from ktp_server.front.convert import recognition_from_message
from ktp_server.gateway.desk import CHARGED_HEADERS, Desk, failing_route
from ktp_server.gateway.documentation import PrintedText, describe_failures, describe_uploads
from ktp_server.gateway.uploads import IMAGE_TYPES, JSON_TYPE, MULTIPART_TYPE
from ktp_server.results import FIELD_NAMES, RecognitionResult

__all__ = ["JOB_PATH", "make_job_router"]

JOB_PATH = "/v1/ocr-ktp/jobs"
SUCCESS_MESSAGE = "OCR_KTP Service Success"

ACCEPTED_TYPES = IMAGE_TYPES | {JSON_TYPE, MULTIPART_TYPE}

QUALITY_NAMES = ("sharpness", "brightness", "specularity")
"""Those of the scores that this API knows."""


class JobImageQuality(BaseModel):
    """Whether the card's picture is good enough; true is good.

    Attributes:
        sharpness: false when it is blurred.
        brightness: false when it is too dark or too bright.
        specularity: false when a lamp is mirrored in the card.
    """

    sharpness: bool
    brightness: bool
    specularity: bool


class JobCard(BaseModel):
    """The fields of a card, and the quality of its picture."""

    nik: PrintedText
    nama: PrintedText
    agama: PrintedText
    rt_rw: PrintedText
    alamat: PrintedText
    provinsi: PrintedText
    kecamatan: PrintedText
    pekerjaan: PrintedText
    tempat_lahir: PrintedText
    jenis_kelamin: PrintedText
    tanggal_lahir: PrintedText
    berlaku_hingga: PrintedText
    golongan_darah: PrintedText
    kabupaten_kota: PrintedText
    kelurahan_desa: PrintedText
    kewarganegaraan: PrintedText
    status_perkawinan: PrintedText
    image_quality: JobImageQuality


class JobResult(BaseModel):
    """What became of a job; with `failed`, `result` is empty and `reason` says why."""

    status: Literal["success", "failed"]
    analytic_type: Literal["OCR_KTP"] = "OCR_KTP"
    result: list[JobCard]
    reason: str | None = Field(default=None, description="One of the reasons in docs/api.md; only with `failed`.")


class Job(BaseModel):
    """One job; its id is never given twice."""

    id: str
    result: JobResult


class JobAnswer(BaseModel):
    """The answer to an image."""

    job: Job
    message: str
    ok: bool


def make_job_router(desk: Desk) -> APIRouter:
    """Make the API's route.

    Args:
        desk: has images read.
    """
    router = APIRouter(tags=["Job API"], route_class=failing_route(_render_failure))

    @router.post(
        JOB_PATH,
        summary="Read the card in an image",
        response_model=JobAnswer,
        responses=describe_failures(JobAnswer),
        openapi_extra=describe_uploads(ACCEPTED_TYPES),
    )
    async def create_job(request: Request) -> JSONResponse:
        """The image comes as the body itself, as the file of a multipart form, or as base64 in JSON.

        The job is done when the answer comes.
        """
        answer = await desk.recognize(request, ACCEPTED_TYPES)
        result = JobResult(status="success", result=[_to_card(recognition_from_message(answer.recognition))])
        return JSONResponse(_to_body(result, SUCCESS_MESSAGE), headers=CHARGED_HEADERS)

    return router


def _to_card(recognition: RecognitionResult) -> JobCard:
    found = recognition.card.fields
    values = {name: found[name].value or "" for name in FIELD_NAMES if name in found}
    known = {name: values.get(name, "") for name in JobCard.model_fields if name != "image_quality"}
    quality = {name: recognition.quality[name].passed for name in QUALITY_NAMES}
    return JobCard.model_validate({**known, "image_quality": quality})


def _render_failure(failure: RecognitionError, _request_id: str) -> Mapping[str, object]:
    return _to_body(JobResult(status="failed", result=[], reason=failure.reason.value), failure.message)


def _to_body(result: JobResult, message: str) -> dict[str, object]:
    job = Job(id=str(uuid.uuid4()), result=result)
    return JobAnswer(job=job, message=message, ok=result.status == "success").model_dump(exclude_none=True)
