"""Turns exceptions into gRPC statuses, in one place for every method."""

# The handler types are generic in their stubs only.
from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NoReturn, TypeVar, cast

import grpc

from ktp_server.errors import ERROR_POLICIES, RecognitionError, reportable_failure
from ktp_server.front.convert import status_from_error

__all__ = ["STATUS_DETAILS_KEY", "ErrorInterceptor"]

STATUS_DETAILS_KEY = "grpc-status-details-bin"
"""Metadata key of google.rpc.Status. Source: gRPC, richer error model."""

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Context = grpc.aio.ServicerContext[RequestT, ResponseT]
UnaryMethod = Callable[[RequestT, Context[RequestT, ResponseT]], Awaitable[ResponseT]]
StreamMethod = Callable[[AsyncIterator[RequestT], Context[RequestT, ResponseT]], AsyncIterator[ResponseT]]


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Maps exceptions of the methods of one service; others pass untouched."""

    def __init__(self, service: str) -> None:
        """Build the interceptor.

        Args:
            service: full name of the service.
        """
        self._prefix = f"/{service}/"

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[RequestT, ResponseT] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[RequestT, ResponseT] | None:
        """Wrap the method's handler; called by gRPC for each call."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(self._prefix):
            return handler
        # The type stubs describe handlers of the synchronous server; grpc.aio's take the same places.
        if handler.stream_stream is not None:
            stream = _guard_stream(cast("StreamMethod[RequestT, ResponseT]", handler.stream_stream))
            return grpc.stream_stream_rpc_method_handler(
                stream,
                handler.request_deserializer,
                handler.response_serializer,
            )
        unary = _guard_unary(cast("UnaryMethod[RequestT, ResponseT]", handler.unary_unary))
        return grpc.unary_unary_rpc_method_handler(
            unary,
            handler.request_deserializer,
            handler.response_serializer,
        )


def _guard_unary(method: UnaryMethod[RequestT, ResponseT]) -> UnaryMethod[RequestT, ResponseT]:
    async def guarded(request: RequestT, context: Context[RequestT, ResponseT]) -> ResponseT:
        try:
            return await method(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever happened must become a status
            await _abort(context, reportable_failure(error))

    return guarded


def _guard_stream(method: StreamMethod[RequestT, ResponseT]) -> StreamMethod[RequestT, ResponseT]:
    async def guarded(
        requests: AsyncIterator[RequestT], context: Context[RequestT, ResponseT]
    ) -> AsyncIterator[ResponseT]:
        try:
            async for response in method(requests, context):
                yield response
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever happened must become a status
            await _abort(context, reportable_failure(error))

    return guarded


async def _abort(context: Context[RequestT, ResponseT], failure: RecognitionError) -> NoReturn:
    status = status_from_error(failure)
    await context.abort(
        grpc.StatusCode[ERROR_POLICIES[failure.reason].grpc_code],
        failure.message,
        trailing_metadata=((STATUS_DETAILS_KEY, status.SerializeToString()),),
    )
