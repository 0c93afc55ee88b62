"""The client for asyncio; see `synchronous` for its twin."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Iterable
from types import TracebackType
from typing import Self, TypeVar

import grpc

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.client.endpoint import HEALTH_CHECK, RECONNECT_S, TIMEOUT_S, Endpoint
from ktp_server.client.failures import CallError, call_error
from ktp_server.client.images import IN_FLIGHT_COUNT, CardAnswer, CardImage, Window
from ktp_server.client.retry import Attempts, RetryPolicy
from ktp_server.errors import ErrorReason
from ktp_server.front.convert import assessment_from_response, recognition_from_message
from ktp_server.results import AssessmentResult, RecognitionResult

__all__ = ["AsyncKtpOcrClient"]

RequestT = TypeVar("RequestT", messages.RecognizeCardRequest, messages.AssessQualityRequest)
ResponseT = TypeVar("ResponseT")


class AsyncKtpOcrClient:
    """Calls one server, from one event loop. Use it in an `async with` statement, or close it."""

    def __init__(self, endpoint: Endpoint, retry: RetryPolicy | None = None) -> None:
        """Connect, as soon as the first call is made.

        Args:
            endpoint: the server.
            retry: how patient to be with one that has no room or is away.

        Raises:
            OSError: a PEM file cannot be read.
            ValueError: the endpoint's TLS files do not belong together.
        """
        self._channel = endpoint.open_channel()
        self._stub = stubs.KtpOcrServiceStub(self._channel)
        self._check_health: Callable[..., Awaitable[bytes]] = self._channel.unary_unary(HEALTH_CHECK)
        self._metadata = endpoint.metadata()
        self._retry = retry or RetryPolicy()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        await self._channel.close()

    async def recognize(
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
        return recognition_from_message((await self._call(self._stub.RecognizeCard, request, timeout_s)).recognition)

    async def assess(self, image: bytes, timeout_s: float = TIMEOUT_S, request_id: str = "") -> AssessmentResult:
        """Check an image without reading its text; arguments and failures as of `recognize`."""
        request = messages.AssessQualityRequest(request_id=request_id or uuid.uuid4().hex, image=image)
        return assessment_from_response(await self._call(self._stub.AssessQuality, request, timeout_s))

    async def recognize_many(
        self,
        images: AsyncIterable[CardImage] | Iterable[CardImage],
        timeout_s: float | None = None,
        in_flight_count: int = IN_FLIGHT_COUNT,
    ) -> AsyncGenerator[CardAnswer, None]:
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
        source, window, attempts = _iterate(images), Window(in_flight_count), Attempts(self._retry, timeout_s)
        while True:
            try:
                async with contextlib.aclosing(self._exchange(source, window, attempts.remaining_s)) as answers:
                    async for answer in answers:
                        attempts.progress()
                        yield answer
            except grpc.aio.AioRpcError as error:
                failure = call_error(error, "")
            else:
                return
            if failure.concerns_image and window.unanswered:
                # One of them has ended the stream: each is sent by itself.
                for image in window.take_all():
                    yield await self._ask_alone(image)
            else:
                await self._rest(attempts, failure)

    async def _exchange(
        self, source: AsyncIterator[CardImage], window: Window, timeout_s: float | None
    ) -> AsyncGenerator[CardAnswer, None]:
        """Send what is unanswered, then the rest, over one stream."""
        outbox: asyncio.Queue[messages.RecognizeCardsRequest | None] = asyncio.Queue()
        for request in window.to_messages():
            outbox.put_nowait(request)
        call = self._stub.RecognizeCards(_drain(outbox), timeout=timeout_s, metadata=self._metadata)
        responses = aiter(call)
        try:
            while True:
                while not window.is_full and (image := await anext(source, None)) is not None:
                    outbox.put_nowait(window.add(image))
                if not window.unanswered:
                    break
                answer = window.read(await anext(responses, None))
                image = window.take(answer.request_id)
                # While the server has no room, this waits in a call of its own, and takes no answers: all slows down.
                yield await self._ask_alone(image) if answer.is_transient else answer
            outbox.put_nowait(None)
            await call.code()  # everything is answered; how the stream ends is no matter
        finally:
            outbox.put_nowait(None)  # a call that is over leaves its writer waiting
            call.cancel()

    async def _ask_alone(self, image: CardImage) -> CardAnswer:
        try:
            result = await self.recognize(image.data, require=image.require, request_id=image.request_id)
        except CallError as error:
            return CardAnswer(image.request_id, error=error)
        return CardAnswer(image.request_id, result=result)

    async def _call(
        self, method: Callable[..., Awaitable[ResponseT]], request: RequestT, timeout_s: float
    ) -> ResponseT:
        attempts = Attempts(self._retry, timeout_s)
        while True:
            try:
                return await method(request, timeout=attempts.remaining_s, metadata=self._metadata)
            except grpc.aio.AioRpcError as error:
                await self._rest(attempts, call_error(error, request.request_id))

    async def _rest(self, attempts: Attempts, failure: CallError) -> None:
        """Wait before the next attempt; without a connection, until there is one, else it would fail at once."""
        await asyncio.sleep(attempts.pause_s(failure))
        if failure.reason is ErrorReason.MODEL_UNAVAILABLE:
            with contextlib.suppress(grpc.aio.AioRpcError):  # the next attempt says what is wrong
                await self._check_health(b"", timeout=attempts.within_s(RECONNECT_S), wait_for_ready=True)
            attempts.check_time(failure)


async def _iterate(images: AsyncIterable[CardImage] | Iterable[CardImage]) -> AsyncIterator[CardImage]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for image in images:
            yield image


async def _drain(
    outbox: "asyncio.Queue[messages.RecognizeCardsRequest | None]",
) -> AsyncIterator[messages.RecognizeCardsRequest]:
    while (request := await outbox.get()) is not None:
        yield request
