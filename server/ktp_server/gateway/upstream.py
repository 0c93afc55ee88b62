"""The gRPC service behind the gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
from grpc_health.v1 import health_pb2

from ktp.ocr.v1 import ktp_ocr_service_pb2, ktp_ocr_service_pb2_grpc
from ktp_server.client import Endpoint, failure_from_rpc_error, failure_on_the_way
from ktp_server.client.endpoint import HEALTH_CHECK
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.callers import Metadata
from ktp_server.gateway.uploads import Upload

__all__ = ["Target", "Upstream", "open_upstream"]

HEALTH_TIMEOUT_S = 2.0

PAUSES_S = (0.1, 0.3)
"""Before each further attempt at a server that cannot be reached. One made at once could take the connection that has
just broken: for some milliseconds gRPC has not noticed."""

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to call.

    Attributes:
        endpoint: where it is, and what the gateway shows it; callers' keys are handed on, it has none of its own.
        asks_for_keys: whether it turns away callers without an API key; None where nobody knows.
    """

    endpoint: Endpoint
    asks_for_keys: bool | None = None


class Upstream:
    """Calls the service; failures come as the server's own.

    Attributes:
        asks_for_keys: see `Target`.
    """

    def __init__(self, channel: grpc.aio.Channel, timeout_s: float, *, asks_for_keys: bool | None) -> None:
        """Build the caller.

        Args:
            channel: to the server.
            timeout_s: deadline of each call, seconds from its start.
            asks_for_keys: see `Target`.
        """
        self.asks_for_keys = asks_for_keys
        self._service = ktp_ocr_service_pb2_grpc.KtpOcrServiceStub(channel)
        self._check_health = channel.unary_unary(
            HEALTH_CHECK,
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        self._timeout_s = timeout_s

    async def admit(self, metadata: Metadata) -> None:
        """Have the service look at a caller's key, before anything else of him is read.

        A stream without requests does that and nothing more: it counts for no rate and takes no place.

        Raises:
            RecognitionError: UNAUTHENTICATED, or as of `recognize`.
        """
        if self.asks_for_keys is not False:
            await _ask(lambda: self._open_empty_stream(metadata))

    async def recognize(self, upload: Upload, metadata: Metadata) -> ktp_ocr_service_pb2.RecognizeCardResponse:
        """Read the card in an image.

        Raises:
            RecognitionError: the service's failure, or MODEL_UNAVAILABLE where none can be reached.
        """
        message = ktp_ocr_service_pb2.RecognizeCardRequest(
            request_id=upload.request_id, image=upload.image, require=upload.require
        )
        return await _ask(lambda: self._service.RecognizeCard(message, timeout=self._timeout_s, metadata=metadata))

    async def assess(self, upload: Upload, metadata: Metadata) -> ktp_ocr_service_pb2.AssessQualityResponse:
        """Check an image without reading it.

        Raises:
            RecognitionError: as of `recognize`.
        """
        message = ktp_ocr_service_pb2.AssessQualityRequest(request_id=upload.request_id, image=upload.image)
        return await _ask(lambda: self._service.AssessQuality(message, timeout=self._timeout_s, metadata=metadata))

    async def is_ready(self) -> bool:
        """Ask the server's health whether it serves."""
        try:
            answer = await self._check_health(health_pb2.HealthCheckRequest(), timeout=HEALTH_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def _open_empty_stream(self, metadata: Metadata) -> None:
        call = self._service.RecognizeCards(iter(()), timeout=self._timeout_s, metadata=metadata)
        # Reading the stream could cancel this very task: gRPC does so where a stream breaks while it is being closed.
        code = await call.code()
        if code is not grpc.StatusCode.OK:
            trailing = await call.trailing_metadata()
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, await call.details())


@asynccontextmanager
async def open_upstream(target: Target, message_limit_bytes: int, timeout_s: float) -> AsyncIterator[Upstream]:
    """Connect to the service, as soon as it is there.

    Args:
        target: where it is.
        message_limit_bytes: largest message from it.
        timeout_s: deadline of each call.

    Raises:
        OSError: a PEM file cannot be read.
    """
    async with target.endpoint.open_channel(message_limit_bytes) as channel:
        yield Upstream(channel, timeout_s, asks_for_keys=target.asks_for_keys)


class _NoAnswerError(RecognitionError):
    """No server has answered: it is away, or the connection broke."""


async def _ask(call: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """Call the service; again where a connection broke, as the next one may lead to another server."""
    for pause_s in PAUSES_S:
        with contextlib.suppress(_NoAnswerError):
            return await _typed(call())
        await asyncio.sleep(pause_s)
    return await _typed(call())


async def _typed(call: Awaitable[AnswerT]) -> AnswerT:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        told = failure_from_rpc_error(error)
        if told is not None:
            raise told from None
        failure = failure_on_the_way(error)
        if failure is None:
            raise
        if failure.reason is ErrorReason.MODEL_UNAVAILABLE:
            raise _NoAnswerError(failure.reason, failure.message) from None
        raise failure from None
