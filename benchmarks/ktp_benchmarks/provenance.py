"""Where and with what a result was measured: date, versions, machine, models."""

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ktp_server.engines.repository import find_model_repository

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("ktp-ocr", "numpy", "opencv-python-headless", "onnxruntime", "rapidfuzz")


def describe_run() -> dict[str, object]:
    """Give what a result must carry so that it can be compared with another."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+changes" if _git("status", "--porcelain", "-uno") else ""),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "machine": {"cpu": _cpu_name(), "cores": os.cpu_count(), "system": platform.platform()},
        "models": describe_models(),
    }


def describe_models() -> dict[str, dict[str, object]]:
    """Give size and fingerprint of every model file of the repository."""
    return {
        path.parts[-3]: {"bytes": path.stat().st_size, "sha256": fingerprint([path])[:16]}
        for path in sorted(find_model_repository().glob("*/*/model.onnx"))
    }


def describe_conditions() -> dict[str, object]:
    """Give how busy the machine is before a measurement: processes that want a core, averaged over 1 and 5 minutes."""
    one, five, _ = os.getloadavg()
    return {"load_1_min": round(one, 2), "load_5_min": round(five, 2), "cores": os.cpu_count()}


def fingerprint(paths: list[Path]) -> str:
    """Hash files by content, in order: hexadecimal SHA-256."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def result_file(folder: Path, what: str) -> Path:
    """Name a dated result: `FOLDER/YYYY-MM-DD-WHAT.json`; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{datetime.now(UTC).date().isoformat()}-{what}.json"


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _git(*arguments: str) -> str:
    """Ask git about the working tree; empty outside one."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
