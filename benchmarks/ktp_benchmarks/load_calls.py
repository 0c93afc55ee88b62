"""Callers of a running server: a number of them at a time, or so many calls a second whatever comes back."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages

if TYPE_CHECKING:
    Method = grpc.aio.UnaryUnaryMultiCallable[bytes, messages.RecognizeCardResponse]

__all__ = [
    "OK",
    "OVERLOADED",
    "RECOGNIZE",
    "CallOutcome",
    "Callers",
    "connect_callers",
    "open_channel",
    "percentile_ms",
]

OK = "OK"
OVERLOADED = "RESOURCE_EXHAUSTED"
CALL_TIMEOUT_S = 120.0
RECOGNIZE = "/ktp.ocr.v1.KtpOcrService/RecognizeCard"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What came of one call.

    Attributes:
        image: which of the images was sent.
        started_s: when, on the monotonic clock.
        latency_s: until the answer was there.
        code: name of the gRPC status code.
        recognition: the answer, None without one.
    """

    image: int
    started_s: float
    latency_s: float
    code: str
    recognition: messages.CardRecognition | None = None


class Callers:
    """Call one server with the images of a set, in turn."""

    def __init__(self, channels: Sequence[grpc.aio.Channel], images: Sequence[bytes]) -> None:
        """Bind channels to images.

        Args:
            channels: calls are spread over them.
            images: image files.
        """
        # Requests are made once: what callers take is taken from the server, which shares the machine with them.
        self._requests = [
            messages.RecognizeCardRequest(request_id=str(number), image=image).SerializeToString()
            for number, image in enumerate(images)
        ]
        self._methods = itertools.cycle([_bind(channel) for channel in channels])

    async def call(self, image: int) -> CallOutcome:
        """Send one image."""
        start_s = time.monotonic()
        try:
            answer = await next(self._methods)(self._requests[image], timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return CallOutcome(image, start_s, time.monotonic() - start_s, error.code().name)
        # An answer to another call is no answer.
        code = OK if answer.request_id == str(image) else "FOREIGN_ID"
        return CallOutcome(image, start_s, time.monotonic() - start_s, code, answer.recognition)

    async def call_each(self, numbers: Iterator[int], caller_count: int) -> list[CallOutcome]:
        """Send images by so many callers at a time, each waiting for its answer.

        Args:
            numbers: which images, until they are used up.
            caller_count: callers.
        """
        outcomes: list[CallOutcome] = []

        async def call_on() -> None:
            for number in numbers:
                outcome = await self.call(number)
                outcomes.append(outcome)

        await asyncio.gather(*[call_on() for _ in range(caller_count)])
        return outcomes

    async def call_for(self, duration_s: float, caller_count: int) -> list[CallOutcome]:
        """The same for so many seconds."""
        until_s = time.monotonic() + duration_s
        numbers = itertools.takewhile(lambda _: time.monotonic() < until_s, self._turns())
        return await self.call_each(numbers, caller_count)

    async def call_at_rate(self, rate_per_s: float, duration_s: float) -> list[CallOutcome]:
        """Send images at a rate, however many calls are still open."""
        start_s = time.monotonic()
        calls: list[asyncio.Task[CallOutcome]] = []
        for count, number in enumerate(self._turns()):
            due_s = start_s + count / rate_per_s
            if due_s >= start_s + duration_s:
                break
            await asyncio.sleep(max(due_s - time.monotonic(), 0.0))
            calls.append(asyncio.create_task(self.call(number)))
        return await asyncio.gather(*calls)

    def _turns(self) -> Iterator[int]:
        return itertools.cycle(range(len(self._requests)))


@asynccontextmanager
async def connect_callers(target: str, images: Sequence[bytes], channel_count: int = 4) -> AsyncIterator[Callers]:
    """Open connections of their own to a server."""
    channels = [open_channel(target) for _ in range(channel_count)]
    try:
        yield Callers(channels, images)
    finally:
        for channel in channels:
            await channel.close()


def open_channel(target: str) -> grpc.aio.Channel:
    """Open a connection that is shared with no other channel."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
    return grpc.aio.insecure_channel(target, options=options)


def _bind(channel: grpc.aio.Channel) -> "Method":
    """Give the method that takes a request as bytes."""
    return channel.unary_unary(RECOGNIZE, response_deserializer=messages.RecognizeCardResponse.FromString)


def percentile_ms(outcomes: Sequence[CallOutcome], code: str, share: float) -> float:
    """Give a percentile of the latencies of the calls that ended with a code; 0 without such calls."""
    latencies_s = sorted(outcome.latency_s for outcome in outcomes if outcome.code == code)
    return 1e3 * latencies_s[int(share * (len(latencies_s) - 1))] if latencies_s else 0.0
