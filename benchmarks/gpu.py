"""Measures the exported graphs on a GPU, and holds them against the CPU; `python benchmarks/gpu.py --help`.

Needs `pip install onnxruntime-gpu` in place of onnxruntime, with the CUDA and cuDNN that it names.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
import typer
from onnxruntime.transformers.float16 import convert_float_to_float16
from rich import box
from rich.table import Table

from ktp_benchmarks.provenance import RESULTS, describe_run, result_file
from ktp_benchmarks.report import open_console
from ktp_benchmarks.session import LOG
from ktp_server.demonstration import bundled_specimen
from ktp_server.engines.port import TensorBatch
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_server.model_building.deviations import find_deviations
from ktp_server.model_building.samples import Sample, record_samples
from ktp_server.models import RECOGNITION_MODEL

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
FLOAT_FILE_NAME = "model.float.onnx"
ROUNDS = 5

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one graph is.

    Attributes:
        precision: FP32 or FP16.
        items_per_s: images, cards or text lines a second, copies to and from the device included.
        deviations: how it differs from the CPU beyond rounding; empty for none.
    """

    model: str
    precision: str
    batch_size: int
    items_per_s: float
    deviations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """On what, for how long each, and with which batches."""

    provider: str
    duration_s: float
    batch_sizes: tuple[int, ...]


@app.command()
def main(
    provider: Annotated[str, typer.Option(help="ONNX Runtime's execution provider.")] = "CUDAExecutionProvider",
    duration_s: Annotated[float, typer.Option(help="Seconds of each measurement.", min=0.01)] = 2.0,
    models: Annotated[list[str] | None, typer.Option("--model", help="Only this one; may be repeated.")] = None,
    sizes: Annotated[list[int] | None, typer.Option("--batch-size", help="By default 1 to 64; repeatable.")] = None,
    results: Annotated[Path, typer.Option(help="Folder for the dated JSON result.")] = RESULTS,
) -> None:
    """Run each model in FP32 and FP16 with batches of 1 to 64, compare with the CPU, and tell cards a second.

    The inputs are what the reader sends for the bundled specimen. A card takes one segmentation, one detection and
    the specimen's lines; the front end's own work is not in it.

    Example: `python benchmarks/gpu.py`
    """
    if provider not in onnxruntime.get_available_providers():
        LOG.print(f"gpu: this ONNX Runtime has no {provider}", style="red", markup=False)
        raise typer.Exit(2)
    specs = read_model_repository(find_model_repository())
    samples = record_samples(specs, FLOAT_FILE_NAME, [bundled_specimen()])
    chosen = {name: spec for name, spec in specs.items() if name in (models or specs)}
    plan = Plan(provider, duration_s, tuple(sizes or BATCH_SIZES))
    speeds = [speed for name, spec in chosen.items() for speed in _measure(spec, samples[name], plan)]
    line_count = sum(sample.inputs.item_count for sample in samples[RECOGNITION_MODEL])
    cards = _cards_per_s(speeds, {name: line_count if name == RECOGNITION_MODEL else 1 for name in chosen})
    _print(speeds, cards, line_count)
    record = describe_run() | {"provider": provider, "device": _describe_device(), "lines_per_card": line_count}
    record |= {"speeds": [asdict(speed) for speed in speeds], "cards_per_s": cards}
    path = result_file(results, "gpu")
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    open_console().print(f"result: {path}", markup=False)


def _measure(spec: ModelSpec, samples: Sequence[Sample], plan: Plan) -> list[Speed]:
    graph = onnx.load(spec.model_file.with_name(FLOAT_FILE_NAME))
    speeds = []
    for precision in ("FP32", "FP16"):
        model = graph if precision == "FP32" else _halve(graph)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[plan.provider])
        answers = [(sample.outputs, _run(session, sample.inputs)) for sample in samples]
        deviations = tuple(deviation for wanted, got in answers for deviation in find_deviations(wanted, got))
        for size in plan.batch_sizes:
            rate = _time_batches(session, _repeat(samples[0].inputs, size), plan.duration_s)
            speeds.append(Speed(spec.name, precision, size, rate, deviations))
    return speeds


def _halve(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in half precision between its inputs and outputs."""
    halved: onnx.ModelProto = convert_float_to_float16(graph, keep_io_types=True)  # type: ignore[no-untyped-call]
    # The conversion writes a cast once for each use of a tensor, under one name; ONNX Runtime wants it once.
    kept = list({node.output[0]: node for node in halved.graph.node}.values())
    del halved.graph.node[:]
    halved.graph.node.extend(kept)
    return halved


def _run(session: onnxruntime.InferenceSession, inputs: TensorBatch) -> TensorBatch:
    names = [output.name for output in session.get_outputs()]
    arrays = session.run(names, dict(inputs.tensors))
    return TensorBatch({name: np.asarray(array) for name, array in zip(names, arrays, strict=True)})


def _repeat(batch: TensorBatch, size: int) -> TensorBatch:
    """The first item, so many times."""
    return TensorBatch({name: np.repeat(tensor[:1], size, axis=0) for name, tensor in batch.tensors.items()})


def _time_batches(session: onnxruntime.InferenceSession, batch: TensorBatch, duration_s: float) -> float:
    """Give items a second: the best of a few rounds, after one run that allocates and chooses kernels."""
    _run(session, batch)
    best = 0.0
    for _ in range(ROUNDS):
        start_s, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - start_s < duration_s / ROUNDS:
            _run(session, batch)
            count += 1
        best = max(best, count * batch.item_count / (time.perf_counter() - start_s))
    return best


def _cards_per_s(speeds: Sequence[Speed], items_per_card: Mapping[str, int]) -> dict[str, float]:
    """Cards a second by precision, if the device does nothing but the models, each at its best batch size."""
    cards = {}
    for precision in dict.fromkeys(speed.precision for speed in speeds):
        seconds = sum(
            count / max(s.items_per_s for s in speeds if (s.model, s.precision) == (model, precision))
            for model, count in items_per_card.items()
        )
        cards[precision] = round(1 / seconds, 2)
    return cards


def _print(speeds: Sequence[Speed], cards: Mapping[str, float], line_count: int) -> None:
    console = open_console()
    sizes = list(dict.fromkeys(speed.batch_size for speed in speeds))
    table = Table(title="Items a second", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("model", "precision", *(f"batch {size}" for size in sizes), "against the CPU"):
        table.add_column(heading, justify="left" if heading in ("model", "precision") else "right")
    for model, precision in dict.fromkeys((speed.model, speed.precision) for speed in speeds):
        rows = [speed for speed in speeds if (speed.model, speed.precision) == (model, precision)]
        verdict = "; ".join(rows[0].deviations) or "the same"
        table.add_row(model, precision, *(f"{speed.items_per_s:.0f}" for speed in rows), verdict)
    console.print(table)
    for precision, rate in cards.items():
        console.print(f"{precision}: {rate:.1f} cards a second ({line_count} lines each), the front end excluded")


def _describe_device() -> str:
    """The GPU's name and driver; empty without one."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    app()
