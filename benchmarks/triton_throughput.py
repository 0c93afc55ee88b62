"""Measures the embedded engine against a real Triton server; `make triton-throughput`."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ktp_benchmarks.engine_figures import print_engine_figures, write_engine_picture
from ktp_benchmarks.engine_load import Figures
from ktp_benchmarks.perf_analyzer import PERF_ANALYZER, PerfAnalyzerFailed, run_perf_analyzer
from ktp_benchmarks.provenance import RESULTS, describe_conditions, describe_run, result_file
from ktp_benchmarks.report import open_console
from ktp_benchmarks.session import LOG, keep_readable, open_progress, prepare_images
from ktp_benchmarks.triton_run import Tritons, measure_engines, run_two_tritons
from ktp_server.models import DETECTION_MODEL
from ktp_specimen.strata import Stratum
from tests.triton.triton_process import TritonFailed

CALLER_COUNTS = (1, 2, 4, 8, 16, 32, 64)
DRAWN_COUNT = 24

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def main(  # noqa: PLR0913  # each option of the command is a parameter
    folder: Annotated[Path, typer.Argument(help="Labelled images: a folder with `truth.jsonl`.")],
    seed: Annotated[int | None, typer.Option(help="Draw specimens of this seed into FOLDER first.", min=0)] = None,
    duration_s: Annotated[float, typer.Option(help="Seconds of each measurement.", min=0.1)] = 6.0,
    callers: Annotated[list[int] | None, typer.Option(help="By default 1 to 64; repeatable.", min=1)] = None,
    picture: Annotated[Path | None, typer.Option(help="Write throughput over callers there, as SVG.")] = None,
    results: Annotated[Path, typer.Option(help="Folder for the dated JSON result.")] = RESULTS,
) -> None:
    """Read cards, and run the text detector alone, with 1 to 64 callers through each engine; about 10 minutes.

    The ways take turns. Triton runs beside this process and shares its cores. Its figures by NVIDIA's perf_analyzer
    stand beside ours (`make setup-perf-analyzer`).

    **Specimens**: `python benchmarks/triton_throughput.py out/triton-7601 --seed 7601`
    """
    labelled = prepare_images(folder, seed, DRAWN_COUNT, (Stratum.CLEAN, Stratum.PHONE))
    images = asyncio.run(keep_readable([(folder / image.file).read_bytes() for image in labelled]))
    counts = tuple(callers or CALLER_COUNTS)
    conditions = describe_conditions()
    try:
        with tempfile.TemporaryDirectory() as work, run_two_tritons(Path(work)) as tritons:
            with open_progress() as progress:
                run = asyncio.run(measure_engines(tritons, images, counts, duration_s, progress))
            beside = _ask_perf_analyzer(tritons, counts, Path(work))
    except (TritonFailed, PerfAnalyzerFailed) as error:
        LOG.print(f"triton: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    console = open_console()
    print_engine_figures(console, "Cards", run.cards)
    print_engine_figures(console, "Text detector alone", [*run.detections, *beside])
    if picture is not None:
        write_engine_picture(picture, run.cards)
    record = describe_run() | {"conditions": conditions, "images": len(images), "duration_s": duration_s}
    record |= {"cards": [figure.to_json() for figure in run.cards]}
    record |= {"detections": [figure.to_json() for figure in (*run.detections, *beside)]}
    path = result_file(results, "triton")
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    console.print(f"result: {path}", markup=False)


def _ask_perf_analyzer(tritons: Tritons, counts: Sequence[int], folder: Path) -> list[Figures]:
    if not PERF_ANALYZER.is_file():
        LOG.print("perf_analyzer is not installed (`make setup-perf-analyzer`): its figures are left out")
        return []
    found = []
    for path, shared in (("messages", False), ("shared memory", True)):
        figures = run_perf_analyzer(
            tritons.batching.grpc_address, DETECTION_MODEL, counts, folder, shared_memory=shared
        )
        found += [
            Figures(f"perf_analyzer, {path}", each.callers, 0, each.rate_per_s, each.p50_ms, each.p95_ms, 0.0, 0.0)
            for each in figures
        ]
    return found


if __name__ == "__main__":
    app()
