"""Turns: like goes with like, nobody is forgotten, whoever leaves makes room."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_server.engines.port import Priority, working_with
from ktp_server.engines.triton_turns import ShapeTurns

NARROW, MIDDLE, WIDE = (96,), (160,), (224,)
MAX_BATCH_SIZE = 4


class Bench:
    """Requests that note when they go, and stay under way until they are told to end."""

    def __init__(self) -> None:
        self.turns = ShapeTurns(MAX_BATCH_SIZE)
        self.under_way: list[tuple[int, ...]] = []
        self.ends = asyncio.Event()

    async def request(self, shape: tuple[int, ...], item_count: int = 1, deadline_s: float | None = None) -> None:
        async with self.turns.turn(shape, item_count, deadline_s):
            self.under_way.append(shape)
            await self.ends.wait()

    def start(self, *shapes: tuple[int, ...]) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.request(shape)) for shape in shapes]

    async def settle(self) -> list[tuple[int, ...]]:
        for _ in range(10):
            await asyncio.sleep(0)
        return self.under_way


async def test_mixed_shapes_go_in_groups() -> None:
    bench = Bench()
    calls = bench.start(*[NARROW, MIDDLE, WIDE] * 3)
    assert await bench.settle() == [NARROW, MIDDLE, MIDDLE, MIDDLE]
    bench.ends.set()
    await asyncio.gather(*calls)
    assert bench.under_way[4:] == [WIDE, WIDE, WIDE, NARROW, NARROW]


async def test_like_requests_all_go_at_once_until_they_fill_a_batch_each() -> None:
    bench = Bench()
    calls = bench.start(*[NARROW] * 10)
    assert len(await bench.settle()) == 2 * MAX_BATCH_SIZE
    bench.ends.set()
    await asyncio.gather(*calls)
    assert len(bench.under_way) == 10


async def test_more_instances_run_more_groups() -> None:
    bench = Bench()
    calls = bench.start(NARROW, MIDDLE, WIDE)
    assert await bench.settle() == [NARROW, MIDDLE]
    bench.turns.set_instance_count(2)
    assert await bench.settle() == [NARROW, MIDDLE, WIDE]
    bench.ends.set()
    await asyncio.gather(*calls)


async def test_the_urgent_go_first() -> None:
    bench = Bench()
    first = bench.start(NARROW, MIDDLE)
    with working_with(Priority.BULK):
        later = bench.start(WIDE)
    urgent = bench.start(NARROW)
    await bench.settle()
    bench.ends.set()
    await asyncio.gather(*first, *later, *urgent)
    assert bench.under_way == [NARROW, MIDDLE, NARROW, WIDE]


async def test_a_passed_deadline_gives_up_the_place() -> None:
    bench = Bench()
    calls = bench.start(NARROW, MIDDLE)
    await bench.settle()
    with pytest.raises(TimeoutError):
        await bench.request(WIDE, deadline_s=time.monotonic() + 0.01)
    bench.ends.set()
    await asyncio.gather(*calls)
    assert bench.under_way == [NARROW, MIDDLE]


@given(
    st.lists(st.tuples(st.sampled_from([NARROW, MIDDLE, WIDE]), st.integers(1, MAX_BATCH_SIZE), st.booleans())),
    st.integers(1, 3),
)
def test_everyone_has_a_turn_and_nobody_stays(
    requests: list[tuple[tuple[int, ...], int, bool]], instance_count: int
) -> None:
    """Some are cancelled on the way."""

    async def run() -> None:
        bench = Bench()
        bench.turns.set_instance_count(instance_count)
        calls = [asyncio.create_task(bench.request(shape, items)) for shape, items, _ in requests]
        await bench.settle()
        for call, (_, _, is_cancelled) in zip(calls, requests, strict=True):
            if is_cancelled:
                call.cancel()
        bench.ends.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [
            is_cancelled for _, _, is_cancelled in requests
        ]
        await asyncio.wait_for(bench.request(NARROW), timeout=60.0)

    asyncio.run(run())
