"""HTTP connections that nobody can hold open for nothing: their number and every wait are bounded."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ConnectionLimits", "bounded_protocol"]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of connections.

    Attributes:
        count: connections at a time.
        timeout_s: time for a request's head to arrive, and for a caller to take what was sent.
    """

    count: int
    timeout_s: float


def bounded_protocol(limits: ConnectionLimits) -> type[H11Protocol]:
    """Make uvicorn's protocol with bounds; a request's body has its own, see `bodies`.

    Args:
        limits: the bounds.
    """

    class BoundedProtocol(_CuttingProtocol):
        """One connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            """Let a connection in, or close it at once."""
            super().connection_made(transport)
            self._waiting = _Countdown(limits.timeout_s, transport.abort)
            self._stalled = _Countdown(limits.timeout_s, transport.abort)
            if len(self.connections) > limits.count:
                transport.abort()
            else:
                self._waiting.start()

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget the connection."""
            super().connection_lost(exc)
            self._waiting.stop()
            self._stalled.stop()

        def data_received(self, data: bytes) -> None:
            """Take bytes."""
            super().data_received(data)
            self._watch_head()

        def pause_writing(self) -> None:
            """The caller takes nothing: not for long."""
            super().pause_writing()
            self._stalled.start()

        def resume_writing(self) -> None:
            """The caller takes bytes again."""
            super().resume_writing()
            self._stalled.stop()

        def timeout_keep_alive_handler(self) -> None:
            """Close an idle connection, whether or not its caller takes the last bytes."""
            super().timeout_keep_alive_handler()
            self._stalled.start()

        def _watch_head(self) -> None:
            """Run the clock from a request's first byte until its head is complete; uvicorn ends idle connections."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._waiting.stop()
            elif not self.transport.is_closing():
                self._waiting.start()

    return BoundedProtocol


class _CuttingProtocol(H11Protocol):
    """Answers what is no HTTP once.

    What answers the request that it began with is told that the caller has left; it would send into a connection that
    has been answered, and fail.
    """

    def send_400_response(self, msg: str) -> None:
        """Refuse what came."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        super().send_400_response(msg)


class _Countdown:
    """Does something when a time has passed, unless it is stopped before."""

    def __init__(self, duration_s: float, action: Callable[[], None]) -> None:
        self._duration_s = duration_s
        self._action = action
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; one that runs goes on as it is."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._duration_s, self._action)

    def stop(self) -> None:
        """Forget it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
