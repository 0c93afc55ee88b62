"""CPU time, stage by stage and side by side with other readers: one core, one image at a time."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ktp_benchmarks.checks import Check, at_most, checks_to_json, print_checks
from ktp_benchmarks.truths import LabelledImage
from ktp_benchmarks.workers import PEERS, Answer, Worker, WorkerFailed, last_core, open_peer, open_reader

MODEL_STAGES = frozenset({"segmentation", "text_detection", "text_recognition"})
POSTPROCESSING_STAGES = ("text_boxes", "fields")
CHECK_STAGES = ("requirements", "quality")
WARM_UP_COUNT = 2
MIB = 1024 * 1024


@dataclass(slots=True)
class SpeedRun:
    """Answers by reader, as many of each and in the same order; what kept a peer from being measured."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def ours(self) -> list[Answer]:
        """This reader's answers to images it read; refusals stop early and would flatter it."""
        return [answer for answer in self.answers["ktp-ocr"] if not answer.failure]


def run_side_by_side(folder: Path, images: Sequence[LabelledImage], repeat: int, log: Console) -> SpeedRun:
    """Have every reader read every image, in turn, `repeat` times, after a warm-up.

    Raises:
        WorkerFailed: this reader itself cannot start or broke off.
    """
    run = SpeedRun()
    core = last_core()
    with ExitStack() as stack:
        workers: list[Worker] = [stack.enter_context(open_reader(core))]
        for peer in PEERS:
            try:
                workers.append(stack.enter_context(open_peer(peer, core)))
            except WorkerFailed as error:
                run.missing.append(str(error))
        run.versions = {worker.name: worker.version for worker in workers}
        run.answers = {worker.name: [] for worker in workers}
        for image in images[:WARM_UP_COUNT]:
            for worker in workers:
                worker.ask(folder, image)
        for image in track(list(images) * repeat, "reading side by side", console=log, transient=True):
            for worker in workers:
                run.answers[worker.name].append(worker.ask(folder, image))
    return run


def check_costs(run: SpeedRun, onnx_bytes: int, server_peaks_mib: Mapping[int, float]) -> list[Check]:
    """Hold a run against the targets of cost.

    Args:
        run: a run in which this reader read at least one image.
        onnx_bytes: size of all model files together.
        server_peaks_mib: peak memory of a serving process by the number of callers at a time.
    """
    cpu_ms = median(1e3 * answer.cpu_s for answer in run.ours)
    checks = [Check("CPU per card, JPEG to fields", cpu_ms, "ms")]
    for peer in PEERS:
        if peer in run.answers:
            target = at_most(0.1) if peer == "rapidocr" else None
            checks.append(Check(f"CPU time over that of {peer}, median of ratios", _ratio(run, peer), "", target))
    outside = median(1 - answer.model_cpu_s / answer.cpu_s for answer in run.ours)
    checks += [
        Check("CPU time outside the models", 100 * outside, "%", at_most(20.0)),
        Check("postprocessing (text boxes, fields)", _stages_ms(run, POSTPROCESSING_STAGES), "ms", at_most(6.0)),
        Check("image checks (requirements, quality)", _stages_ms(run, CHECK_STAGES), "ms", at_most(6.0)),
        Check("ONNX files together", onnx_bytes / 1e6, "MB", at_most(25.0)),
    ]
    for callers, peak_mib in server_peaks_mib.items():
        name = f"peak memory of the server, {callers} caller{'s' * (callers > 1)} at a time"
        checks.append(Check(name, peak_mib * MIB / 1e6, "MB", at_most(600.0)))
    return checks


def print_speed(console: Console, run: SpeedRun, checks: Sequence[Check]) -> None:
    """Print the readers side by side, this reader's stages, and the checks."""
    table = Table(title="Side by side: one core, one image at a time", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("reader", "images", "CPU ms, median", "p90", "wall ms, median", "CPU, of ours", "peak MB"):
        table.add_column(heading, justify="left" if heading == "reader" else "right")
    for reader, answers in run.answers.items():
        counted = run.ours if reader == "ktp-ocr" else answers
        cpu_ms = sorted(1e3 * answer.cpu_s for answer in counted)
        factor = "1" if reader == "ktp-ocr" else f"{1 / _ratio(run, reader):.1f} ×"
        table.add_row(
            run.versions[reader],
            str(len(counted)),
            f"{median(cpu_ms):.1f}",
            f"{cpu_ms[int(0.9 * (len(cpu_ms) - 1))]:.1f}",
            f"{1e3 * median(answer.wall_s for answer in counted):.1f}",
            factor,
            f"{counted[-1].peak_mib * MIB / 1e6:.0f}",
        )
    console.print(table)
    for reason in run.missing:
        console.print(f"not measured: {reason}", markup=False)
    console.print(_stage_table(run))
    print_checks(console, "Costs", checks)


def speed_to_json(run: SpeedRun, checks: Sequence[Check]) -> dict[str, object]:
    """Give a run as plain values."""
    return {
        "readers": {
            run.versions[reader]: {"cpu_ms": [round(1e3 * answer.cpu_s, 2) for answer in answers]}
            for reader, answers in run.answers.items()
        },
        "stages_ms": {stage: round(_stages_ms(run, (stage,)), 3) for stage in _stage_names(run)},
        "checks": checks_to_json(checks),
        "missing": run.missing,
    }


def _stage_table(run: SpeedRun) -> Table:
    table = Table(title="Stages of ktp-ocr, CPU time", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("stage", "", "ms, median", "share"):
        table.add_column(heading, justify="right" if heading in ("ms, median", "share") else "left")
    whole_ms = sum(_stages_ms(run, (stage,)) for stage in _stage_names(run))
    for stage in _stage_names(run):
        took_ms = _stages_ms(run, (stage,))
        kind = "model" if stage in MODEL_STAGES else ""
        table.add_row(stage, kind, f"{took_ms:.2f}", f"{100 * took_ms / whole_ms:.1f} %")
    return table


def _stage_names(run: SpeedRun) -> list[str]:
    return [stage for stage in dict.fromkeys(s for a in run.ours for s in a.stages_ms) if stage != "total"]


def _stages_ms(run: SpeedRun, stages: Sequence[str]) -> float:
    """Median over the images of what some stages took together."""
    return median(sum(answer.stages_ms.get(stage, 0.0) for stage in stages) for answer in run.ours)


def _ratio(run: SpeedRun, peer: str) -> float:
    """Median over the images of our CPU time over a peer's."""
    pairs = zip(run.answers["ktp-ocr"], run.answers[peer], strict=True)
    return median(ours.cpu_s / theirs.cpu_s for ours, theirs in pairs if not ours.failure)
