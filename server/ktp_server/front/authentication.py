"""Lets calls in by their API key, as often as the key may.

It stands between what reports errors and the intake, so that a stranger is refused before his image has been waited for
and taken into memory.
"""

# The handler types are generic in their stubs only.
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, cast

import grpc

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.interceptors import ManyAnswers, ServiceInterceptor, SingleAnswer
from ktp_server.security.rate_limits import RateLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    from ktp_server.front.calls import Context
    from ktp_server.security.api_keys import ApiKey
    from ktp_server.security.key_file import Keyring

__all__ = ["AuthenticationInterceptor"]

KEY_HEADER = "x-api-key"
BEARER_HEADER = "authorization"
BEARER_SCHEME = "bearer"

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class AuthenticationInterceptor(ServiceInterceptor):
    """Asks calls of one service for a key; others, such as health and reflection, pass."""

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
        super().__init__(service)
        self._keyring = keyring
        self._rate_limit_per_s = rate_limit_per_s
        self._process_count = process_count
        self._limits = RateLimits()

    def wrap(
        self,
        handler: grpc.RpcMethodHandler[RequestT, ResponseT],
        method: str,  # noqa: ARG002  # every method asks alike
    ) -> grpc.RpcMethodHandler[RequestT, ResponseT]:
        """See `ServiceInterceptor`."""
        # The type stubs describe handlers of the synchronous server; grpc.aio's take the same places.
        parse, serialize = handler.request_deserializer, handler.response_serializer
        if handler.stream_stream is not None:
            many = self._pace(cast("ManyAnswers", handler.stream_stream))
            return grpc.stream_stream_rpc_method_handler(many, parse, serialize)
        single = self._charge(cast("SingleAnswer", handler.stream_unary))
        return grpc.stream_unary_rpc_method_handler(single, parse, serialize)

    def _charge(self, call: SingleAnswer) -> SingleAnswer:
        async def charged(requests: AsyncIterator[Message], context: Context) -> Message | None:
            if delay_s := self._spend(self._identify(context)):
                raise RecognitionError(
                    ErrorReason.RATE_LIMITED, "the API key is used more often than it may be", retry_delay_s=delay_s
                )
            return await call(requests, context)

        return charged

    def _pace(self, call: ManyAnswers) -> ManyAnswers:
        """Take a stream's images as fast as its key may: flow control slows the caller down, and nothing is refused.

        A key that is revoked meanwhile ends the stream, once what was taken before has been answered.
        """

        async def paced(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
            self._identify(context)
            revoked: list[RecognitionError] = []

            async def take() -> AsyncIterator[Message]:
                async for request in requests:
                    try:
                        while delay_s := self._spend(self._identify(context)):  # noqa: ASYNC110  # a rate is time
                            await asyncio.sleep(delay_s)
                    except RecognitionError as error:
                        revoked.append(error)
                        return
                    yield request

            async for response in call(take(), context):
                yield response
            if revoked:
                raise revoked[0]

        return paced

    def _identify(self, context: Context) -> ApiKey:
        presented = _presented_key(context)
        if not presented:
            raise RecognitionError(
                ErrorReason.UNAUTHENTICATED, "an API key is needed, as x-api-key or as authorization: Bearer"
            )
        key = self._keyring.find(presented)
        if key is None:
            raise RecognitionError(ErrorReason.UNAUTHENTICATED, "the API key is not known here")
        return key

    def _spend(self, key: ApiKey) -> float:
        rate_per_s = key.rate_per_s or self._rate_limit_per_s
        return 0.0 if rate_per_s is None else self._limits.spend(key.name, rate_per_s / self._process_count)


def _presented_key(context: Context) -> str:
    """Give the key that a call shows; empty if it shows none."""
    metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
    scheme, _, bearer = metadata.get(BEARER_HEADER, "").partition(" ")
    return metadata.get(KEY_HEADER) or (bearer.strip() if scheme.lower() == BEARER_SCHEME else "")
