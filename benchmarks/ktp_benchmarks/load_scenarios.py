"""Many callers at once: is every answer its caller's own, and what does the way through gRPC cost?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from ktp.ocr.v1 import card_pb2
from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp_benchmarks.checks import Check, at_least, at_most
from ktp_benchmarks.load_calls import connect_callers
from ktp_benchmarks.server_process import run_server_process
from ktp_benchmarks.statistics import bootstrap, percentile
from ktp_server.assembly import open_pipeline
from ktp_server.errors import RecognitionError
from ktp_server.pipeline import Pipeline
from ktp_server.settings import Settings

__all__ = ["measure_isolation", "measure_throughput"]

CALLER_COUNT = 64
IMAGE_COUNT = 50
WARM_UP_TURNS = 2
TURNS = 32
IN_WORK = 4

Values = tuple[tuple[str, str, str], ...]


async def measure_isolation(images: Sequence[bytes], duration_s: float) -> list[Check]:
    """Have 64 callers send different cards at once, and hold every answer against that image's answer when it is alone.

    Args:
        images: image files; the first 50 are sent.
        duration_s: how long.
    """
    sent = images[:IMAGE_COUNT]
    with run_server_process("--max-in-flight-count", str(CALLER_COUNT)) as server:
        async with connect_callers(server.target, sent) as callers:
            alone = {number: await callers.call(number) for number in range(len(sent))}
            outcomes = await callers.call_for(duration_s, CALLER_COUNT)
    own = {number: _values(outcome.recognition) for number, outcome in alone.items()}
    foreign = changed = 0
    for outcome in outcomes:
        values = _values(outcome.recognition)
        if (outcome.code, values) == (alone[outcome.image].code, own[outcome.image]):
            continue
        changed += 1
        others = [number for number, theirs in own.items() if number != outcome.image and values and theirs == values]
        foreign += bool(others) or outcome.code == "FOREIGN_ID"
    return [
        Check("calls by 64 callers at a time", len(outcomes), ""),
        Check("different answers among the cards when alone", len(set(own.values())), ""),
        Check("answers of another card", foreign, "", at_most(0)),
        Check("answers other than when alone", changed, "", at_most(0)),
    ]


async def measure_throughput(images: Sequence[bytes], images_a_turn: int) -> list[Check]:
    """Read the same images in this process and through a server, by turns, so that both meet the same machine.

    Which of the two begins changes from turn to turn, so that neither gains by what the other leaves behind, or by a
    machine that gets slower.

    Args:
        images: image files.
        images_a_turn: images in each turn.
    """
    turns: list[tuple[Cost, Cost]] = []
    async with open_pipeline(Settings(http_address="none")) as pipeline:
        with run_server_process() as server:
            async with connect_callers(server.target, images) as callers:
                for turn in range(WARM_UP_TURNS + TURNS):
                    numbers = [(turn * images_a_turn + index) % len(images) for index in range(images_a_turn)]
                    read_here = partial(_read_here, pipeline, [images[number] for number in numbers])
                    read_there = partial(callers.call_each, iter(numbers), IN_WORK)
                    if turn % 2:
                        there = await _cost_of(read_there, server.cpu_s)
                        here = await _cost_of(read_here, time.process_time)
                    else:
                        here = await _cost_of(read_here, time.process_time)
                        there = await _cost_of(read_there, server.cpu_s)
                    turns.append((here, there))
    return _compare(turns[WARM_UP_TURNS:], images_a_turn)


def _compare(turns: Sequence[tuple["Cost", "Cost"]], images_a_turn: int) -> list[Check]:
    share = bootstrap([np.array([[here.cpu_s / there.cpu_s]]) for here, there in turns], percentile(50))
    of_wall = median(here.wall_s / there.wall_s for here, there in turns)
    return [
        Check("in this process: CPU a card", 1e3 * median(here.cpu_s for here, _ in turns) / images_a_turn, "ms"),
        Check("through gRPC: CPU a card", 1e3 * median(there.cpu_s for _, there in turns) / images_a_turn, "ms"),
        Check(
            "cards a second of CPU through gRPC, of in process, median of the turns",
            100 * share.value,
            "%",
            at_least(95),
        ),
        Check("  its 95 % interval, from", 100 * share.low, "%"),
        Check("  to", 100 * share.high, "%"),
        Check("cards a second through gRPC, its caller on the same cores, of in process", 100 * of_wall, "%"),
    ]


@dataclass(frozen=True, slots=True)
class Cost:
    """What some work took, in seconds."""

    cpu_s: float
    wall_s: float


async def _cost_of(work: Callable[[], Awaitable[object]], read_cpu_s: Callable[[], float]) -> Cost:
    cpu_s, wall_s = read_cpu_s(), time.monotonic()
    await work()
    return Cost(read_cpu_s() - cpu_s, time.monotonic() - wall_s)


async def _read_here(pipeline: Pipeline, images: Sequence[bytes]) -> None:
    waiting = iter(images)

    async def read_on() -> None:
        for image in waiting:
            with suppress(RecognitionError):
                await pipeline.recognize(image)

    await asyncio.gather(*[read_on() for _ in range(IN_WORK)])


def _values(recognition: messages.CardRecognition | None) -> Values:
    """What was read, without what differs from call to call: timings and last digits of confidences."""
    if recognition is None:
        return ()
    fields = ((name.name, value) for name, value in recognition.card.ListFields())
    return tuple((name, field.value, field.raw_value) for name, field in fields if isinstance(field, card_pb2.Field))
