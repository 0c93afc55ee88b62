"""Load on engines: what is counted, and how figures are read and drawn."""

import asyncio
import math
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ktp_benchmarks.engine_figures import write_engine_picture
from ktp_benchmarks.engine_load import Figures, Way, measure_way, session_cpu_s
from ktp_benchmarks.perf_analyzer import PerfAnalyzerFailed, parse_report
from ktp_server.engines.port import FailureKind, InferenceError

REPORT = """Concurrency,Inferences/Second,Client Send,Server Queue,p50 latency,p90 latency,p95 latency,p99 latency
4,61.5,10,20,48100,52000,53250,60000
"""


class Counted:
    """Work that never ends at once, and an engine's counts beside it."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.at_once = self.most_at_once = 0

    async def work(self, number: int) -> None:
        self.numbers.append(number)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.002)
        self.at_once -= 1

    def count(self) -> tuple[int, int]:
        return 100 + 4 * len(self.numbers), 50 + len(self.numbers)


async def test_callers_work_side_by_side_on_pieces_of_their_own() -> None:
    counted = Counted()
    figures = await measure_way(Way("x", counted.work, counted.count, lambda: 0.0), 8, 0.05)
    assert counted.most_at_once == 8
    assert len(set(counted.numbers)) == len(counted.numbers)
    assert figures.requests_per_execution == pytest.approx(4)
    assert 2 <= figures.p50_ms <= figures.p95_ms
    assert figures.rate_per_s > 0


async def test_every_caller_has_its_piece_however_short_the_time() -> None:
    counted = Counted()
    await measure_way(Way("x", counted.work, counted.count, lambda: 0.0), 5, 0.0)
    assert sorted(counted.numbers) == [0, 1, 2, 3, 4]


async def test_failures_are_counted_and_nothing_else() -> None:
    counted = Counted()

    async def fail_for_the_first(number: int) -> None:
        await counted.work(number)
        if number == 0:
            raise InferenceError(FailureKind.UNAVAILABLE, "x", "gone")

    figures = await measure_way(Way("x", fail_for_the_first, counted.count, lambda: 0.0), 3, 0.0)
    assert figures.failed_count == 1
    assert math.isfinite(figures.p50_ms)


def test_cpu_time_of_a_session_holds_ours() -> None:
    before = session_cpu_s(os.getsid(0))
    assert before > 0
    assert session_cpu_s(os.getsid(0)) >= before


def test_report_of_perf_analyzer_is_read() -> None:
    figures = parse_report(REPORT, 4)
    assert (figures.rate_per_s, figures.p50_ms, figures.p95_ms) == (61.5, 48.1, 53.25)
    with pytest.raises(PerfAnalyzerFailed, match="no row for 8 callers"):
        parse_report(REPORT, 8)


def test_picture_draws_each_way_once(tmp_path: Path) -> None:
    figures = [
        Figures(way, n, 0, rate * n, 1, 2, 3, 1) for way, rate in (("one", 1.0), ("two", 2.0)) for n in (1, 2, 4)
    ]
    write_engine_picture(tmp_path / "x.svg", figures)
    root = ET.parse(tmp_path / "x.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("one") == texts.count("two") == 1
    thick = [e for e in root.iter("{http://www.w3.org/2000/svg}polyline") if e.get("stroke-width") == "2.0"]
    assert [len((line.get("points") or "").split()) for line in thick] == [3, 3]
