"""Lets calls in by their API key, as often as the key may."""

# The handler types are generic in their stubs only.
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

import grpc

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.security.rate_limits import RateLimits

if TYPE_CHECKING:
    from ktp_server.security.api_keys import ApiKey
    from ktp_server.security.key_file import Keyring

__all__ = ["AuthenticationInterceptor"]

KEY_HEADER = "x-api-key"
BEARER_HEADER = "authorization"
BEARER_PREFIX = "bearer "

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Context = grpc.aio.ServicerContext[RequestT, ResponseT]
Method = Callable[[AsyncIterator[RequestT], Context[RequestT, ResponseT]], Awaitable[ResponseT]]
StreamMethod = Callable[[AsyncIterator[RequestT], Context[RequestT, ResponseT]], AsyncIterator[ResponseT]]
Handler = grpc.RpcMethodHandler[RequestT, ResponseT]


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):
    """Asks calls of one service for a key; others, such as health and reflection, pass.

    It stands inside the interceptor that turns exceptions into statuses.
    """

    def __init__(
        self, service: str, keyring: Keyring, rate_limit_per_s: float | None = None, process_count: int = 1
    ) -> None:
        """Build the interceptor.

        Args:
            service: full name of the service.
            keyring: the keys that hold.
            rate_limit_per_s: images a second for keys that have no rate of their own; None for as many as they like.
            process_count: processes that serve together; each takes its share of every rate.
        """
        self._prefix = f"/{service}/"
        self._keyring = keyring
        self._rate_limit_per_s = rate_limit_per_s
        self._process_count = process_count
        self._limits = RateLimits()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler[RequestT, ResponseT] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler[RequestT, ResponseT] | None:
        """Put the check before a method; called by gRPC for each call.

        Every method of the service takes a stream of messages here, the unary ones too: a stranger is refused before
        the image has been waited for and taken into memory.
        """
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(self._prefix):
            return handler
        presented = _presented_key(handler_call_details)
        # The type stubs describe handlers of the synchronous server; grpc.aio's take the same places.
        if handler.stream_stream is not None:
            stream = cast("StreamMethod[RequestT, ResponseT]", handler.stream_stream)
            return grpc.stream_stream_rpc_method_handler(
                self._pace(stream, presented), handler.request_deserializer, handler.response_serializer
            )
        method = cast("Method[RequestT, ResponseT]", handler.stream_unary)
        return grpc.stream_unary_rpc_method_handler(
            self._charge(method, presented), handler.request_deserializer, handler.response_serializer
        )

    def _identify(self, presented: str) -> ApiKey:
        if not presented:
            raise RecognitionError(
                ErrorReason.UNAUTHENTICATED, "an API key is needed, as x-api-key or as authorization: Bearer"
            )
        key = self._keyring.find(presented)
        if key is None:
            raise RecognitionError(ErrorReason.UNAUTHENTICATED, "the API key is not known here")
        return key

    def _charge(self, method: Method[RequestT, ResponseT], presented: str) -> Method[RequestT, ResponseT]:
        async def charged(requests: AsyncIterator[RequestT], context: Context[RequestT, ResponseT]) -> ResponseT:
            if delay_s := self._spend(self._identify(presented)):
                raise RecognitionError(
                    ErrorReason.RATE_LIMITED, "the API key is used more often than it may be", retry_delay_s=delay_s
                )
            return await method(requests, context)

        return charged

    def _spend(self, key: ApiKey) -> float:
        rate_per_s = key.rate_per_s or self._rate_limit_per_s
        return 0.0 if rate_per_s is None else self._limits.spend(key.name, rate_per_s / self._process_count)

    def _pace(self, method: StreamMethod[RequestT, ResponseT], presented: str) -> StreamMethod[RequestT, ResponseT]:
        """Take a stream's images as fast as its key may: flow control slows the caller down, and nothing is refused.

        A key that is revoked meanwhile ends the stream, once what was taken before has been answered.
        """

        async def paced(
            requests: AsyncIterator[RequestT], context: Context[RequestT, ResponseT]
        ) -> AsyncIterator[ResponseT]:
            self._identify(presented)
            revoked: list[RecognitionError] = []

            async def taken() -> AsyncIterator[RequestT]:
                async for request in requests:
                    try:
                        while delay_s := self._spend(self._identify(presented)):  # noqa: ASYNC110  # a rate is time
                            await asyncio.sleep(delay_s)
                    except RecognitionError as error:
                        revoked.append(error)
                        return
                    yield request

            async for response in method(taken(), context):
                yield response
            if revoked:
                raise revoked[0]

        return paced


def _presented_key(details: grpc.HandlerCallDetails) -> str:
    """Give the key of a call; empty if it shows none."""
    metadata = {name: value for name, value in details.invocation_metadata or () if isinstance(value, str)}
    bearer = metadata.get(BEARER_HEADER, "")
    if bearer[: len(BEARER_PREFIX)].lower() != BEARER_PREFIX:
        bearer = ""
    return metadata.get(KEY_HEADER) or bearer[len(BEARER_PREFIX) :].strip()
