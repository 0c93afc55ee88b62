"""How commands that read many files show what they do and what came of it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ktp_server.cli.options import fail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ktp_server.outcomes import FileOutcome

__all__ = ["PROGRESS_COLUMNS", "find_files", "report_outcomes"]

PROGRESS_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def find_files(paths: list[Path]) -> list[Path]:
    """List the images that a command's paths mean, or tell that there are none and exit."""
    from ktp_server.outcomes import find_images

    files = find_images(paths)
    if not files:
        fail("no image files were found in the given folders")
    return files


async def report_outcomes(outcomes: "AsyncIterator[FileOutcome]", file_count: int, *, as_json: bool) -> int:
    """Print outcomes as they come.

    Args:
        outcomes: of the files.
        file_count: how many there will be.
        as_json: one JSON object a line instead of tables.

    Returns:
        The number of files that failed.
    """
    from ktp_server.outcomes import outcome_to_json
    from ktp_server.presentation import render_outcome

    console, failure_count = Console(), 0
    with Progress(*PROGRESS_COLUMNS, console=Console(stderr=True), disable=file_count == 1, transient=True) as progress:
        bar = progress.add_task("reading", total=file_count)
        async for outcome in outcomes:
            failure_count += outcome.error is not None
            if as_json:
                sys.stdout.write(json.dumps(outcome_to_json(outcome), ensure_ascii=False) + "\n")
                sys.stdout.flush()
            else:
                console.print(render_outcome(outcome))
            progress.advance(bar)
    return failure_count
