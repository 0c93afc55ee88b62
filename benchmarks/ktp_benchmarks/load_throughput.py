"""What does the way through gRPC cost? The pipeline in a process, and a server, read the same cards by turns."""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

import numpy as np

from ktp_benchmarks.checks import Check, at_least
from ktp_benchmarks.load_calls import connect_callers
from ktp_benchmarks.server_process import ServerFailed, run_server_process
from ktp_benchmarks.statistics import bootstrap, ratio
from ktp_server.assembly import open_pipeline
from ktp_server.errors import RecognitionError
from ktp_server.pipeline import Pipeline
from ktp_server.settings import Settings

__all__ = ["measure_throughput"]

WARM_UP_TURNS = 1
TURNS = 4
"""Of each pair of processes; an even number, so that either begins as often."""

IN_WORK = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """What some work took, in seconds."""

    cpu_s: float
    wall_s: float


Turn = tuple[Cost, Cost]
"""The same images: in process, through gRPC."""


async def measure_throughput(images: Sequence[bytes], images_a_turn: int, round_count: int) -> list[Check]:
    """Read the same images in a process and through a server, by turns, so that both meet the same machine.

    Which of the two begins changes from turn to turn, so that neither gains by what the other leaves behind, or by a
    machine that gets slower. Two processes of the same program differ by some per cent for as long as they live, by
    where their memory lies; so each round has new ones.

    Args:
        images: image files.
        images_a_turn: images in each turn.
        round_count: pairs of processes.

    Raises:
        ServerFailed: one of them did not start or broke off.
    """
    rounds = [await _measure_round(images, images_a_turn) for _ in range(round_count)]
    count = images_a_turn * TURNS * round_count
    cpu_s = [np.array([[here.cpu_s, there.cpu_s] for here, there in turns]) for turns in rounds]
    wall_s = [np.array([[here.wall_s, there.wall_s] for here, there in turns]) for turns in rounds]
    here_s, there_s = np.concatenate(cpu_s).sum(axis=0)
    share = bootstrap(cpu_s, ratio)
    return [
        Check("in process: CPU a card", 1e3 * here_s / count, "ms"),
        Check("through gRPC: CPU a card", 1e3 * there_s / count, "ms"),
        Check("cards a second of CPU through gRPC, of in process", 100 * share.value, "%", at_least(95)),
        Check("  its 95 % interval, from", 100 * share.low, "%"),
        Check("  to", 100 * share.high, "%"),
        Check(
            "cards a second through gRPC, its caller on the same cores, of in process",
            100 * bootstrap(wall_s, ratio).value,
            "%",
        ),
    ]


async def _measure_round(images: Sequence[bytes], images_a_turn: int) -> list[Turn]:
    turns: list[Turn] = []
    with _run_pipeline_process() as pipeline, run_server_process() as server:
        async with connect_callers(server.target, images) as callers:
            for turn in range(WARM_UP_TURNS + TURNS):
                numbers = [(turn * images_a_turn + index) % len(images) for index in range(images_a_turn)]
                read_here = partial(_ask, pipeline, [images[number] for number in numbers])
                read_there = partial(_cost_of, partial(callers.call_each, iter(numbers), IN_WORK), server.cpu_s)
                if turn % 2:
                    there, here = await read_there(), await read_here()
                else:
                    here, there = await read_here(), await read_there()
                turns.append((here, there))
    return turns[WARM_UP_TURNS:]


async def _cost_of(work: Callable[[], Awaitable[object]], read_cpu_s: Callable[[], float]) -> Cost:
    cpu_s, wall_s = read_cpu_s(), time.monotonic()
    await work()
    return Cost(read_cpu_s() - cpu_s, time.monotonic() - wall_s)


@contextmanager
def _run_pipeline_process() -> Iterator[Connection]:
    """Start a process that reads the images it is sent, and tells what they cost; `_ask` asks it."""
    # A forked process would share this one's memory, and none of its threads.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join()


async def _ask(pipeline: Connection, images: Sequence[bytes]) -> Cost:
    try:
        await asyncio.to_thread(pipeline.send, images)
        cost = await asyncio.to_thread(pipeline.recv)
    except (EOFError, OSError) as error:
        raise ServerFailed("the pipeline's process broke off") from error
    assert isinstance(cost, Cost)
    return cost


def _answer(connection: Connection) -> None:
    with suppress(EOFError, KeyboardInterrupt):
        asyncio.run(_answer_turns(connection))


async def _answer_turns(connection: Connection) -> None:
    async with open_pipeline(Settings(http_address="none")) as pipeline:
        while True:
            images = await asyncio.to_thread(connection.recv)
            connection.send(await _cost_of(partial(_read, pipeline, images), time.process_time))


async def _read(pipeline: Pipeline, images: Sequence[bytes]) -> None:
    waiting = iter(images)

    async def read_on() -> None:
        for image in waiting:
            with suppress(RecognitionError):
                await pipeline.recognize(image)

    await asyncio.gather(*[read_on() for _ in range(IN_WORK)])
