"""Streams beside our own service: watched health, reflection. Nothing ends them but their callers, or the drain."""

# The handler types are generic in their stubs only.
from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc

from ktp_server.front.calls import Context

__all__ = ["SideStreams"]

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Stream = Callable[[Any, Context], Awaitable[None] | AsyncIterator[Any]]
"""grpc.aio takes both: a coroutine that writes to the context, a generator of answers."""


class SideStreams(grpc.aio.ServerInterceptor):
    """Ends the streams of other services when it is told.

    Left to gRPC, each would hold the end of the server up for the whole grace, and be cut off with an error in the log.
    """

    def __init__(self, service: str) -> None:
        """Build the interceptor.

        Args:
            service: full name of the service whose streams end by themselves.
        """
        self._prefix = f"/{service}/"
        self._ending = asyncio.Event()

    def end(self) -> None:
        """End all that are open or will be opened, with UNAVAILABLE."""
        self._ending.set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[RequestT, ResponseT] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[RequestT, ResponseT] | None:
        """Wrap the method's handler if it streams; called by gRPC for each call."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(self._prefix) or not handler.response_streaming:
            return handler
        wrap: Any = grpc.unary_stream_rpc_method_handler
        stream: Any = handler.unary_stream
        if handler.request_streaming:
            wrap, stream = grpc.stream_stream_rpc_method_handler, handler.stream_stream
        wrapped: grpc.RpcMethodHandler[RequestT, ResponseT] = wrap(
            self._until_the_end(stream), handler.request_deserializer, handler.response_serializer
        )
        return wrapped

    def _until_the_end(self, stream: Stream) -> Callable[[Any, Context], Awaitable[None]]:
        async def stream_until_the_end(request: object, context: Context) -> None:
            streaming = asyncio.create_task(_stream(stream, request, context))
            ending = asyncio.create_task(self._ending.wait())
            try:
                await asyncio.wait({streaming, ending}, return_when=asyncio.FIRST_COMPLETED)
                if streaming.done():
                    return streaming.result()
                context.set_code(grpc.StatusCode.UNAVAILABLE)
                context.set_details("the server is shutting down")
            finally:
                streaming.cancel()
                ending.cancel()
                await asyncio.wait({streaming, ending})

        return stream_until_the_end


async def _stream(stream: Stream, request: object, context: Context) -> None:
    answers = stream(request, context)
    if inspect.isawaitable(answers):
        await answers
        return
    async for answer in answers:
        await context.write(answer)
