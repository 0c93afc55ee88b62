"""Bodies of requests: bounded while they arrive, one by one in size and time, all together in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from ktp_server.errors import ErrorReason, RecognitionError

__all__ = ["BodyBuffer"]


class BodyBuffer:
    """Takes bodies in; used on one event loop only."""

    def __init__(self, limit_bytes: int, timeout_s: float) -> None:
        """Build the buffer.

        Args:
            limit_bytes: all bodies together.
            timeout_s: time for one body to arrive.
        """
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of the bodies that are being taken in or worked on."""
        return self._held_bytes

    @asynccontextmanager
    async def take(self, request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
        """Read a request's body; it counts as held until the context is left.

        What the header Content-Length promises can only refuse a body sooner: the bytes that come are counted.

        Args:
            request: whose body nobody has read.
            limit_bytes: the most that it may have.

        Raises:
            RecognitionError: IMAGE_TOO_LARGE, REQUEST_INVALID (too slow, or its caller went away), OVERLOADED.
        """
        promised = request.headers.get("content-length", "")
        if promised.isdecimal() and int(promised) > limit_bytes:
            raise _too_large(limit_bytes)
        chunks: list[bytes] = []
        held_bytes = 0
        try:
            async with asyncio.timeout(self._timeout_s):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    held_bytes += len(chunk)
                    self._held_bytes += len(chunk)
                    if held_bytes > limit_bytes:
                        raise _too_large(limit_bytes)
                    if self._held_bytes > self._limit_bytes:
                        raise RecognitionError(
                            ErrorReason.OVERLOADED, "the server holds as many requests as it can; try again shortly"
                        )
            body = b"".join(chunks)
            chunks.clear()
            yield body
        except TimeoutError:
            raise RecognitionError(
                ErrorReason.REQUEST_INVALID, f"the request's body did not arrive within {self._timeout_s:g} s"
            ) from None
        except ClientDisconnect:
            raise RecognitionError(ErrorReason.REQUEST_INVALID, "the caller went away") from None
        finally:
            self._held_bytes -= held_bytes


def _too_large(limit_bytes: int) -> RecognitionError:
    return RecognitionError(
        ErrorReason.IMAGE_TOO_LARGE, f"the request's body has more than {limit_bytes} bytes", "image"
    )
