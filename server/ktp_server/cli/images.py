"""Commands that read or draw pictures: serve, read, demo, specimen."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from ktp_server.cli.flags import take_settings
from ktp_server.cli.options import (
    ConfigOption,
    ModelsOption,
    SetOption,
    TemplatesOption,
    begin_log,
    fail,
    make_settings,
    run_or_exit,
    to_text,
)
from ktp_server.cli.reports import PROGRESS_COLUMNS, find_files, report_outcomes
from ktp_server.configuration import Configuration
from ktp_server.settings import Settings

__all__ = ["demo", "read", "serve", "specimen"]


class Stratum(StrEnum):
    """How hard a specimen is to read."""

    CLEAN = "clean"
    PHONE = "phone"
    HARD = "hard"
    EMPTY = "empty"


MIXTURE = (Stratum.CLEAN, Stratum.PHONE, Stratum.HARD)
"""Strata drawn in turn when none is asked for."""


@take_settings
def serve(configuration: Configuration) -> None:
    """Start the gRPC server; SIGTERM or Ctrl-C drains and stops it, SIGHUP reads templates, keys and certificates anew.

    Example: `ktp-ocr serve --listen 0.0.0.0:50051 --api-keys keys.txt --max-in-flight-count 128`
    """
    from ktp_server.front import app as application
    from ktp_server.front.supervisor import Supervisor
    from ktp_server.front.worker import run_worker

    settings = configuration.settings
    begin_log(configuration)
    if settings.workers > 1:
        raise typer.Exit(run_or_exit(Supervisor(settings, run_worker).run()))
    run_or_exit(application.serve(settings))


def read(  # noqa: PLR0913  # each option of the command is a parameter
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders that are searched for images.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per image and line.")] = False,
    models: ModelsOption = None,
    templates: TemplatesOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Read cards in image files, in this process.

    One bad file never stops the rest. Exit status: 0 when every file was read, 1 when some failed.

    Example: `ktp-ocr read --json photos/ > cards.jsonl`
    """
    settings = make_settings(
        config, assignments, {"model_repository": to_text(models), "templates": to_text(templates)}
    )
    failure_count = run_or_exit(_read(paths, settings, as_json=as_json))
    raise typer.Exit(1 if failure_count else 0)


def demo(
    path: Annotated[
        Path | None, typer.Argument(help="An image of a card; by default a bundled specimen.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Where to write the annotated picture.")] = Path("ktp-ocr-demo.jpg"),
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Send one card through a real server on this machine, and show what it reads."""
    from ktp_server.demonstration import bundled_specimen, demonstrate
    from ktp_server.presentation import render_outcome

    settings = make_settings(config, assignments, {})
    outcome = run_or_exit(demonstrate(path or bundled_specimen(), out, settings))
    console = Console()
    console.print(render_outcome(outcome))
    if outcome.error is not None:
        raise typer.Exit(1)
    console.print(f"annotated picture: {out}")


def specimen(
    out: Annotated[Path, typer.Option(help="Folder for the images and truth.jsonl.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.", min=0)] = 1,
    count: Annotated[int, typer.Option(help="Number of images.", min=1)] = 10,
    stratum: Annotated[
        Stratum | None, typer.Option(help="Only images of this kind; by default a mixture.", show_default=False)
    ] = None,
) -> None:
    """Render specimen cards of invented people in photographed scenes, with their truth: a deterministic sandbox.

    Example: `ktp-ocr specimen --seed 1 --count 10 --out specimens`
    """
    from ktp_specimen.fonts import FontMissing
    from ktp_specimen.generate import OtherSpecimens, SpecimenSettings, write_specimens
    from ktp_specimen.strata import Stratum as SpecimenStratum

    strata = MIXTURE if stratum is None else (stratum,)
    settings = SpecimenSettings(
        out_dir=out, seed=seed, count=count, strata=tuple(SpecimenStratum(item.value) for item in strata)
    )
    try:
        with Progress(*PROGRESS_COLUMNS, console=Console(stderr=True), transient=True) as progress:
            for _ in progress.track(write_specimens(settings), total=count, description="drawing"):
                pass
    except (FontMissing, OtherSpecimens, OSError) as error:
        fail(str(error))
    Console().print(f"{count} images and truth.jsonl are in {out}")


async def _read(paths: list[Path], settings: Settings, *, as_json: bool) -> int:
    """Read and print; give the number of files that failed."""
    from ktp_server.assembly import open_pipeline
    from ktp_server.outcomes import read_files

    files = find_files(paths)
    async with open_pipeline(settings) as pipeline:
        outcomes = read_files(pipeline.recognize, files, 2 * settings.cpu_worker_count)
        return await report_outcomes(outcomes, len(files), as_json=as_json)
