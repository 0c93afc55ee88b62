"""The service's methods: they translate and bound, and leave the work to the pipeline."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.errors import ErrorReason, RecognitionError, reportable_failure
from ktp_server.front.admission import Admission
from ktp_server.front.convert import assessment_to_response, recognition_to_message, status_from_error
from ktp_server.reader import CardReader

__all__ = ["KtpOcrServicer", "ServiceLimits"]

REQUEST_ID_PATTERN = re.compile(r"[\x20-\x7e]{1,128}")
"""Printable ASCII, so that an id can stand in logs and headers as it is."""

Context = grpc.aio.ServicerContext[Message, Message]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Bounds of the service.

    Attributes:
        default_deadline_s: seconds for calls that bring no deadline.
        stream_in_flight_count: images of one stream in work at a time.
    """

    default_deadline_s: float
    stream_in_flight_count: int


class KtpOcrServicer(stubs.KtpOcrServiceServicer):
    """`ktp.ocr.v1.KtpOcrService` over a card reader."""

    def __init__(self, reader: CardReader, admission: Admission, limits: ServiceLimits) -> None:
        """Build the service.

        Args:
            reader: reads the images.
            admission: refuses images beyond what may be in work.
            limits: bounds of calls and streams.
        """
        self._reader = reader
        self._admission = admission
        self._limits = limits

    async def RecognizeCard(  # noqa: N802  # the contract's name
        self, request: messages.RecognizeCardRequest, context: Context
    ) -> messages.RecognizeCardResponse:
        """Read the card in one image."""
        request_id = _request_id(request.request_id)
        with self._admission.admit():
            result = await self._reader.recognize(request.image, self._deadline_s(context), tuple(request.require))
        return messages.RecognizeCardResponse(request_id=request_id, recognition=recognition_to_message(result))

    async def AssessQuality(  # noqa: N802  # the contract's name
        self, request: messages.AssessQualityRequest, context: Context
    ) -> messages.AssessQualityResponse:
        """Check requirements and image quality without reading the text."""
        request_id = _request_id(request.request_id)
        with self._admission.admit():
            result = await self._reader.assess_quality(request.image, self._deadline_s(context))
        return assessment_to_response(request_id, result)

    async def RecognizeCards(  # noqa: N802  # the contract's name
        self, request_iterator: AsyncIterator[messages.RecognizeCardsRequest], context: Context
    ) -> AsyncIterator[messages.RecognizeCardsResponse]:
        """Read many images over one call, answering each as it finishes.

        A request is taken from the stream only while fewer than `stream_in_flight_count` are in work or wait to be
        taken by the caller: a caller that sends fast or reads slowly fills gRPC's window, not our memory.
        """
        places = asyncio.Semaphore(self._limits.stream_in_flight_count)
        answers: asyncio.Queue[messages.RecognizeCardsResponse | None] = asyncio.Queue()
        deadline_s = None if context.time_remaining() is None else self._deadline_s(context)

        async def answer(request: messages.RecognizeCardsRequest) -> None:
            answers.put_nowait(await self._answer_item(request, deadline_s))

        async def take_requests() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    await places.acquire()
                    async for request in request_iterator:
                        group.create_task(answer(request))
                        await places.acquire()
            finally:
                answers.put_nowait(None)

        taking = asyncio.create_task(take_requests())
        try:
            while (response := await answers.get()) is not None:
                yield response
                places.release()
            await taking
        finally:
            taking.cancel()

    async def _answer_item(
        self, request: messages.RecognizeCardsRequest, deadline_s: float | None
    ) -> messages.RecognizeCardsResponse:
        latest_s = time.monotonic() + self._limits.default_deadline_s
        try:
            _check_request_id(request.request_id)
            with self._admission.admit():
                result = await self._reader.recognize(request.image, deadline_s or latest_s, tuple(request.require))
        except Exception as error:  # noqa: BLE001  # an item's failure is its answer and never ends the stream
            status = status_from_error(reportable_failure(error))
            return messages.RecognizeCardsResponse(request_id=request.request_id, error=status)
        return messages.RecognizeCardsResponse(
            request_id=request.request_id, recognition=recognition_to_message(result)
        )

    def _deadline_s(self, context: Context) -> float:
        remaining_s = context.time_remaining()
        return time.monotonic() + (self._limits.default_deadline_s if remaining_s is None else remaining_s)


def _request_id(given: str) -> str:
    """Check the caller's id, or make one up."""
    if not given:
        return uuid.uuid4().hex
    _check_request_id(given)
    return given


def _check_request_id(given: str) -> None:
    if REQUEST_ID_PATTERN.fullmatch(given) is None:
        raise RecognitionError(
            ErrorReason.REQUEST_INVALID, "the request id must be 1 to 128 printable ASCII characters", "request_id"
        )
