"""The service's methods: they translate and bound, and leave the work to the pipeline."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.engines.port import Priority, working_with
from ktp_server.errors import let_go, reportable_failure
from ktp_server.front.admission import Admission
from ktp_server.front.calls import Context, check_request_id, name_call, open_record, request_id_of
from ktp_server.front.convert import assessment_to_response, recognition_to_message, status_from_error
from ktp_server.front.streams import AnswerStream
from ktp_server.observability.observer import Observer, SilentObserver
from ktp_server.observability.record import CardFacts, current_record, follow_request
from ktp_server.reader import CardReader
from ktp_server.results import AssessmentResult, RecognitionResult

__all__ = ["KtpOcrServicer", "ServiceLimits"]


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

    def __init__(
        self, reader: CardReader, admission: Admission, limits: ServiceLimits, observer: Observer | None = None
    ) -> None:
        """Build the service.

        Args:
            reader: reads the images.
            admission: refuses images of calls, and holds back those of streams, beyond what may be in work.
            limits: bounds of calls and streams.
            observer: gets the records of the streams' items.
        """
        self._reader = reader
        self._admission = admission
        self._limits = limits
        self._observer = observer or SilentObserver()
        self._streams: set[AnswerStream[messages.RecognizeCardsRequest, messages.RecognizeCardsResponse]] = set()

    async def RecognizeCard(  # noqa: N802  # the contract's name
        self, request: messages.RecognizeCardRequest, context: Context
    ) -> messages.RecognizeCardResponse:
        """Read the card in one image."""
        request_id = _settle_request_id(request.request_id, context)
        with self._admission.admit():
            result = await self._reader.recognize(request.image, self._deadline_s(context), tuple(request.require))
        _note_card(result)
        return messages.RecognizeCardResponse(request_id=request_id, recognition=recognition_to_message(result))

    async def AssessQuality(  # noqa: N802  # the contract's name
        self, request: messages.AssessQualityRequest, context: Context
    ) -> messages.AssessQualityResponse:
        """Check requirements and image quality without reading the text."""
        request_id = _settle_request_id(request.request_id, context)
        with self._admission.admit():
            result = await self._reader.assess_quality(request.image, self._deadline_s(context))
        _note_card(result)
        return assessment_to_response(request_id, result)

    async def RecognizeCards(  # noqa: N802  # the contract's name
        self, request_iterator: AsyncIterator[messages.RecognizeCardsRequest], context: Context
    ) -> AsyncIterator[messages.RecognizeCardsResponse]:
        """Read many images over one call, answering each as it finishes."""
        deadline_s = None if context.time_remaining() is None else self._deadline_s(context)

        async def answer(request: messages.RecognizeCardsRequest) -> messages.RecognizeCardsResponse:
            return await self._answer_item(request, deadline_s, context)

        stream = AnswerStream(request_iterator, answer, self._limits.stream_in_flight_count)
        self._streams.add(stream)
        try:
            async for response in stream.answers():
                yield response
        finally:
            self._streams.discard(stream)

    def end_streams(self) -> None:
        """Take nothing more from any stream; each ends when what was taken is answered."""
        for stream in list(self._streams):
            stream.stop()

    async def _answer_item(
        self, request: messages.RecognizeCardsRequest, deadline_s: float | None, context: Context
    ) -> messages.RecognizeCardsResponse:
        with follow_request(self._observer, open_record(context, "RecognizeCards", "")) as record:
            try:
                check_request_id(request.request_id)
                record.request_id = request.request_id
                result = await self._read_item(request, deadline_s)
            except asyncio.CancelledError as error:
                let_go(error)
                raise
            except Exception as error:  # noqa: BLE001  # an item's failure is its answer and never ends the stream
                failure = reportable_failure(error)
                record.fail(failure.reason)
                return messages.RecognizeCardsResponse(request_id=request.request_id, error=status_from_error(failure))
            _note_card(result)
            return messages.RecognizeCardsResponse(
                request_id=request.request_id, recognition=recognition_to_message(result)
            )

    async def _read_item(self, request: messages.RecognizeCardsRequest, deadline_s: float | None) -> RecognitionResult:
        async with asyncio.timeout_at(deadline_s), self._admission.admit_bulk():
            # An image of a stream without a deadline has the default from the moment when its turn comes.
            latest_s = deadline_s or time.monotonic() + self._limits.default_deadline_s
            with working_with(Priority.BULK):
                return await self._reader.recognize(request.image, latest_s, tuple(request.require))

    def _deadline_s(self, context: Context) -> float:
        remaining_s = context.time_remaining()
        return time.monotonic() + (self._limits.default_deadline_s if remaining_s is None else remaining_s)


def _settle_request_id(given: str, context: Context) -> str:
    """Take the id in the request if there is one, else the call's."""
    if not given:
        return request_id_of(context)
    check_request_id(given)
    name_call(context, given)
    record = current_record()
    if record is not None:
        record.request_id = given
    return given


def _note_card(result: RecognitionResult | AssessmentResult) -> None:
    record = current_record()
    if record is not None:
        record.card = CardFacts.of(result)
