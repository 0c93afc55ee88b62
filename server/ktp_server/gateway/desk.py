"""What the APIs share: images are taken out of requests and handed on, failures told in each one's own shape."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import TypeVar

from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from ktp.ocr.v1 import ktp_ocr_service_pb2
from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError, reportable_failure
from ktp_server.front.calls import check_request_id
from ktp_server.gateway.bodies import BodyBuffer
from ktp_server.gateway.callers import Metadata, call_metadata
from ktp_server.gateway.uploads import IMAGE_TYPES, Upload, media_type, parse_upload
from ktp_server.gateway.upstream import Upstream

__all__ = ["CHARGED_HEADERS", "UNCHARGED_HEADERS", "Desk", "RenderFailure", "failing_route", "failure_response"]

CHARGED_HEADERS = {"X-Charged": "yes"}
UNCHARGED_HEADERS = {"X-Charged": "no"}

TEXT_OVERHEAD = 2.0
"""A body with base64 may be so many times as large as its image: 4/3 for base64, and half as much again for escapes."""

ENVELOPE_BYTES = 64 * 1024
"""What a body may have beside the image."""

AnswerT = TypeVar("AnswerT")

RenderFailure = Callable[[RecognitionError, str], Mapping[str, object]]
"""From a failure and its request's id to the body in an API's own shape."""


class Desk:
    """Takes images in and has them read."""

    def __init__(self, upstream: Upstream, buffer: BodyBuffer, image_limit_bytes: int) -> None:
        """Build the desk.

        Args:
            upstream: the service.
            buffer: takes the bodies in.
            image_limit_bytes: largest image file.
        """
        self._upstream = upstream
        self._buffer = buffer
        self._image_limit_bytes = image_limit_bytes

    async def recognize(self, request: Request, accepted: frozenset[str]) -> ktp_ocr_service_pb2.RecognizeCardResponse:
        """Have the card in a request read.

        Args:
            request: whose body nobody has read.
            accepted: media types that the API takes.

        Raises:
            RecognitionError: whatever is wrong with it.
        """
        return await self._serve(request, accepted, self._upstream.recognize)

    async def assess(self, request: Request, accepted: frozenset[str]) -> ktp_ocr_service_pb2.AssessQualityResponse:
        """Have the image in a request checked; parameters and failures as of `recognize`."""
        return await self._serve(request, accepted, self._upstream.assess)

    async def _serve(
        self,
        request: Request,
        accepted: frozenset[str],
        call: Callable[[Upload, Metadata], Coroutine[None, None, AnswerT]],
    ) -> AnswerT:
        metadata = call_metadata(request, needs_key=self._upstream.asks_for_keys is True)
        await self._upstream.admit(metadata)
        content_type = request.headers.get("content-type", "")
        kind = media_type(content_type)
        if kind not in accepted:
            raise RecognitionError(
                ErrorReason.REQUEST_INVALID, f"the Content-Type must be one of {', '.join(sorted(accepted))}"
            )
        async with self._buffer.take(request, self._limit_bytes(kind)) as body:
            upload = await parse_upload(body, content_type)
            if upload.request_id:
                check_request_id(upload.request_id)
                request.state.request_id = upload.request_id
            return await _unless_caller_leaves(request, call(upload, metadata))

    def _limit_bytes(self, kind: str) -> int:
        if kind in IMAGE_TYPES:
            return self._image_limit_bytes
        return int(TEXT_OVERHEAD * self._image_limit_bytes) + ENVELOPE_BYTES


def failing_route(render: RenderFailure, *, may_charge: bool = True) -> type[APIRoute]:
    """Make a kind of route whose failures have an API's own shape.

    Args:
        render: makes the body.
        may_charge: whether a failure can count as a call.
    """

    class FailingRoute(APIRoute):
        """Answers every exception."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
            """See `APIRoute`."""
            handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except Exception as error:  # noqa: BLE001  # whatever happened must become an answer
                    failure = reportable_failure(error)
                    return failure_response(failure, render(failure, request.state.request_id), may_charge=may_charge)

            return answer

    return FailingRoute


def failure_response(failure: RecognitionError, body: Mapping[str, object], *, may_charge: bool = True) -> JSONResponse:
    """Answer with a failure: status, reason, whether it is charged, and how long to wait before trying again.

    Args:
        failure: what went wrong.
        body: the failure in an API's own shape.
        may_charge: whether a failure can count as a call.
    """
    policy = ERROR_POLICIES[failure.reason]
    headers = dict(CHARGED_HEADERS if policy.charged and may_charge else UNCHARGED_HEADERS)
    headers["X-Error-Reason"] = failure.reason.value
    if failure.retry_delay_s is not None:
        headers["Retry-After"] = str(math.ceil(failure.retry_delay_s))
    if policy.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, policy.http_status, headers)


async def _unless_caller_leaves(request: Request, call: Coroutine[None, None, AnswerT]) -> AnswerT:
    """Wait for a call's answer; a caller who goes away first cancels it, so that nobody works for nobody."""
    answering = asyncio.create_task(call)
    leaving = asyncio.create_task(_until_caller_leaves(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise RecognitionError(ErrorReason.REQUEST_INVALID, "the caller went away")
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()


async def _until_caller_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
