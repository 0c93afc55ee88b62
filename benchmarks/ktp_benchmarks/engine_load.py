"""Puts load on inference engines, in turns, and counts what each took."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ktp_server.engines.port import InferenceError

__all__ = ["Figures", "Way", "measure_way", "session_cpu_s"]

PAUSE_AFTER_FAILURE_S = 0.1


@dataclass(frozen=True, slots=True)
class Way:
    """One engine in one configuration.

    Attributes:
        name: for tables.
        work: does one piece of work, by its number; what is measured.
        count_executions: requests and executions of the recogniser so far, by the engine's own count.
        server_cpu_s: CPU time that the engine's other processes have taken so far.
    """

    name: str
    work: Callable[[int], Awaitable[object]]
    count_executions: Callable[[], tuple[int, int]]
    server_cpu_s: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a way did under so many callers.

    Attributes:
        failed_count: pieces that no answer came to; they are in no other figure but CPU time.
        rate_per_s: pieces of work a second.
        p50_ms, p95_ms: time of one piece.
        cpu_ms: CPU time of one piece, over all processes: what else the machine does hardly changes it.
        requests_per_execution: how many requests shared an execution on average.
    """

    way: str
    callers: int
    failed_count: int
    rate_per_s: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    requests_per_execution: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}


async def measure_way(way: Way, callers: int, duration_s: float) -> Figures:
    """Let callers work side by side, each with the next piece as soon as its last is done.

    Args:
        way: what is measured.
        callers: how many.
        duration_s: after so long no new piece is begun, but each caller has at least one.
    """
    latencies_s: list[float] = []
    failures: list[int] = []
    before = way.count_executions()
    cpu_s, start_s = time.process_time() + way.server_cpu_s(), time.perf_counter()

    async def call(number: int) -> None:
        done = 0
        while done == 0 or time.perf_counter() - start_s < duration_s:
            begun_s = time.perf_counter()
            try:
                await way.work(number + done * callers)
                latencies_s.append(time.perf_counter() - begun_s)
            except InferenceError:
                failures.append(number)
                await asyncio.sleep(PAUSE_AFTER_FAILURE_S)
            done += 1

    await asyncio.gather(*[call(number) for number in range(callers)])
    elapsed_s = time.perf_counter() - start_s
    cpu_s = time.process_time() + way.server_cpu_s() - cpu_s
    requests, executions = (now - then for now, then in zip(way.count_executions(), before, strict=True))
    return Figures(
        way=way.name,
        callers=callers,
        failed_count=len(failures),
        rate_per_s=len(latencies_s) / elapsed_s,
        p50_ms=_percentile_ms(latencies_s, 0.5),
        p95_ms=_percentile_ms(latencies_s, 0.95),
        cpu_ms=1e3 * cpu_s / max(len(latencies_s), 1),
        requests_per_execution=requests / max(executions, 1),
    )


def session_cpu_s(session_id: int) -> float:
    """CPU time that the processes of a session have taken so far; those that ended are not counted."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session_id:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _percentile_ms(latencies_s: Sequence[float], share: float) -> float:
    ordered = sorted(latencies_s)
    return 1e3 * ordered[int(share * (len(ordered) - 1))] if ordered else 0.0
