"""A small caller of a running server."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import grpc
from google.rpc import status_pb2

from ktp.ocr.v1 import ktp_ocr_service_pb2, ktp_ocr_service_pb2_grpc
from ktp_server.errors import RecognitionError
from ktp_server.front.convert import error_from_status, recognition_from_message
from ktp_server.front.interceptors import STATUS_DETAILS_KEY
from ktp_server.results import RecognitionResult

__all__ = ["KtpOcrClient", "connect", "failure_from_rpc_error"]

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message either way; the server's default limit."""


class KtpOcrClient:
    """Calls one server over one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ktp_ocr_service_pb2_grpc.KtpOcrServiceStub(channel)

    async def recognize(self, image: bytes, timeout_s: float, require: Collection[str] = ()) -> RecognitionResult:
        """Read the card in one image.

        Args:
            image: the image file.
            timeout_s: deadline, seconds from now.
            require: checks that must pass, by name.

        Raises:
            RecognitionError: the server's typed failure.
            grpc.aio.AioRpcError: the call failed on its way, such as with no server there.
        """
        request = ktp_ocr_service_pb2.RecognizeCardRequest(image=image, require=require)
        try:
            response = await self._stub.RecognizeCard(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            failure = failure_from_rpc_error(error)
            if failure is None:
                raise
            raise failure from error
        return recognition_from_message(response.recognition)


@asynccontextmanager
async def connect(target: str) -> AsyncIterator[KtpOcrClient]:
    """Open a channel without encryption.

    Args:
        target: host:port.
    """
    options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield KtpOcrClient(channel)


def failure_from_rpc_error(error: grpc.aio.AioRpcError) -> RecognitionError | None:
    """Read the server's typed failure out of a gRPC error.

    Returns:
        None when the error does not come from our server.
    """
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            return error_from_status(status_pb2.Status.FromString(value))
    return None
