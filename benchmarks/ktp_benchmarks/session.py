"""What the commands share: where they log, their progress bars, and the set that they work on."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ktp_benchmarks.truths import STRATA, LabelledImage, TruthInvalid, draw_missing, read_labelled
from ktp_server.assembly import open_pipeline
from ktp_server.configuration import load_configuration
from ktp_server.errors import RecognitionError
from ktp_specimen.fonts import FontMissing
from ktp_specimen.generate import OtherSpecimens
from ktp_specimen.strata import Stratum

LOG = Console(stderr=True)


def open_progress() -> Progress:
    """A progress bar on the error stream, so that it mixes with no table."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=LOG, transient=True)


def prepare_images(
    folder: Path, seed: int | None, count: int | None, strata: Sequence[Stratum] = STRATA
) -> list[LabelledImage]:
    """Draw what is missing of a set, and read its truth; ends the command with a plain message where that fails.

    Args:
        folder: labelled images.
        seed: draw specimens of it first; None to take the folder as it is.
        count: the first so many images; None for all there are, which a seed does not allow.
        strata: drawn in turn.
    """
    try:
        if seed is not None and count is not None:
            with open_progress() as progress:
                bar = progress.add_task("drawing", total=count)
                for done in draw_missing(folder, seed, count, strata):
                    progress.update(bar, completed=done)
        return read_labelled(folder, count)
    except (TruthInvalid, FontMissing, OtherSpecimens, OSError) as error:
        LOG.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error


async def keep_readable(images: Sequence[bytes]) -> list[bytes]:
    """Leave out images that are refused: a refusal stops early and would flatter what is measured."""
    readable = []
    async with open_pipeline(load_configuration().settings) as pipeline:
        for image in images:
            try:
                await pipeline.recognize(image)
            except RecognitionError:
                continue
            readable.append(image)
    return readable
