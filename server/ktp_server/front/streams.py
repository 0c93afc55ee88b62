"""One stream of requests: taken while there is room, worked on side by side, answered as they finish."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from ktp_server.errors import ErrorReason, RecognitionError, let_go

__all__ = ["AnswerStream"]

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class AnswerStream(Generic[RequestT, ResponseT]):
    """Answers one stream; used once."""

    def __init__(
        self,
        requests: AsyncIterator[RequestT],
        answer: Callable[[RequestT], Awaitable[ResponseT]],
        limit: int,
    ) -> None:
        """Bind a stream to what answers it.

        Args:
            requests: from the caller.
            answer: gives the answer to one; a failure is an answer, too, so it raises nothing.
            limit: requests that are in work, wait for it or wait to be taken by the caller. No further one is taken
                from the stream: a caller that sends fast or reads slowly fills gRPC's window, not our memory.
        """
        self._requests = requests
        self._answer = answer
        self._places = asyncio.Semaphore(limit)
        self._answers: asyncio.Queue[ResponseT | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._is_stopped = False

    async def answers(self) -> AsyncIterator[ResponseT]:
        """Give the answers as they come.

        Raises:
            RecognitionError: at the end, after what was taken is answered: a request could not be read, or the stream
                was stopped.
        """
        working = asyncio.create_task(self._work())
        try:
            while (response := await self._answers.get()) is not None:
                yield response
                self._places.release()
            await working
        finally:
            working.cancel()

    def stop(self) -> None:
        """Take no further request; the caller may send it again elsewhere."""
        self._is_stopped = True
        if self._reading is not None:
            self._reading.cancel()

    async def _work(self) -> None:
        failure: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                self._reading = asyncio.create_task(self._read(group))
                try:
                    await self._reading
                except asyncio.CancelledError:
                    if not self._is_stopped:
                        raise
                    failure = RecognitionError(
                        ErrorReason.MODEL_UNAVAILABLE, "the server is shutting down; send what is unanswered again"
                    )
                except Exception as error:  # noqa: BLE001  # raised below, when what came before it is answered
                    failure = error
        except asyncio.CancelledError as error:
            let_go(error)  # a group that is cancelled holds its own exception
            raise
        finally:
            self._answers.put_nowait(None)
        if failure is not None:
            raise failure

    async def _read(self, group: asyncio.TaskGroup) -> None:
        await self._places.acquire()
        async for request in self._requests:
            group.create_task(self._work_on(request))
            await self._places.acquire()

    async def _work_on(self, request: RequestT) -> None:
        self._answers.put_nowait(await self._answer(request))
