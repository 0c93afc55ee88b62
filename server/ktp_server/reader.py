"""What the fronts need of the pipeline: the service, the command line and the tests know this much of it."""

from collections.abc import Collection
from typing import Protocol

from ktp_server.results import AssessmentResult, RecognitionResult

__all__ = ["CardReader"]


class CardReader(Protocol):
    """Reads cards; arguments and errors as in `pipeline.Pipeline`."""

    @property
    def available(self) -> bool:
        """Whether it can read now: its models can be reached."""
        ...

    async def recognize(
        self, data: bytes, deadline_s: float | None = None, require: Collection[str] = ()
    ) -> RecognitionResult:
        """Read the card in an image."""
        ...

    async def assess_quality(self, data: bytes, deadline_s: float | None = None) -> AssessmentResult:
        """Check an image without reading its text."""
        ...
