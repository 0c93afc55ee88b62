"""The gRPC service behind the gateway."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
from grpc_health.v1 import health_pb2

from ktp.ocr.v1 import ktp_ocr_service_pb2, ktp_ocr_service_pb2_grpc
from ktp_server.client import failure_from_rpc_error
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.callers import Metadata
from ktp_server.gateway.uploads import Upload

__all__ = ["Target", "Upstream", "open_upstream"]

RECONNECT_MS = 2000
"""Longest wait before a lost server is tried again; gRPC's own, two minutes, would keep a gateway unready that long."""

HEALTH_TIMEOUT_S = 2.0

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to call.

    Attributes:
        address: host:port, or unix:PATH.
        ca: PEM file of authorities that may vouch for it; None speaks without encryption.
        certificate: PEM file of the gateway's own certificate, for servers that ask for one.
        key: PEM file of its private key.
        asks_for_keys: whether it is known to turn away callers without an API key.
    """

    address: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    asks_for_keys: bool = False


class Upstream:
    """Calls the service; failures come as the server's own.

    Attributes:
        asks_for_keys: see `Target`.
    """

    def __init__(self, channel: grpc.aio.Channel, timeout_s: float, *, asks_for_keys: bool) -> None:
        """Build the caller.

        Args:
            channel: to the server.
            timeout_s: deadline of each call, seconds from its start.
            asks_for_keys: see `Target`.
        """
        self.asks_for_keys = asks_for_keys
        self._service = ktp_ocr_service_pb2_grpc.KtpOcrServiceStub(channel)
        self._check_health = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        self._timeout_s = timeout_s

    async def recognize(self, upload: Upload, metadata: Metadata) -> ktp_ocr_service_pb2.RecognizeCardResponse:
        """Read the card in an image.

        Raises:
            RecognitionError: the service's failure, or MODEL_UNAVAILABLE where none can be reached.
        """
        message = ktp_ocr_service_pb2.RecognizeCardRequest(
            request_id=upload.request_id, image=upload.image, require=upload.require
        )
        return await _typed(self._service.RecognizeCard(message, timeout=self._timeout_s, metadata=metadata))

    async def assess(self, upload: Upload, metadata: Metadata) -> ktp_ocr_service_pb2.AssessQualityResponse:
        """Check an image without reading it.

        Raises:
            RecognitionError: as `recognize`.
        """
        message = ktp_ocr_service_pb2.AssessQualityRequest(request_id=upload.request_id, image=upload.image)
        return await _typed(self._service.AssessQuality(message, timeout=self._timeout_s, metadata=metadata))

    async def is_ready(self) -> bool:
        """Ask the server's health whether it serves."""
        try:
            answer = await self._check_health(health_pb2.HealthCheckRequest(), timeout=HEALTH_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def open_upstream(target: Target, message_limit_bytes: int, timeout_s: float) -> AsyncIterator[Upstream]:
    """Connect to the service, as soon as it is there.

    Args:
        target: where it is.
        message_limit_bytes: largest message, either way.
        timeout_s: deadline of each call.

    Raises:
        OSError: a PEM file cannot be read.
    """
    options = [
        ("grpc.max_receive_message_length", message_limit_bytes),
        ("grpc.max_send_message_length", message_limit_bytes),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
    ]
    if target.ca is None:
        channel = grpc.aio.insecure_channel(target.address, options=options)
    else:
        credentials = grpc.ssl_channel_credentials(
            *(_read(path) for path in (target.ca, target.key, target.certificate))
        )
        channel = grpc.aio.secure_channel(target.address, credentials, options=options)
    async with channel:
        yield Upstream(channel, timeout_s, asks_for_keys=target.asks_for_keys)


async def _typed(call: Awaitable[AnswerT]) -> AnswerT:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        failure = failure_from_rpc_error(error) or _failure_on_the_way(error)
        if failure is None:
            raise
        raise failure from None


def _failure_on_the_way(error: grpc.aio.AioRpcError) -> RecognitionError | None:
    """What a call that no server of ours has answered means to the caller; None where nobody foresaw it."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return RecognitionError(ErrorReason.MODEL_UNAVAILABLE, "the service cannot be reached; try again shortly")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return RecognitionError(ErrorReason.DEADLINE_EXCEEDED, "the deadline passed before the image was read")
        case grpc.StatusCode.UNAUTHENTICATED:
            return RecognitionError(ErrorReason.UNAUTHENTICATED, "the caller is not known")
        case _:
            return None


def _read(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
