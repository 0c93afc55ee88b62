"""Readers in processes of their own, each on one and the same core: this one, RapidOCR, akshara-ocr.

They are asked in turn, image by image, so that what else the machine does weighs on all alike; CPU time is compared.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ktp_benchmarks.provenance import ROOT
from ktp_benchmarks.truths import LabelledImage

PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEERS = ("rapidocr", "akshara")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class WorkerFailed(Exception):
    """A reader's process could not start or broke off; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader said about an image, and what it took.

    Attributes:
        cpu_s, wall_s: from the file's bytes to the result.
        peak_mib: the process's peak memory so far.
        model_cpu_s: CPU seconds inside the models; this reader only.
        stages_ms: CPU milliseconds by stage; this reader only.
        failure: reason why the image was refused; this reader only.
        texts: lines read; RapidOCR only.
        fields: values by our field names; akshara only.
    """

    cpu_s: float
    wall_s: float
    peak_mib: float
    model_cpu_s: float = 0.0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    texts: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


class Worker:
    """One reader's process."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        self._process = process
        self.name = name
        self.version = str(self._receive()["ready"])

    def ask(self, folder: Path, image: LabelledImage) -> Answer:
        """Read one image.

        Args:
            folder: where it lies.
            image: one with one card, whose quarter turns the peers are told.

        Raises:
            WorkerFailed: the process broke off.
        """
        assert self._process.stdin is not None
        path, turns = (folder / image.file).resolve(), image.cards[0].quarter_turns or 0
        try:
            self._process.stdin.write(json.dumps({"file": str(path), "quarter_turns": turns}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerFailed(f"{self.name} broke off") from error
        said = self._receive()
        texts, fields, stages = said.pop("texts", ()), said.pop("fields", {}), said.pop("stages_ms", {})
        return Answer(
            cpu_s=float(str(said["cpu_s"])),
            wall_s=float(str(said["wall_s"])),
            peak_mib=float(str(said["peak_kib"])) / 1024,
            model_cpu_s=float(str(said.get("model_cpu_s", 0.0))),
            stages_ms={str(k): float(v) for k, v in stages.items()} if isinstance(stages, dict) else {},
            failure=str(said.get("failure", "")),
            texts=tuple(map(str, texts)) if isinstance(texts, list) else (),
            fields={str(k): str(v) for k, v in fields.items()} if isinstance(fields, dict) else {},
        )

    def _receive(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailed(f"{self.name} broke off with exit status {self._process.wait()}")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise WorkerFailed(f"{self.name} answered {line!r}")
        return answer


@contextmanager
def open_reader(core: int) -> Iterator[Worker]:
    """Start this reader on one core."""
    with open_worker([sys.executable, str(ROOT / "benchmarks" / "reader_worker.py"), str(core)], "ktp-ocr") as worker:
        yield worker


@contextmanager
def open_peer(peer: str, core: int) -> Iterator[Worker]:
    """Start a peer, one of PEERS, on one core.

    Raises:
        WorkerFailed: it is not installed or does not start.
    """
    if not PEER_PYTHON.exists():
        raise WorkerFailed(f"{peer} is not installed: run `make setup-peers`")
    with open_worker([str(PEER_PYTHON), str(ROOT / "benchmarks" / "peer_worker.py"), peer, str(core)], peer) as worker:
        yield worker


def last_core() -> int:
    """The core to measure on: the last that this process may use, as the first ones serve most interrupts."""
    return max(os.sched_getaffinity(0))


@contextmanager
def open_worker(command: list[str], name: str) -> Iterator[Worker]:
    """Start a reader's process, and end it.

    Args:
        command: program and arguments.
        name: what it is called in messages.

    Raises:
        WorkerFailed: it does not start.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | _ONE_THREAD,
    )
    try:
        yield Worker(process, name)
    finally:
        for stream in (process.stdin, process.stdout):
            # A process that broke off has left what was last written to it unread.
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        process.wait(timeout=60)
