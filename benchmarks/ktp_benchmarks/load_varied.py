"""Requests of every kind, good, bad and taken back, and what they leave behind in the server's memory."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import cv2
import grpc
import numpy as np

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp_benchmarks.checks import Check, at_most
from ktp_benchmarks.load_calls import CALL_TIMEOUT_S, RECOGNIZE, open_channel
from ktp_benchmarks.server_memory import watch_memory
from ktp_benchmarks.server_process import run_server_process

__all__ = ["measure_varied"]

SEED = 7600
IN_WORK = 4
ASSESS = "/ktp.ocr.v1.KtpOcrService/AssessQuality"
KINDS = {"card": 10, "assess": 10, "resized": 5, "cut": 15, "noise": 20, "tiny": 15, "id": 10, "broken": 10, "back": 5}
"""How often each kind comes, in per cent."""


@dataclass(frozen=True, slots=True)
class VariedCall:
    """One call.

    Attributes:
        method: path of the method.
        body: the request as bytes, whole or broken.
        patience_s: after how long the caller takes it back; None for never.
    """

    method: str
    body: bytes
    patience_s: float | None = None

    async def send(self, channel: grpc.aio.Channel) -> str:
        """Call; give the name of the status code."""
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(self.method)
        call = method(self.body, timeout=CALL_TIMEOUT_S)
        if self.patience_s is not None:
            await asyncio.sleep(self.patience_s)
            call.cancel()
        return (await call.code()).name


async def measure_varied(images: Sequence[bytes], call_count: int) -> list[Check]:
    """Send requests of every kind and watch the server's memory.

    What is compared is its mean over a tenth of the calls, see `watch_memory`.

    Args:
        images: image files.
        call_count: calls; the first tenth warms up.
    """
    codes: Counter[str] = Counter()
    calls = vary_calls(images, call_count)
    tenth = call_count // 10
    with run_server_process() as server:
        async with open_channel(server.target) as channel:

            async def call_on(some: Iterator[VariedCall]) -> None:
                for call in some:
                    codes[await call.send(channel)] += 1

            async def send(count: int) -> list[float]:
                some = itertools.islice(calls, count)
                sending = asyncio.gather(*[call_on(some) for _ in range(IN_WORK)])
                return (await watch_memory(server, sending))[1]

            await send(tenth)
            early_mib = await send(tenth)
            await send(call_count - 3 * tenth)
            late_mib = await send(tenth)
    return [
        Check("varied calls", codes.total(), ""),
        *[Check(f"  of them {code}", count, "") for code, count in codes.most_common()],
        Check("  unforeseen failures", codes["INTERNAL"] + codes["UNKNOWN"] + codes["UNAVAILABLE"], "", at_most(0)),
        Check("resident memory during the second tenth, mean", mean(early_mib), "MiB"),
        Check("  most", max(early_mib), "MiB"),
        Check("resident memory during the last tenth, mean", mean(late_mib), "MiB"),
        Check("  most", max(late_mib), "MiB"),
        Check("growth of the mean", 100 * (mean(late_mib) / mean(early_mib) - 1), "%", at_most(5)),
    ]


def vary_calls(images: Sequence[bytes], call_count: int) -> Iterator[VariedCall]:
    """Make up calls; the same ones every time.

    Args:
        images: image files.
        call_count: calls.
    """
    chance = random.Random(SEED)
    for kind in chance.choices(list(KINDS), list(KINDS.values()), k=call_count):
        image = chance.choice(images)
        if kind == "broken":
            yield VariedCall(RECOGNIZE, b"\xff" + chance.randbytes(chance.randrange(5000)))
        elif kind == "assess":
            yield VariedCall(ASSESS, messages.AssessQualityRequest(image=image).SerializeToString())
        elif kind == "back":
            yield VariedCall(RECOGNIZE, _request(image), chance.uniform(0.0, 0.2))
        elif kind == "id":
            yield VariedCall(RECOGNIZE, _request(image, "\x00" * chance.randrange(1, 200)))
        else:
            yield VariedCall(RECOGNIZE, _request(_spoil(image, kind, chance)))


def _request(image: bytes, request_id: str = "") -> bytes:
    return messages.RecognizeCardRequest(request_id=request_id, image=image).SerializeToString()


def _spoil(image: bytes, kind: str, chance: random.Random) -> bytes:
    match kind:
        case "cut":
            return image[: chance.randrange(len(image))]
        case "noise":
            return image[:3] + chance.randbytes(chance.randrange(100_000))
        case "tiny":
            return _resize(image, chance.uniform(0.05, 0.15))
        case "resized":
            return _resize(image, chance.uniform(0.6, 1.4))
        case _:
            return image


def _resize(image: bytes, scale: float) -> bytes:
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return cv2.imencode(".jpg", cv2.resize(pixels, None, fx=scale, fy=scale))[1].tobytes()
