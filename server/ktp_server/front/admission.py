"""Bounded work: what is let in, what waits, what is refused at once.

Single calls and streams have places of their own, so that neither takes the other's. A single call that finds no place
is refused at once: its caller knows best what to do with the time. An item of a stream waits, and with it the stream.

A call has its place when its request has arrived; requests that arrive and streams hold memory, too, so calls that are
open are counted as well. Streams may be half of them: one that sends nothing stays open as long as its caller likes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NoReturn

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.observability.observer import ADMISSION, Observer, SilentObserver

__all__ = ["Admission"]


class Admission:
    """Counts images in work; used on the event loop only."""

    def __init__(self, limit: int, bulk_limit: int, open_limit: int, observer: Observer | None = None) -> None:
        """Build the gate.

        Args:
            limit: images of single calls in work at a time.
            bulk_limit: images of streams in work at a time.
            open_limit: calls open at a time, whether their requests are in work or still arrive.
            observer: is told what is in work and what is refused.
        """
        self._limit = limit
        self._open_limit = open_limit
        self._open_count = self._stream_count = self._single_count = 0
        self._bulk_places = asyncio.Semaphore(bulk_limit)
        self._count = 0
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._observer = observer or SilentObserver()

    @property
    def in_flight_count(self) -> int:
        """Images in work."""
        return self._count

    @property
    def open_count(self) -> int:
        """Calls that are open."""
        return self._open_count

    def close(self) -> None:
        """Let no further call in; what is in work goes on."""
        self._is_closed = True

    async def idle(self) -> None:
        """Wait until no image is in work."""
        await self._idle.wait()

    def check_room(self) -> None:
        """Refuse a single call that would find no place; takes none.

        Raises:
            RecognitionError: OVERLOADED.
        """
        if self._single_count >= self._limit:
            self._refuse("the server has as much work as it accepts; try again shortly")

    @contextmanager
    def hold_open(self) -> Iterator[None]:
        """Count a call, single or stream, as open.

        Raises:
            RecognitionError: MODEL_UNAVAILABLE once the gate is closed; OVERLOADED, at once, when too many are open.
        """
        if self._is_closed:
            raise RecognitionError(ErrorReason.MODEL_UNAVAILABLE, "the server is shutting down; try another one")
        if self._open_count >= self._open_limit:
            self._refuse("the server has as many open calls as it accepts; try again shortly")
        self._open_count += 1
        try:
            yield
        finally:
            self._open_count -= 1

    @contextmanager
    def hold_stream(self) -> Iterator[None]:
        """Count a stream as an open call; errors as in `hold_open`."""
        with self.hold_open():
            if self._stream_count >= max(self._open_limit // 2, 1):
                self._refuse("the server has as many open streams as it accepts; try again shortly")
            self._stream_count += 1
            try:
                yield
            finally:
                self._stream_count -= 1

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for the image of a single call.

        Raises:
            RecognitionError: OVERLOADED, at once, when every place is taken.
        """
        self.check_room()
        self._single_count += 1
        try:
            with self._hold_place():
                yield
        finally:
            self._single_count -= 1

    @asynccontextmanager
    async def admit_bulk(self) -> AsyncIterator[None]:
        """Wait for a place for an image of a stream, first come, first served, and hold it."""
        async with self._bulk_places:
            with self._hold_place():
                yield

    def _refuse(self, why: str) -> NoReturn:
        self._observer.work_refused(ADMISSION)
        raise RecognitionError(ErrorReason.OVERLOADED, why)

    @contextmanager
    def _hold_place(self) -> Iterator[None]:
        self._count += 1
        self._idle.clear()
        self._observer.in_flight_changed(self._count)
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._idle.set()
            self._observer.in_flight_changed(self._count)
