"""What stands around every method of the service: failures become statuses, calls are named and recorded.

    errors → statuses, ids, records ─ keys, rates ────────────── intake ─ method
    CallInterceptor                   AuthenticationInterceptor  IntakeInterceptor

The intake makes every method one that is called with an iterator of requests; see front/intake.py.
"""

# The handler types are generic in their stubs only.
from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

import grpc
from google.protobuf.message import Message

from ktp_server.errors import ERROR_POLICIES, ErrorReason, RecognitionError, let_go, reportable_failure
from ktp_server.front.calls import REQUEST_ID_KEY, Context, name_call, open_record, request_id_of
from ktp_server.front.convert import status_from_error
from ktp_server.observability.record import follow_request

if TYPE_CHECKING:
    from ktp_server.observability.observer import Observer

__all__ = ["STATUS_DETAILS_KEY", "CallInterceptor", "ManyAnswers", "ServiceInterceptor", "SingleAnswer"]

STATUS_DETAILS_KEY = "grpc-status-details-bin"
"""Metadata key of google.rpc.Status. Source: gRPC, richer error model."""

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

SingleAnswer = Callable[[AsyncIterator[Message], Context], Awaitable[Message | None]]
ManyAnswers = Callable[[AsyncIterator[Message], Context], AsyncIterator[Message]]


class ServiceInterceptor(grpc.aio.ServerInterceptor, ABC):
    """Wraps the methods of one service; calls of others pass untouched."""

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
        return self.wrap(handler, handler_call_details.method.removeprefix(self._prefix))

    @abstractmethod
    def wrap(
        self, handler: grpc.RpcMethodHandler[RequestT, ResponseT], method: str
    ) -> grpc.RpcMethodHandler[RequestT, ResponseT]:
        """Give the handler that is called in place of a method's.

        Args:
            handler: `stream_stream`, or, outside of the intake, `stream_unary`.
            method: the method's name without the service.
        """


class CallInterceptor(ServiceInterceptor):
    """Stands outermost: names each call, records it, and turns whatever is raised into a status."""

    def __init__(self, service: str, observer: Observer) -> None:
        """Build the interceptor.

        Args:
            service: full name of the service.
            observer: gets the records.
        """
        super().__init__(service)
        self._observer = observer

    def wrap(
        self, handler: grpc.RpcMethodHandler[RequestT, ResponseT], method: str
    ) -> grpc.RpcMethodHandler[RequestT, ResponseT]:
        """See `ServiceInterceptor`."""
        # The type stubs describe handlers of the synchronous server; grpc.aio's take the same places.
        parse, serialize = handler.request_deserializer, handler.response_serializer
        if handler.stream_stream is not None:
            many = self._guard_many(cast("ManyAnswers", handler.stream_stream), method)
            return grpc.stream_stream_rpc_method_handler(many, parse, serialize)
        single = self._guard_single(cast("SingleAnswer", handler.stream_unary), method)
        return grpc.stream_unary_rpc_method_handler(single, parse, serialize)

    def _guard_single(self, call: SingleAnswer, method: str) -> SingleAnswer:
        async def guarded(requests: AsyncIterator[Message], context: Context) -> Message | None:
            name_call(context)
            with follow_request(self._observer, open_record(context, method, request_id_of(context))) as record:
                try:
                    return await call(requests, context)
                except asyncio.CancelledError as error:
                    # gRPC cancels a call whose deadline has passed, as it does one whose caller went away.
                    remaining_s = context.time_remaining()
                    if remaining_s is not None and remaining_s <= 0.0:
                        record.fail(ErrorReason.DEADLINE_EXCEEDED)
                    let_go(error)
                    raise
                except Exception as error:  # noqa: BLE001  # whatever happened must become a status
                    failure = reportable_failure(error)
                    record.fail(failure.reason)
                    await _abort(context, failure)
                    return None

        return guarded

    def _guard_many(self, call: ManyAnswers, method: str) -> ManyAnswers:
        async def guarded(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
            name_call(context)
            try:
                async for response in call(requests, context):
                    yield response
            except Exception as error:  # noqa: BLE001  # whatever happened must become a status
                failure = reportable_failure(error)
                # The items of a stream have records of their own.
                with follow_request(self._observer, open_record(context, method, request_id_of(context))) as record:
                    record.fail(failure.reason)
                await _abort(context, failure)

        return guarded


async def _abort(context: Context, failure: RecognitionError) -> None:
    """End a call; returns, so that the method does.

    gRPC keeps the exception by which it ends a call, and raises it once more when the method has returned. With a
    traceback, it would hold the method's variables, and these the call: a cycle.
    """
    request_id = request_id_of(context)
    status = status_from_error(failure, request_id)
    try:
        await context.abort(
            grpc.StatusCode[ERROR_POLICIES[failure.reason].grpc_code],
            failure.message,
            trailing_metadata=((REQUEST_ID_KEY, request_id), (STATUS_DETAILS_KEY, status.SerializeToString())),
        )
    except (grpc.aio.AbortError, grpc.aio.InternalError) as end:  # the latter: the caller has left meanwhile
        let_go(end)
