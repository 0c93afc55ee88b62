"""How requests come in: refused before they are read where there is no room, read within a time, then parsed.

gRPC for Python reads and parses a request before it calls the method. A method that takes a stream is called at once,
and both look the same on the wire; so every method of one request is served as one that takes a stream of one.
"""

# The handler types are generic in their stubs only.
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.calls import Context
from ktp_server.front.interceptors import ManyAnswers, ServiceInterceptor, SingleAnswer

if TYPE_CHECKING:
    from ktp_server.front.admission import Admission

__all__ = ["IntakeInterceptor"]

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Method = Callable[[Message, Context], Awaitable[Message]]


class IntakeInterceptor(ServiceInterceptor):
    """Stands next to the methods; see the module."""

    def __init__(self, service: str, admission: Admission, upload_timeout_s: float) -> None:
        """Build the interceptor.

        Args:
            service: full name of the service.
            admission: asked for room before a call is read.
            upload_timeout_s: time for the request of a single call to arrive.
        """
        super().__init__(service)
        self._admission = admission
        self._upload_timeout_s = upload_timeout_s

    def wrap(
        self,
        handler: grpc.RpcMethodHandler[RequestT, ResponseT],
        method: str,  # noqa: ARG002  # the base class calls with it
    ) -> grpc.RpcMethodHandler[RequestT, ResponseT]:
        """See `ServiceInterceptor`; every handler is `stream_unary` or `stream_stream` from here on."""
        # The type stubs describe handlers of the synchronous server; grpc.aio's take the same places.
        parse = _refuse_what_fails(cast("Callable[[bytes], RequestT]", handler.request_deserializer))
        if handler.stream_stream is not None:
            many = self._take_in_many(cast("ManyAnswers", handler.stream_stream))
            return grpc.stream_stream_rpc_method_handler(many, parse, handler.response_serializer)
        single = self._take_in(cast("Method", handler.unary_unary))
        return grpc.stream_unary_rpc_method_handler(single, parse, handler.response_serializer)

    def _take_in(self, call: Method) -> SingleAnswer:
        async def take_in(requests: AsyncIterator[Message], context: Context) -> Message:
            with self._admission.hold_open():
                self._admission.check_room()
                return await call(await self._read_one(requests), context)

        return take_in

    def _take_in_many(self, call: ManyAnswers) -> ManyAnswers:
        async def take_in(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
            with self._admission.hold_stream():
                async for answer in call(requests, context):
                    yield answer

        return take_in

    async def _read_one(self, requests: AsyncIterator[Message]) -> Message:
        arriving = cast("AsyncGenerator[Message]", aiter(requests))
        try:
            # Left open, gRPC's generator would keep the request until the garbage collector comes by.
            async with asyncio.timeout(self._upload_timeout_s), aclosing(arriving):
                async for request in arriving:
                    return request
        except TimeoutError:
            raise RecognitionError(
                ErrorReason.DEADLINE_EXCEEDED, f"the request did not arrive within {self._upload_timeout_s:g} s"
            ) from None
        raise RecognitionError(ErrorReason.REQUEST_INVALID, "the call ended without a request")


def _refuse_what_fails(parse: Callable[[bytes], RequestT]) -> Callable[[bytes], RequestT]:
    def parse_or_refuse(data: bytes) -> RequestT:
        try:
            return parse(data)
        except DecodeError:
            raise RecognitionError(ErrorReason.REQUEST_INVALID, "the request is no valid protobuf message") from None

    return parse_or_refuse
