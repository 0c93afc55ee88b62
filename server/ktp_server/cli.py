"""The command line `ktp-ocr`."""

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ktp_server.settings import Settings, SettingsError, load_settings

__all__ = ["app", "main"]

T = TypeVar("T")

app = typer.Typer(
    name="ktp-ocr",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help=(
        "Reads Indonesian identity cards (KTP) in photographs: a gRPC server, and the same reader for files.\n\n"
        "Start with `ktp-ocr demo`. Then read your own pictures with `ktp-ocr read photo.jpg`, or start the server "
        "with `ktp-ocr serve` and call it with any gRPC client; it offers reflection and health.\n\n"
        "Every setting can be given in a TOML file (`--config`), in the environment (`KTP_OCR_...`) or by "
        "`--set name=value`; the latter wins."
    ),
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings.", envvar="KTP_OCR_CONFIG", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="One setting; may be repeated.", show_default=False),
]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Model repository; by default the bundled one.", show_default=False)
]


class Stratum(StrEnum):
    """How hard a specimen is to read."""

    CLEAN = "clean"
    PHONE = "phone"
    HARD = "hard"
    EMPTY = "empty"


MIXTURE = (Stratum.CLEAN, Stratum.PHONE, Stratum.HARD)
"""Strata drawn in turn when none is asked for."""

PROGRESS_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


@app.command()
def serve(
    listen: Annotated[
        str | None, typer.Option(help="host:port of the gRPC server. [default: 127.0.0.1:50051]", show_default=False)
    ] = None,
    models: ModelsOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Start the gRPC server; SIGTERM or Ctrl-C drains and stops it.

    Example: `ktp-ocr serve --listen 0.0.0.0:50051 --set max_in_flight_count=128`
    """
    from ktp_server import app as application

    settings = _settings(config, assignments, {"listen_address": listen, "model_repository": _text(models)})
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _run_or_exit(application.serve(settings))


@app.command()
def read(
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders that are searched for images.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per image and line.")] = False,
    models: ModelsOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Read cards in image files, in this process.

    One bad file never stops the rest. Exit status: 0 when every file was read, 1 when some failed.

    Example: `ktp-ocr read --json photos/ > cards.jsonl`
    """
    settings = _settings(config, assignments, {"model_repository": _text(models)})
    failure_count = _run_or_exit(_read(paths, settings, as_json=as_json))
    raise typer.Exit(1 if failure_count else 0)


@app.command()
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

    settings = _settings(config, assignments, {})
    outcome = _run_or_exit(demonstrate(path or bundled_specimen(), out, settings))
    console = Console()
    console.print(render_outcome(outcome))
    if outcome.error is not None:
        raise typer.Exit(1)
    console.print(f"annotated picture: {out}")


@app.command()
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
        _fail(str(error))
    Console().print(f"{count} images and truth.jsonl are in {out}")


async def _read(paths: list[Path], settings: Settings, *, as_json: bool) -> int:
    """Read and print; give the number of files that failed."""
    from ktp_server.assembly import open_pipeline
    from ktp_server.outcomes import find_images, outcome_to_json, read_files
    from ktp_server.presentation import render_outcome

    files = find_images(paths)
    if not files:
        _fail("no image files were found in the given folders")
    console = Console()
    failure_count = 0
    async with open_pipeline(settings) as pipeline:
        with Progress(
            *PROGRESS_COLUMNS, console=Console(stderr=True), disable=len(files) == 1, transient=True
        ) as progress:
            bar = progress.add_task("reading", total=len(files))
            async for outcome in read_files(pipeline, files, 2 * settings.cpu_worker_count):
                failure_count += outcome.error is not None
                if as_json:
                    sys.stdout.write(json.dumps(outcome_to_json(outcome), ensure_ascii=False) + "\n")
                    sys.stdout.flush()
                else:
                    console.print(render_outcome(outcome))
                progress.advance(bar)
    return failure_count


def _settings(config: Path | None, assignments: list[str] | None, options: dict[str, str | None]) -> Settings:
    overrides = dict(options)
    for assignment in assignments or []:
        name, separator, value = assignment.partition("=")
        if not separator:
            _fail(f"--set {assignment}: expected NAME=VALUE")
        overrides[name.strip()] = value
    try:
        return load_settings(config, overrides)
    except SettingsError as error:
        _fail(str(error))


def _run_or_exit(work: Coroutine[None, None, T]) -> T:
    """Run until done; a known reason not to start is told in one line instead of a stack."""
    from ktp_server.app import ListenError
    from ktp_server.engines.repository import ModelRepositoryError
    from ktp_server.models import ModelContractError

    try:
        return asyncio.run(work)
    except (ListenError, ModelRepositoryError, ModelContractError, OSError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(message: str) -> NoReturn:
    Console(stderr=True, style="red").print(f"ktp-ocr: {message}", markup=False)
    raise typer.Exit(2)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def main() -> None:
    """Run the command line."""
    app()
