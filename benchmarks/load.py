"""Puts load on a real server and holds what happens against its targets; `make load`."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ktp_benchmarks.checks import Check, checks_to_json, print_checks
from ktp_benchmarks.load_isolation import measure_isolation
from ktp_benchmarks.load_pressure import measure_drain, measure_overload, measure_slow_reader
from ktp_benchmarks.load_throughput import measure_throughput
from ktp_benchmarks.load_varied import measure_varied
from ktp_benchmarks.provenance import RESULTS, describe_conditions, describe_run, result_file
from ktp_benchmarks.report import open_console
from ktp_benchmarks.server_process import ServerFailed
from ktp_benchmarks.session import LOG, keep_readable, prepare_images
from ktp_specimen.strata import Stratum

DRAWN_COUNT = 56
"""Enough that 50 different cards can be read."""


class Scenario(StrEnum):
    """What is done to the server."""

    ISOLATION = "isolation"
    OVERLOAD = "overload"
    THROUGHPUT = "throughput"
    VARIED = "varied"
    DRAIN = "drain"
    SLOW_READER = "slow-reader"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def main(  # noqa: PLR0913  # each option of the command is a parameter
    folder: Annotated[Path, typer.Argument(help="Labelled images: a folder with `truth.jsonl`.")],
    scenarios: Annotated[
        list[Scenario] | None, typer.Option("--scenario", help="Only this one; may be repeated.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Draw specimens of this seed into FOLDER first.", min=0)] = None,
    count: Annotated[int, typer.Option(help="Take the first COUNT images only.", min=1)] = DRAWN_COUNT,
    scale: Annotated[float, typer.Option(help="Part of the full length; 0.1 is a quick look.", min=0.01)] = 1.0,
    results: Annotated[Path, typer.Option(help="Folder for the dated JSON result.")] = RESULTS,
) -> None:
    """Start `ktp-ocr serve` on this machine and put load on it, one scenario after the other; about 15 minutes.

    Callers and server share this machine's cores: figures are the server's with its callers beside it. What else runs
    takes its share, too; the result says how much that was.

    **Specimens**: `python benchmarks/load.py out/load-7501 --seed 7501`

    **Your own cards**: `python benchmarks/load.py my-cards --scenario overload`
    """
    chosen = scenarios or list(Scenario)
    labelled = prepare_images(folder, seed, count, (Stratum.CLEAN, Stratum.PHONE))
    files = [(folder / image.file).read_bytes() for image in labelled if len(image.cards) == 1]
    images = asyncio.run(keep_readable(files))
    if not images:
        LOG.print(f"load: {folder} holds no image of one card that can be read", style="red", markup=False)
        raise typer.Exit(2)
    console = open_console()
    found: dict[str, object] = {}
    targets: list[Check] = []
    for place, scenario in enumerate(chosen, 1):
        LOG.print(f"load: {scenario.value}, {place} of {len(chosen)}", markup=False)
        conditions = describe_conditions()
        try:
            checks = asyncio.run(_measure(scenario, images, scale))
        except ServerFailed as error:
            LOG.print(f"load: {error}", style="red", markup=False)
            raise typer.Exit(2) from error
        print_checks(console, scenario.value.capitalize(), checks)
        found[scenario.value] = {"conditions": conditions, "checks": checks_to_json(checks)}
        targets += [replace(check, name=f"{scenario.value}: {check.name.strip()}") for check in checks if check.target]
    record = describe_run() | {"images": len(images), "scale": scale, "scenarios": found}
    path = result_file(results, "load")
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print_checks(console, "All targets", targets)
    console.print(f"result: {path}", markup=False)


def _measure(scenario: Scenario, images: Sequence[bytes], scale: float) -> Coroutine[None, None, list[Check]]:
    match scenario:
        case Scenario.ISOLATION:
            return measure_isolation(images, max(120.0 * scale, 3.0))
        case Scenario.OVERLOAD:
            return measure_overload(images, max(60.0 * scale, 6.0))
        case Scenario.THROUGHPUT:
            return measure_throughput(images, max(round(40 * scale), 2), max(round(8 * scale), 1))
        case Scenario.VARIED:
            return measure_varied(images, max(round(10_000 * scale), 20))
        case Scenario.DRAIN:
            return measure_drain(images, max(10.0 * scale, 2.0))
        case Scenario.SLOW_READER:
            return measure_slow_reader(images, max(30.0 * scale, 3.0))


if __name__ == "__main__":
    app()
