"""Measures what reading a card costs, beside other readers; `make speed`, or `python benchmarks/speed.py --help`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ktp_benchmarks.provenance import RESULTS, describe_models, describe_run, result_file
from ktp_benchmarks.report import open_console
from ktp_benchmarks.server_memory import measure_server_peak_mib
from ktp_benchmarks.server_process import ServerFailed
from ktp_benchmarks.session import LOG, prepare_images
from ktp_benchmarks.speed_run import check_costs, print_speed, run_side_by_side, speed_to_json
from ktp_benchmarks.workers import WorkerFailed, last_core

CALLER_COUNTS = (1, 8)
DRAWN_COUNT = 32

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="Labelled images: a folder with `truth.jsonl`.")],
    seed: Annotated[int | None, typer.Option(help="Draw specimens of this seed into FOLDER first.", min=0)] = None,
    count: Annotated[int, typer.Option(help="Read the first COUNT images only.", min=1)] = DRAWN_COUNT,
    repeat: Annotated[int, typer.Option(help="Read each image so often.", min=1)] = 2,
    results: Annotated[Path, typer.Option(help="Folder for the dated JSON result.")] = RESULTS,
) -> None:
    """Read the images of one card in FOLDER with this reader, RapidOCR and akshara-ocr in turn, each on one core.

    CPU time is compared, from the JPEG's bytes to the fields: what else the machine does hardly changes it. Then a
    server is started and called by one caller, and by eight at a time, for its peak memory. A peer that is not
    installed (`make setup-peers`) is left out, and the output says so.

    **Specimens**: `python benchmarks/speed.py out/accuracy-7101 --seed 7101`

    **Your own cards**: `python benchmarks/speed.py my-cards`; `benchmarks/accuracy.py --help` tells how to label them.
    """
    images = [image for image in prepare_images(folder, seed, count) if len(image.cards) == 1]
    if not images:
        LOG.print(f"speed: {folder} holds no image of one card", style="red", markup=False)
        raise typer.Exit(2)
    try:
        run = run_side_by_side(folder, images, repeat, LOG)
        files = [folder / image.file for image in images]
        peaks_mib = {callers: measure_server_peak_mib(files, callers) for callers in CALLER_COUNTS}
    except (WorkerFailed, ServerFailed) as error:
        LOG.print(f"speed: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    if not run.ours:
        LOG.print("speed: not one of the images could be read", style="red", markup=False)
        raise typer.Exit(2)
    onnx_bytes = sum(int(str(model["bytes"])) for model in describe_models().values())
    checks = check_costs(run, onnx_bytes, peaks_mib)
    console = open_console()
    print_speed(console, run, checks)
    record = (
        describe_run() | {"core": last_core(), "images": len(images), "repeat": repeat} | speed_to_json(run, checks)
    )
    path = result_file(results, f"speed-{folder.name.removeprefix('accuracy-')}")
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    console.print(f"result: {path}", markup=False)


if __name__ == "__main__":
    app()
