"""What stands around the methods, where a real connection would need luck to show it."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import Message

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.interceptors import CallInterceptor, SingleAnswer
from ktp_server.observability.observer import SilentObserver

if TYPE_CHECKING:
    from ktp_server.front.calls import Context


async def refuse(_: AsyncIterator[Message], __: object) -> Message:
    raise RecognitionError(ErrorReason.OVERLOADED, "no room")


async def test_a_caller_who_has_left_when_he_is_refused_is_no_fault_of_ours() -> None:
    async def abort(*_: object, **__: object) -> None:
        raise grpc.aio.InternalError("ExecuteBatchError")

    context = SimpleNamespace(
        abort=abort,
        invocation_metadata=tuple,
        set_trailing_metadata=lambda _: None,
        trailing_metadata=lambda: (("x-request-id", "1"),),
        peer=lambda: "ipv4:127.0.0.1:1",
    )
    method: Any = grpc.stream_unary_rpc_method_handler(cast("Any", refuse))
    handler = CallInterceptor("service", SilentObserver()).wrap(method, "Method")
    guarded = cast("SingleAnswer", handler.stream_unary)
    assert await guarded(cast("AsyncIterator[Message]", iter(())), cast("Context", context)) is None
