"""Commands for the file of API keys."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ktp_server.cli.options import fail
from ktp_server.configuration import environment_name

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, list and revoke API keys; running servers notice within a second. See docs/security.md.",
)

FileOption = Annotated[
    Path,
    typer.Option("--file", help="The key file, as for `--api-keys`.", envvar=environment_name("api_keys")),
]
NameArgument = Annotated[str, typer.Argument(help="Whose key: letters, digits, - and _.")]


@app.command()
def add(
    name: NameArgument,
    file: FileOption,
    rate: Annotated[
        float | None, typer.Option(help="Images a second; by default rate_limit_per_s.", show_default=False)
    ] = None,
) -> None:
    """Make a key and print it, this once: the file keeps only its hash.

    The key alone goes to standard output. To exchange a key, add one under another name, move the callers to it, and
    revoke the old one.

    Example: `ktp-ocr keys add teller --file keys.txt --rate 5`
    """
    from ktp_server.security.api_keys import make_api_key
    from ktp_server.security.errors import SecurityError
    from ktp_server.security.key_file import add_key

    try:
        presented, key = make_api_key(name, rate)
        add_key(file, key)
    except SecurityError as error:
        fail(str(error))
    typer.echo(presented)
    typer.echo(f"ktp-ocr: {file} keeps its hash; the key itself is shown only now", err=True)


@app.command("list")
def show(file: FileOption) -> None:
    """List the names of the keys and their rates."""
    from ktp_server.security.errors import SecurityError
    from ktp_server.security.key_file import read_keys

    try:
        keys = read_keys(file)
    except SecurityError as error:
        fail(str(error))
    table = Table("name", "images a second", show_edge=False, pad_edge=False)
    for key in keys:
        table.add_row(key.name, "rate_limit_per_s" if key.rate_per_s is None else f"{key.rate_per_s:g}")
    Console().print(table)


@app.command()
def revoke(name: NameArgument, file: FileOption) -> None:
    """Take a key out of the file; it opens nothing from the next call on."""
    from ktp_server.security.errors import SecurityError
    from ktp_server.security.key_file import revoke_key

    try:
        revoke_key(file, name)
    except SecurityError as error:
        fail(str(error))
    typer.echo(f"ktp-ocr: {name} is revoked", err=True)
