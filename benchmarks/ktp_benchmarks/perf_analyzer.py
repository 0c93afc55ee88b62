"""NVIDIA's own load generator, for figures beside ours. It comes inside the old wheel tritonclient 2.51.0."""

import csv
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ktp_benchmarks.provenance import ROOT

__all__ = ["PERF_ANALYZER", "PerfAnalyzerFailed", "PerfFigures", "parse_report", "run_perf_analyzer"]

PERF_ANALYZER = ROOT / ".venv-perf-analyzer" / "bin" / "perf_analyzer"
TIMEOUT_S = 300.0
REQUESTS_PER_CALLER = 20


class PerfAnalyzerFailed(Exception):
    """It did not run; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class PerfFigures:
    """What it measured at one concurrency.

    Attributes:
        rate_per_s: inferences a second.
        p50_ms, p95_ms: time of one.
    """

    callers: int
    rate_per_s: float
    p50_ms: float
    p95_ms: float


def run_perf_analyzer(
    address: str, model: str, callers: Sequence[int], folder: Path, *, shared_memory: bool
) -> list[PerfFigures]:
    """Measure one model at each concurrency.

    Args:
        address: host:port of Triton's gRPC endpoint.
        model: its inputs must have fixed shapes.
        callers: concurrencies.
        folder: for its reports and the libraries it is given.
        shared_memory: tensors travel by system shared memory.

    Raises:
        PerfAnalyzerFailed: it is missing or ended with an error.
    """
    libraries = _lay_out_libraries(folder / "libraries")
    figures = []
    for count in callers:
        report = folder / f"{model}-{count}-{'memory' if shared_memory else 'messages'}.csv"
        command = [
            *(str(PERF_ANALYZER), "-m", model, "-u", address, "-i", "grpc", "-a", "-f", str(report)),
            *("--concurrency-range", str(count), "--request-count", str(max(100, REQUESTS_PER_CALLER * count))),
            *("--shared-memory", "system" if shared_memory else "none", "--percentile", "95"),
            *(["--output-shared-memory-size", str(1 << 20)] if shared_memory else []),
        ]
        environment = {"LD_LIBRARY_PATH": str(libraries)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode != 0 or not report.is_file():
            said = (done.stderr or done.stdout)[-500:]
            raise PerfAnalyzerFailed(f"perf_analyzer ended with {done.returncode}: {said}")
        figures.append(parse_report(report.read_text(), count))
    return figures


def parse_report(text: str, callers: int) -> PerfFigures:
    """Read its CSV report of one concurrency; latencies are in microseconds.

    Raises:
        PerfAnalyzerFailed: there is no row for it.
    """
    for row in csv.DictReader(io.StringIO(text)):
        if row.get("Concurrency") == str(callers):
            p50_ms, p95_ms = float(row["p50 latency"]) / 1e3, float(row["p95 latency"]) / 1e3
            return PerfFigures(callers, float(row["Inferences/Second"]), p50_ms, p95_ms)
    raise PerfAnalyzerFailed(f"its report has no row for {callers} callers")


def _lay_out_libraries(folder: Path) -> Path:
    """Give it two libraries that lie in Triton's wheel under other names."""
    if not PERF_ANALYZER.is_file():
        raise PerfAnalyzerFailed("perf_analyzer is not installed; `make setup-perf-analyzer`")
    source = next((ROOT / ".venv-triton").glob("lib/python3.*/site-packages/nvidia_pytriton.libs"))
    folder.mkdir(parents=True, exist_ok=True)
    for pattern, name in (("libb64-*.so.0d", "libb64.so.0d"), ("libcudart-*.so.12.*", "libcudart.so.12")):
        if not (folder / name).exists():
            (folder / name).symlink_to(next(source.glob(pattern)))
    return folder
