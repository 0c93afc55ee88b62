"""Commands for the templates: the tables that fields are matched against."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ktp_server.cli.options import fail

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Check tables of your own, or build the area list; see docs/templates.md.",
)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of CSV tables, as for `--templates`.")],
) -> None:
    """Check tables of your own as a server's start would; a mistake is named with file, line and column.

    Example: `ktp-ocr templates check templates/`
    """
    from ktp_postprocessing.knowledge import CardKnowledge
    from ktp_postprocessing.tables import Tables, TemplateError

    try:
        CardKnowledge.open(folder)
        counts = Tables(folder).count_own_rows()
    except TemplateError as error:
        fail(str(error))
    Console().print("\n".join(f"{name}.csv: {count} rows" for name, count in counts.items()) or "no tables")


@app.command()
def build(
    source: Annotated[Path, typer.Argument(help="The data folder of the npm package idn-area-data.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; by default over the installed one.", show_default=False)
    ] = None,
) -> None:
    """Build the area list from the public source; `make templates` fetches that and runs this.

    The same source gives the same bytes.
    """
    from ktp_postprocessing.area_database import build_database, bundled_database_path
    from ktp_postprocessing.tables import TemplateError

    path = out or bundled_database_path()
    try:
        content, counts = build_database(source)
        path.write_bytes(content)
    except (TemplateError, OSError) as error:
        fail(str(error))
    Console().print(", ".join(f"{count} {level}" for level, count in counts.items()))
    Console().print(f"{path}: {len(content)} bytes", soft_wrap=True)
