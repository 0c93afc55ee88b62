"""Requests of one shape go to a Triton server side by side.

Triton's batcher joins neighbours in its queue only, and the lines of many cards come in several widths, mixed. So few
groups of requests are under way at a time, each of one shape; the others wait here, where they find their like:

    96 160 224 96 160 224 96 160 224  ──▶  96 96 96 │ 160 160 160 │ 224 224 224
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ktp_server.engines.port import current_priority

__all__ = ["ShapeTurns"]

Shape = tuple[int, ...]
GROUPS_AHEAD_COUNT = 1
"""Groups beyond those that can run: one waits at the server, so that no instance waits for the wire."""


@dataclass(slots=True, eq=False)
class _Group:
    """Requests of one shape that are under way; it takes more until it fills a batch."""

    shape: Shape
    item_count: int = 0
    request_count: int = 0


@dataclass(slots=True, eq=False)
class _Request:
    shape: Shape
    item_count: int
    urgency: int
    goes: asyncio.Future[None]
    group: _Group | None = None


class ShapeTurns:
    """The requests to one model of one server; used on the event loop only."""

    def __init__(self, max_batch_size: int) -> None:
        """Let one execution run at a time, until `set_instance_count` says otherwise.

        Args:
            max_batch_size: items that one execution takes.
        """
        self._max_batch_size = max_batch_size
        self._group_limit = 1 + GROUPS_AHEAD_COUNT
        self._waiting: deque[_Request] = deque()
        self._groups: list[_Group] = []

    def set_instance_count(self, count: int) -> None:
        """Tell how many executions the server runs at a time."""
        self._group_limit = count + GROUPS_AHEAD_COUNT
        self._admit()

    @asynccontextmanager
    async def turn(self, shape: Shape, item_count: int, deadline_s: float | None) -> AsyncIterator[None]:
        """Wait for a request's turn; the request is under way while the context is open.

        Args:
            shape: extents of one item of its inputs.
            item_count: its items.
            deadline_s: moment on the monotonic clock after which it is of no use; None for no limit.

        Raises:
            TimeoutError: the deadline passed before its turn.
        """
        goes: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = _Request(shape, item_count, current_priority().value, goes)
        self._waiting.append(request)
        self._admit()
        try:
            async with asyncio.timeout_at(deadline_s):
                await goes
            yield
        finally:
            self._end(request)

    def _admit(self) -> None:
        """Let go whoever fits into the newest group, and open new ones, the most urgent and the oldest first."""
        while self._waiting:
            if self._groups:
                self._fill(self._groups[-1])
            if not self._waiting or len(self._groups) >= self._group_limit:
                return
            first = min(self._waiting, key=lambda request: request.urgency)
            self._groups.append(_Group(first.shape))
            self._waiting.remove(first)
            self._let_go(first, self._groups[-1])

    def _fill(self, group: _Group) -> None:
        for request in [request for request in self._waiting if request.shape == group.shape]:
            if group.item_count + request.item_count > self._max_batch_size:
                return
            self._waiting.remove(request)
            self._let_go(request, group)

    def _let_go(self, request: _Request, group: _Group) -> None:
        group.item_count += request.item_count
        group.request_count += 1
        request.group = group
        if not request.goes.done():
            request.goes.set_result(None)

    def _end(self, request: _Request) -> None:
        group = request.group
        if group is None:
            self._waiting.remove(request)
            return
        group.request_count -= 1
        if group.request_count == 0:
            self._groups.remove(group)
            self._admit()
