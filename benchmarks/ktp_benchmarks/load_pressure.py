"""More than a server can take: four times its capacity, its own end under load, a caller that takes no answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.checks import Check, at_least, at_most
from ktp_benchmarks.load_calls import OK, OVERLOADED, CallOutcome, connect_callers, open_channel, percentile_ms
from ktp_benchmarks.server_memory import watch_memory
from ktp_benchmarks.server_process import ServerProcess, run_server_process
from ktp_server.cores import count_cores
from ktp_server.settings import Settings

if TYPE_CHECKING:
    from ktp.ocr.v1.ktp_ocr_service_pb2_grpc import KtpOcrServiceAsyncStub

__all__ = ["measure_drain", "measure_overload", "measure_slow_reader"]

OVERLOAD_FACTOR = 4.0
DRAIN_ROUNDS = 3
SETTLED_S = 0.5
"""A call that was sent so long before SIGTERM has reached the server."""


async def measure_overload(images: Sequence[bytes], duration_s: float) -> list[Check]:
    """Measure the peak, half of it, four times it, and half of it again.

    The callers share the machine with the server, and four times the calls take four times their CPU time. So goodput
    is told by the wall clock, and held to its target by the CPU time that the callers left.

    Args:
        images: image files.
        duration_s: of the overload, after a quarter of that to come to it; the other parts take a third of it each.
    """
    places = Settings().max_in_flight_count
    with run_server_process() as server:
        async with connect_callers(server.target, images, channel_count=8) as callers:
            await callers.call_for(duration_s / 6, places)
            peak = await _watch(server, callers.call_for(duration_s / 3, places))
            rate_per_s = peak.goodput_per_s
            half = await _watch(server, callers.call_at_rate(rate_per_s / 2, duration_s / 3))
            first = await _watch(server, callers.call_at_rate(OVERLOAD_FACTOR * rate_per_s, duration_s / 4))
            over = await _watch(server, callers.call_at_rate(OVERLOAD_FACTOR * rate_per_s, duration_s))
            after = await _watch(server, callers.call_at_rate(rate_per_s / 2, duration_s / 3))
    goodput = over.per_left_cpu_s / peak.per_left_cpu_s
    half_ms = percentile_ms([*half.outcomes, *after.outcomes], OK, 0.95)
    over_ms = percentile_ms(over.outcomes, OK, 0.95)
    early_mib, late_mib = mean(first.resident_mib), mean(over.resident_mib[-len(over.resident_mib) // 4 :])
    refused_ms = percentile_ms(over.outcomes, OVERLOADED, 0.95)
    return [
        Check("peak, by as many callers as there are places", rate_per_s, "cards/s"),
        Check("sent at 4 times that", len(over.outcomes) / over.wall_s, "calls/s"),
        Check("CPU time that the callers take, of the machine's", 100 * (1 - over.left_cpu_s / over.whole_cpu_s), "%"),
        Check("goodput by the wall clock, of the peak", 100 * over.goodput_per_s / rate_per_s, "%"),
        Check("goodput by the CPU time left by the callers, of the peak", 100 * goodput, "%", at_least(90)),
        Check("cards a second of the server's CPU time, of the peak's", 100 * over.per_cpu_s / peak.per_cpu_s, "%"),
        Check("p95 of accepted calls at half load, before and afterwards", half_ms, "ms"),
        Check("p95 of accepted calls at 4 times, of that", over_ms / half_ms if half_ms else 0.0, "", at_most(3)),
        Check("refused at once, median", percentile_ms(over.outcomes, OVERLOADED, 0.5), "ms", at_most(20)),
        Check("refused at once, p95", refused_ms, "ms"),
        Check("calls that ended otherwise", over.count() - over.count(OK) - over.count(OVERLOADED), "", at_most(0)),
        Check("resident memory on the way to it, mean", early_mib, "MiB"),
        Check("resident memory during its last quarter, mean", late_mib, "MiB"),
        Check("growth of the mean", 100 * (late_mib / early_mib - 1), "%", at_most(5)),
        Check("afterwards: refused at half load", 100 * after.count(OVERLOADED) / after.count(), "%", at_most(1)),
    ]


async def measure_drain(images: Sequence[bytes], warm_up_s: float) -> list[Check]:
    """Send SIGTERM in the middle of load, three times, and look for calls that were accepted and not answered.

    Args:
        images: image files.
        warm_up_s: load before SIGTERM.
    """
    answered = lost = told = 0
    statuses: list[int] = []
    for _ in range(DRAIN_ROUNDS):
        with run_server_process("--log-format", "json") as server:
            async with connect_callers(server.target, images) as callers:
                calling = asyncio.create_task(callers.call_for(warm_up_s + 5.0, 2 * Settings().max_in_flight_count))
                await asyncio.sleep(warm_up_s)
                term_s = time.monotonic()
                statuses.append(await asyncio.to_thread(server.stop))
                outcomes = await calling
        answered += sum(outcome.code == OK for outcome in outcomes)
        early = [outcome for outcome in outcomes if outcome.started_s < term_s - SETTLED_S]
        lost += sum(outcome.code not in {OK, OVERLOADED} for outcome in early)
        told += sum('"code": "OK"' in line for line in server.log)
    return [
        Check("calls answered, in three runs that SIGTERM ended", answered, ""),
        Check("answered by the server's log, and by nobody's count", told - answered, "", at_most(0)),
        Check("calls sent well before SIGTERM and not answered", lost, "", at_most(0)),
        Check("highest exit status", max(statuses), "", at_most(0)),
    ]


async def measure_slow_reader(images: Sequence[bytes], pause_s: float) -> list[Check]:
    """Send images on one stream without end and take no answer for a while.

    Args:
        images: image files.
        pause_s: how long no answer is taken.
    """
    sent = 0

    async def send() -> AsyncIterator[messages.RecognizeCardsRequest]:
        nonlocal sent
        while time.monotonic() < until_s:
            sent += 1
            yield messages.RecognizeCardsRequest(request_id=str(sent), image=images[sent % len(images)])

    with run_server_process() as server:
        async with connect_callers(server.target, images) as callers:
            await callers.call_for(pause_s / 3, Settings().max_in_flight_count)
        async with open_channel(server.target) as channel:
            stub: KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
            until_s = time.monotonic() + pause_s
            stream = stub.RecognizeCards(send())
            await stream.wait_for_connection()
            await asyncio.sleep(pause_s / 3)
            early_mib = mean((await watch_memory(server, asyncio.sleep(pause_s / 3)))[1])
            late_mib = mean((await watch_memory(server, asyncio.sleep(pause_s / 3)))[1])
            sent_by_then = sent
            answered = len({answer.request_id async for answer in stream})
    return [
        Check("images taken by gRPC while no answer was", sent_by_then, ""),
        Check("growth of mean memory, second third to last", late_mib - early_mib, "MiB", at_most(0.05 * early_mib)),
        Check("images that were sent and never answered", sent - answered, "", at_most(0)),
    ]


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of calls, and what they cost the server.

    Attributes:
        outcomes: of each call.
        wall_s: until the last was answered.
        cpu_s: the server's CPU time.
        callers_cpu_s: this process's, which calls.
        resident_mib: the server's memory, again and again.
    """

    outcomes: list[CallOutcome]
    wall_s: float
    cpu_s: float
    callers_cpu_s: float
    resident_mib: Sequence[float]

    def count(self, code: str | None = None) -> int:
        """Calls, or those that ended with a code."""
        return sum(code in (None, outcome.code) for outcome in self.outcomes)

    @property
    def goodput_per_s(self) -> float:
        """Answered calls a second."""
        return self.count(OK) / self.wall_s

    @property
    def whole_cpu_s(self) -> float:
        """CPU time that the machine has had."""
        return self.wall_s * count_cores()

    @property
    def left_cpu_s(self) -> float:
        """What of it the callers did not take."""
        return self.whole_cpu_s - self.callers_cpu_s

    @property
    def per_left_cpu_s(self) -> float:
        """Answered calls a second of that."""
        return self.count(OK) / self.left_cpu_s

    @property
    def per_cpu_s(self) -> float:
        """Answered calls a second of the server's CPU time."""
        return self.count(OK) / self.cpu_s


async def _watch(server: ServerProcess, calls: Awaitable[list[CallOutcome]]) -> Watched:
    start_s, cpu_s, own_cpu_s = time.monotonic(), server.cpu_s(), time.process_time()
    outcomes, resident_mib = await watch_memory(server, calls)
    own_cpu_s = time.process_time() - own_cpu_s
    return Watched(outcomes, time.monotonic() - start_s, server.cpu_s() - cpu_s, own_cpu_s, resident_mib)
