"""Measures how well cards are read; `make accuracy`, or `python benchmarks/accuracy.py --help`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from ktp_benchmarks.measures import measure, measure_fields
from ktp_benchmarks.observations import ImageObservation
from ktp_benchmarks.observing import open_observer
from ktp_benchmarks.peer_accuracy import compare_with_peers, print_comparison
from ktp_benchmarks.provenance import RESULTS, describe_run, fingerprint, result_file
from ktp_benchmarks.report import figures_to_json, open_console, print_fields, print_figures
from ktp_benchmarks.session import LOG, open_progress, prepare_images
from ktp_benchmarks.sheet import write_sheet
from ktp_benchmarks.truths import LabelledImage
from ktp_server.configuration import load_configuration
from ktp_specimen.truth import TRUTH_FILE

DRAWN_COUNT = 400

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="Labelled images: a folder with `truth.jsonl`.")],
    seed: Annotated[int | None, typer.Option(help="Draw specimens of this seed into FOLDER first.", min=0)] = None,
    count: Annotated[
        int | None, typer.Option(help="Measure the first COUNT images only; with --seed, draw so many.", min=1)
    ] = None,
    peers: Annotated[bool, typer.Option(help="Also read them with the readers of `make setup-peers`.")] = False,
    results: Annotated[Path, typer.Option(help="Folder for the dated JSON result.")] = RESULTS,
) -> None:
    """Read every labelled image in FOLDER and hold what came out against the targets.

    Segmentation, text detection (on cards rectified by their true corners), recognition (from true boxes), the whole
    reader end to end, and confidence are measured for each stratum, with 95 % confidence intervals: Wilson's for
    shares, a bootstrap over cards for the rest. What a truth leaves out is not measured. `FOLDER/failures.html` shows
    what went wrong, with crops of the cards: treat it like the cards themselves.

    **Specimens**: `python benchmarks/accuracy.py out/accuracy-7101 --seed 7101 --count 400`

    **Your own cards**: put the images into a folder, with one line an image in its `truth.jsonl`, such as
    `{"file": "one.jpg", "fields": {"nik": "...", "nama": "..."}}`; more can be told, see `ktp_benchmarks/truths.py`.
    Then `python benchmarks/accuracy.py my-cards`. Nothing leaves this machine, and the JSON result holds numbers only.
    """
    images = prepare_images(folder, seed, count or (None if seed is None else DRAWN_COUNT))
    observations = asyncio.run(_observe(folder, images))
    figures, by_field = measure(observations), measure_fields(observations)
    console = open_console()
    print_figures(console, figures)
    print_fields(console, by_field)
    record = {
        **describe_run(),
        "set": {"folder": folder.name, "images": len(images), "sha256": fingerprint([folder / TRUTH_FILE])[:16]},
        "figures": figures_to_json([*figures, *by_field]),
    }
    if peers:
        comparison = compare_with_peers(folder, images, observations, LOG)
        print_comparison(console, comparison)
        record["peers"] = comparison.to_json()
    sheet = folder / "failures.html"
    failure_count = write_sheet(sheet, folder, images, observations)
    path = result_file(results, f"accuracy-{folder.name.removeprefix('accuracy-')}")
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    targets = [figure for figure in [*figures, *by_field] if figure.met is not None]
    console.print(f"{sum(bool(figure.met) for figure in targets)} of {len(targets)} targets are met")
    console.print(f"{failure_count} failures: {sheet}\nresult: {path}", markup=False)


async def _observe(folder: Path, images: list[LabelledImage]) -> list[ImageObservation]:
    observations = []
    async with open_observer(folder, load_configuration().settings) as observer:
        with open_progress() as progress:
            bar = progress.add_task("reading", total=len(images))
            async for seen in observer.observe_all(images):
                observations.append(seen)
                progress.advance(bar)
    return observations


if __name__ == "__main__":
    app()
