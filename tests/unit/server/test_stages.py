"""Clock, worker threads, admission."""

import asyncio
import threading
import time

import pytest

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.front.admission import Admission
from ktp_server.stages import CpuWorkers, StageClock


def test_clock_keeps_the_order_and_sums_up() -> None:
    clock = StageClock(None)
    for stage in ("decode", "crops", "decode"):
        with clock.measure(stage):
            time.sleep(0.002)
    timings_ms = clock.timings_ms()
    assert list(timings_ms) == ["decode", "crops", "total"]
    assert timings_ms["decode"] >= 4.0
    assert timings_ms["total"] >= timings_ms["decode"] + timings_ms["crops"]


def test_clock_times_by_whatever_timer_it_is_given() -> None:
    ticks = iter([10.0, 11.0, 13.0, 20.0])
    clock = StageClock(None, lambda: next(ticks))
    with clock.measure("decode"):
        pass
    assert clock.timings_ms() == {"decode": 2000.0, "total": 10000.0}


def test_no_stage_starts_after_the_deadline() -> None:
    clock = StageClock(time.monotonic() - 0.001)
    with pytest.raises(RecognitionError) as caught, clock.measure("decode"):
        pytest.fail("the stage was started")
    assert caught.value.reason is ErrorReason.DEADLINE_EXCEEDED


async def test_workers_are_bounded_and_drop_cancelled_work() -> None:
    workers = CpuWorkers(1)
    gate = threading.Event()
    ran: list[str] = []
    first = asyncio.create_task(workers.run(gate.wait, 5.0))
    second = asyncio.create_task(workers.run(ran.append, "second"))
    third = asyncio.create_task(workers.run(ran.append, "third"))
    await asyncio.sleep(0.02)
    second.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, third)
    assert ran == ["third"]
    with pytest.raises(asyncio.CancelledError):
        await second
    workers.close()


def test_admission_counts_and_gives_places_back() -> None:
    admission = Admission(2, 1, 8)
    with admission.admit(), admission.admit():
        assert admission.in_flight_count == 2
        with pytest.raises(RecognitionError) as caught, admission.admit():
            pytest.fail("a third image was admitted")
        assert caught.value.reason is ErrorReason.OVERLOADED
    with pytest.raises(KeyError), admission.admit():
        raise KeyError
    assert admission.in_flight_count == 0
