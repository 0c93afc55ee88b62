"""The client for blocking code; see `asynchronous` for its twin."""

import contextlib
import time
import uuid
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar, cast

import grpc

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.client.endpoint import HEALTH_CHECK, RECONNECT_S, TIMEOUT_S, Endpoint
from ktp_server.client.failures import CallError, RpcFailure, call_error
from ktp_server.client.images import IN_FLIGHT_COUNT, CardAnswer, CardImage, Window
from ktp_server.client.retry import Attempts, RetryPolicy
from ktp_server.errors import ErrorReason
from ktp_server.front.convert import assessment_from_response, recognition_from_message
from ktp_server.results import AssessmentResult, RecognitionResult

__all__ = ["KtpOcrClient"]

RequestT = TypeVar("RequestT", messages.RecognizeCardRequest, messages.AssessQualityRequest)
ResponseT = TypeVar("ResponseT")


class KtpOcrClient:
    """Calls one server; threads may share it. Use it in a `with` statement, or close it."""

    def __init__(self, endpoint: Endpoint, retry: RetryPolicy | None = None) -> None:
        """Connect, as soon as the first call is made.

        Args:
            endpoint: the server.
            retry: how patient to be with one that has no room or is away.

        Raises:
            OSError: a PEM file cannot be read.
            ValueError: the endpoint's TLS files do not belong together.
        """
        credentials = endpoint.credentials()
        if credentials is None:
            self._channel = grpc.insecure_channel(endpoint.address, endpoint.options())
        else:
            self._channel = grpc.secure_channel(endpoint.address, credentials, endpoint.options())
        self._stub = stubs.KtpOcrServiceStub(self._channel)
        self._check_health: Callable[..., bytes] = self._channel.unary_unary(HEALTH_CHECK)
        self._metadata = endpoint.metadata()
        self._retry = retry or RetryPolicy()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._channel.close()

    def recognize(
        self, image: bytes, timeout_s: float = TIMEOUT_S, require: Collection[str] = (), request_id: str = ""
    ) -> RecognitionResult:
        """Read the card in one image.

        Args:
            image: the image file.
            timeout_s: deadline, seconds from now, all attempts included.
            require: checks that must pass, by name.
            request_id: what logs call it, 1 to 128 printable ASCII characters; by default one is made up.

        Raises:
            CallError: why it failed.
        """
        request = messages.RecognizeCardRequest(request_id=request_id or uuid.uuid4().hex, image=image, require=require)
        return recognition_from_message(self._call(self._stub.RecognizeCard, request, timeout_s).recognition)

    def assess(self, image: bytes, timeout_s: float = TIMEOUT_S, request_id: str = "") -> AssessmentResult:
        """Check an image without reading its text; arguments and failures as of `recognize`."""
        request = messages.AssessQualityRequest(request_id=request_id or uuid.uuid4().hex, image=image)
        return assessment_from_response(self._call(self._stub.AssessQuality, request, timeout_s))

    def recognize_many(
        self, images: Iterable[CardImage], timeout_s: float | None = None, in_flight_count: int = IN_FLIGHT_COUNT
    ) -> Generator[CardAnswer, None, None]:
        """Read many images over one stream, and answer each once, in the order in which they finish.

        A stream that breaks is opened anew, and what it had left unanswered is sent again.

        Args:
            images: taken only as fast as answers come.
            timeout_s: deadline of all of them together, seconds from now; None for none.
            in_flight_count: images under way at a time; they are kept in memory.

        Raises:
            CallError: the server turns the caller away, stays away, or the deadline has passed.
            ValueError: two images under way have the same id.
        """
        source, window, attempts = iter(images), Window(in_flight_count), Attempts(self._retry, timeout_s)
        while True:
            try:
                for answer in self._exchange(source, window, attempts.remaining_s):
                    attempts.progress()
                    yield answer
            except grpc.RpcError as error:
                failure = call_error(cast("RpcFailure", error), "")
            else:
                return
            if failure.concerns_image and window.unanswered:
                # One of them has ended the stream: each is sent by itself.
                yield from map(self._ask_alone, window.take_all())
            else:
                self._rest(attempts, failure)

    def _exchange(self, source: Iterator[CardImage], window: Window, timeout_s: float | None) -> Iterator[CardAnswer]:
        """Send what is unanswered, then the rest, over one stream."""
        outbox: SimpleQueue[messages.RecognizeCardsRequest | None] = SimpleQueue()
        for request in window.to_messages():
            outbox.put(request)
        call = self._stub.RecognizeCards(iter(outbox.get, None), timeout=timeout_s, metadata=self._metadata)
        try:
            while True:
                while not window.is_full and (image := next(source, None)) is not None:
                    outbox.put(window.add(image))
                if not window.unanswered:
                    break
                answer = window.read(next(call, None))
                image = window.take(answer.request_id)
                # While the server has no room, this waits in a call of its own, and takes no answers: all slows down.
                yield self._ask_alone(image) if answer.is_transient else answer
            outbox.put(None)
            with contextlib.suppress(grpc.RpcError):  # everything is answered; how the stream ends is no matter
                next(call, None)
        finally:
            outbox.put(None)
            call.cancel()

    def _ask_alone(self, image: CardImage) -> CardAnswer:
        try:
            result = self.recognize(image.data, require=image.require, request_id=image.request_id)
        except CallError as error:
            return CardAnswer(image.request_id, error=error)
        return CardAnswer(image.request_id, result=result)

    def _call(self, method: Callable[..., ResponseT], request: RequestT, timeout_s: float) -> ResponseT:
        attempts = Attempts(self._retry, timeout_s)
        while True:
            try:
                return method(request, timeout=attempts.remaining_s, metadata=self._metadata)
            except grpc.RpcError as error:
                self._rest(attempts, call_error(cast("RpcFailure", error), request.request_id))

    def _rest(self, attempts: Attempts, failure: CallError) -> None:
        """Wait before the next attempt; without a connection, until there is one, else it would fail at once."""
        time.sleep(attempts.pause_s(failure))
        if failure.reason is ErrorReason.MODEL_UNAVAILABLE:
            with contextlib.suppress(grpc.RpcError):  # the next attempt says what is wrong
                self._check_health(b"", timeout=attempts.within_s(RECONNECT_S), wait_for_ready=True)
            attempts.check_time(failure)
