"""Fits what confidences mean, and writes the table that is served; `make calibrate`, or `--help`."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich import box
from rich.table import Table

from ktp_benchmarks.calibration_fit import FITTED_FIELDS, Sample, cross_validate, fit_calibration, to_json
from ktp_benchmarks.observing import open_observer
from ktp_benchmarks.provenance import ROOT, describe_run, fingerprint
from ktp_benchmarks.report import open_console
from ktp_benchmarks.session import LOG, open_progress, prepare_images
from ktp_benchmarks.statistics import calibration_error
from ktp_benchmarks.truths import LabelledImage
from ktp_server.configuration import load_configuration
from ktp_server.engines.repository import find_model_repository
from ktp_specimen.strata import Stratum

TABLE = ROOT / "postprocessing" / "ktp_postprocessing" / "data" / "calibration.json"
STRATA = (Stratum.HARD, Stratum.PHONE, Stratum.CLEAN)
SURE = 0.95

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="Labelled images: a folder with `truth.jsonl`.")],
    seed: Annotated[int | None, typer.Option(help="Draw specimens of this seed into FOLDER first.", min=0)] = None,
    count: Annotated[int, typer.Option(help="Read the first COUNT images.", min=1)] = 400,
    out: Annotated[Path, typer.Option(help="Where the table is written.")] = TABLE,
) -> None:
    """Read the images of FOLDER, compare each field's raw confidence with whether it is exact, and fit the curves.

    The set must be one that nothing else is measured or trained on. Readings are kept in FOLDER until a model or the
    code of the reader changes: an interrupted run goes on where it stopped, and a second one only fits. The table that
    is printed comes from five-fold cross-validation over cards; the curves that are written from all of them.

    **Specimens**: `python benchmarks/calibrate.py out/calibration-6001 --seed 6001 --count 400`

    **Your own cards**, so that confidence means what it says on them: `python benchmarks/calibrate.py my-cards`
    """
    images = [image for image in prepare_images(folder, seed, count, STRATA) if len(image.cards) == 1]
    samples = asyncio.run(_collect(folder, images))
    if len({sample.card for sample in samples}) < 2:
        LOG.print(f"{folder} holds too few images of one card that can be read", style="red", markup=False)
        raise typer.Exit(2)
    _print_effect(samples)
    run = describe_run()
    provenance = {"set": folder.name, "cards": len(images), "fields": len(samples)} | {
        key: run[key] for key in ("date", "commit", "models")
    }
    out.write_text(to_json(fit_calibration(samples), provenance), "utf-8")
    open_console().print(f"curves: {out}", markup=False)


async def _collect(folder: Path, images: Sequence[LabelledImage]) -> list[Sample]:
    """Read what was not read before with the same models and code; every finished image is kept at once."""
    kept = folder / f"readings-{_fingerprint_reader()}.jsonl"
    done: dict[str, list[Sample]] = {}
    if kept.exists():
        text = kept.read_text("utf-8")
        for line in text[: text.rfind("\n") + 1].splitlines():
            record = json.loads(line)
            done[record["file"]] = [Sample(record["file"], *sample) for sample in record["samples"]]
    todo = [image for image in images if image.file not in done]
    if todo:
        async with open_observer(folder, load_configuration().settings, calibrated=False) as observer:
            with open_progress() as progress, kept.open("a", encoding="utf-8") as stream:
                bar = progress.add_task("reading", total=len(images), completed=len(images) - len(todo))
                async for seen in observer.observe_all(todo, parts=False):
                    given = [field for field in seen.fields if field.value is not None]
                    done[seen.file] = [Sample(seen.file, f.name, f.confidence, f.exact) for f in given]
                    rows = [(sample.field, sample.raw, sample.exact) for sample in done[seen.file]]
                    stream.write(json.dumps({"file": seen.file, "samples": rows}) + "\n")
                    progress.advance(bar)
    return [sample for image in images for sample in done[image.file]]


def _fingerprint_reader() -> str:
    """Changes with the models, and with every source and table that a raw confidence depends on."""
    packages = (ROOT / "preprocessing", ROOT / "postprocessing", ROOT / "server")
    sources = [path for package in packages for path in sorted(package.rglob("*")) if _matters(path)]
    return fingerprint([*sorted(find_model_repository().rglob("*.onnx")), *sources])[:16]


def _matters(path: Path) -> bool:
    return path.is_file() and path != TABLE and "__pycache__" not in path.parts and path.suffix != ".jpg"


def _print_effect(samples: Sequence[Sample]) -> None:
    raw, after = [sample.raw for sample in samples], cross_validate(samples)
    table = Table(title="Confidences before and after (cross-validated)", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("field")
    for heading in ("fields", "exact", "error before", "after", f"wrong from {SURE} on, before", "after"):
        table.add_column(heading, justify="right")
    for name in (*FITTED_FIELDS, "all"):
        chosen = [index for index, sample in enumerate(samples) if name in (sample.field, "all")]
        if chosen:
            exact = [samples[index].exact for index in chosen]
            table.add_row(
                name,
                str(len(chosen)),
                f"{100 * np.mean(exact):.2f} %",
                *(f"{_error(values, exact):.4f}" for values in _pick(chosen, raw, after)),
                *(_wrong_and_sure(values, exact) for values in _pick(chosen, raw, after)),
            )
    open_console().print(table)


def _pick(chosen: Sequence[int], *lists: Sequence[float]) -> list[list[float]]:
    return [[values[index] for index in chosen] for values in lists]


def _error(confidences: Sequence[float], exact: Sequence[bool]) -> float:
    return calibration_error(np.column_stack([confidences, np.array(exact, np.float64)]))


def _wrong_and_sure(confidences: Sequence[float], exact: Sequence[bool]) -> str:
    sure = [right for confidence, right in zip(confidences, exact, strict=True) if confidence >= SURE]
    return f"{sum(not right for right in sure)} of {len(sure)}"


if __name__ == "__main__":
    app()
