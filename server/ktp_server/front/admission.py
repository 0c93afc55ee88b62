"""Bounded work: an image is accepted only while there is room for it, and refused at once otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

from ktp_server.errors import ErrorReason, RecognitionError

__all__ = ["Admission"]


class Admission:
    """Counts images in work; used on the event loop only."""

    def __init__(self, limit: int) -> None:
        """Build the gate.

        Args:
            limit: images in work at a time.
        """
        self._limit = limit
        self._count = 0

    @property
    def in_flight_count(self) -> int:
        """Images in work."""
        return self._count

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for one image.

        Raises:
            RecognitionError: OVERLOADED, at once, when every place is taken.
        """
        if self._count >= self._limit:
            raise RecognitionError(
                ErrorReason.OVERLOADED, "the server has as much work as it accepts; try again shortly"
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
