"""Around every request: an id, headers for browsers, an answer whatever happens, one event for the observer."""

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktp_server.errors import ErrorReason, RecognitionError, reportable_failure
from ktp_server.gateway.callers import REQUEST_ID_HEADER, request_id_of
from ktp_server.gateway.card_api import render_failure
from ktp_server.gateway.desk import failure_response
from ktp_server.observability.observer import HttpFacts, Observer

__all__ = ["Envelope"]

DEFAULT_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""For answers that have none of their own. Source: OWASP REST Security Cheat Sheet."""

LINGER_S = 5.0
"""How long the rest of a refused body is thrown away after the answer. Closing a connection with unread bytes resets
it, and a caller that sends all before it reads would lose the answer. Source: nginx, lingering_timeout."""

LAST_MESSAGE: Message = {"type": "http.response.body", "body": b"", "more_body": False}

UNKNOWN_ROUTE = "unknown"


class Envelope:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        """Build the middleware.

        Args:
            app: what answers.
            observer: is told of each answer.
        """
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started_s = time.perf_counter()
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id_of(headers)
        body = _BodyWatch(headers, receive)
        status = 0

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = 0 if body.is_abandoned else message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in {**DEFAULT_HEADERS, REQUEST_ID_HEADER: state["request_id"]}.items():
                    answer.setdefault(name, value)
                if not body.is_complete:
                    answer["Connection"] = "close"
            elif not body.is_complete and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await body.discard()
                message = LAST_MESSAGE
            await send(message)

        try:
            await self._app(scope, body.receive, send_dressed)
        # uvicorn would log an exception with its message, which may quote a card.
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            failure = _failure_of(error)
            if not status:
                response = failure_response(failure, render_failure(failure, state["request_id"]))
                await response(scope, body.receive, send_dressed)
        finally:
            client = scope.get("client")
            self._observer.http_answered(
                HttpFacts(
                    method=scope["method"],
                    route=getattr(scope.get("route"), "path", UNKNOWN_ROUTE),
                    status=status,
                    duration_s=time.perf_counter() - started_s,
                    peer=client[0] if client else "",
                    request_id=state["request_id"],
                )
            )


def _failure_of(error: Exception | asyncio.CancelledError) -> RecognitionError:
    if isinstance(error, asyncio.CancelledError):  # only the end of a drain's grace cancels a request
        return RecognitionError(ErrorReason.MODEL_UNAVAILABLE, "the server is stopping; try again shortly")
    return reportable_failure(error)


class _BodyWatch:
    """Knows whether a request's body has been read to its end, and whether its caller has left."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._awaits_permission = headers.get("expect", "").lower() == "100-continue"
        self.is_abandoned = False
        self.is_complete = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"

    async def receive(self) -> Message:
        self._awaits_permission = False
        message = await self._receive()
        self.is_abandoned = self.is_abandoned or message["type"] == "http.disconnect"
        if not message.get("more_body", False):
            self.is_complete = True
        return message

    async def discard(self) -> None:
        """Throw away what comes for a while; a caller that asked before sending sends nothing."""
        if self._awaits_permission:
            return
        try:
            async with asyncio.timeout(LINGER_S):
                while not self.is_complete:
                    await self.receive()
        except TimeoutError:
            pass
