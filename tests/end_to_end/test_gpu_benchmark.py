"""The GPU benchmark, as far as a CPU can run it: parity in both precisions, figures, and a result."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--duration-s", "0.01", "--batch-size", "1"]


def test_both_precisions_answer_as_the_cpu_does(tmp_path: Path) -> None:
    options = ["--provider", "CPUExecutionProvider", "--batch-size", "2", "--results", str(tmp_path)]
    outcome = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=300, check=False)
    assert outcome.returncode == 0, outcome.stderr
    (result,) = tmp_path.glob("*-gpu.json")
    record = json.loads(result.read_text("utf-8"))
    speeds = record["speeds"]
    assert {(s["precision"], s["batch_size"]) for s in speeds} == {(p, n) for p in ("FP32", "FP16") for n in (1, 2)}
    assert len({s["model"] for s in speeds}) == 3
    assert [s for s in speeds if s["deviations"]] == []
    assert all(s["items_per_s"] > 0 for s in speeds)
    assert set(record["cards_per_s"]) == {"FP32", "FP16"}


def test_missing_provider_is_told_in_one_line(tmp_path: Path) -> None:
    options = ["--provider", "CUDAExecutionProvider", "--results", str(tmp_path)]
    outcome = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=300, check=False)
    assert outcome.returncode == 2
    assert "has no CUDAExecutionProvider" in outcome.stderr
    assert list(tmp_path.iterdir()) == []
