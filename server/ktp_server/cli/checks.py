"""The command that checks pictures without reading them."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.text import Text

from ktp_server.cli.options import ConfigOption, ModelsOption, SetOption, make_settings, run_or_exit, to_text
from ktp_server.cli.reports import find_files
from ktp_server.settings import Settings

__all__ = ["check"]


def check(  # noqa: PLR0913  # each option of the command is a parameter
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders that are searched for images.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per image and line.")] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for copies that show outline, glare and failed checks.", show_default=False),
    ] = None,
    models: ModelsOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Check image files against the requirements, and the quality of the card in them, without reading its text.

    Exit status: 0 when every check of every file passed, 1 when some failed or a file cannot be used.

    Example: `ktp-ocr check --json photos/ > checks.jsonl`
    """
    settings = make_settings(config, assignments, {"model_repository": to_text(models)})
    raise typer.Exit(0 if run_or_exit(_check(paths, settings, pictures, as_json=as_json)) else 1)


async def _check(paths: list[Path], settings: Settings, pictures: Path | None, *, as_json: bool) -> bool:
    """Check, print, draw; tell whether everything passed."""
    from ktp_server.annotate import write_annotated
    from ktp_server.assembly import open_pipeline
    from ktp_server.errors import reportable_failure
    from ktp_server.outcomes import assessment_to_json, failure_to_json, unreadable_file
    from ktp_server.presentation import render_checks, render_failure

    files = find_files(paths)
    if pictures is not None:
        await asyncio.to_thread(pictures.mkdir, parents=True, exist_ok=True)
    console, all_passed = Console(), True
    async with open_pipeline(settings) as pipeline:
        for number, path in enumerate(files, 1):
            try:
                data = path.read_bytes()
                result = await pipeline.assess_quality(data)
            except Exception as error:  # noqa: BLE001  # one bad file never stops the rest
                failure = unreadable_file(error) if isinstance(error, OSError) else reportable_failure(error)
                all_passed = False
                document, shown = failure_to_json(path, failure), Group(render_failure(failure))
            else:
                all_passed &= all(score.passed for score in result.quality.values())
                all_passed &= all(item.passed for item in result.requirements)
                document, shown = assessment_to_json(path, result), render_checks(result)
                if pictures is not None:
                    write_annotated(pictures / f"{number:03d}-{path.stem}.jpg", data, result)
            if as_json:
                sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
            else:
                console.print(Group(Text(str(path), style="bold"), shown))
    return all_passed
