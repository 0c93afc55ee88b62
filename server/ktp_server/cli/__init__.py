"""The command line `ktp-ocr`.

`images` holds the commands that read or draw pictures, `clients` those that have a server read them, `checks` the one
that only checks them, `texts` those that read text, `templates`, `keys` and `models` those for tables, API keys and
model repositories, `gateway` the HTTP APIs alone, `config` the one that shows the settings; `options`, `reports`,
`flags` and `endpoints` are what they share.
"""

import os

import typer

from ktp_server.cli import checks, clients, config, gateway, images, keys, models, templates, texts

__all__ = ["app", "main"]

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
        "Every setting can be given in a YAML file (`--config`), in the environment (`KTP_OCR_...`) or by "
        "`--set name=value`; the latter wins. `ktp-ocr config` shows what holds."
    ),
)
for command in (
    images.serve,
    gateway.gateway,
    images.read,
    clients.call,
    clients.batch,
    checks.check,
    images.demo,
    images.specimen,
    texts.fields,
    texts.nik,
    config.config,
):
    app.command()(command)
app.add_typer(templates.app, name="templates")
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")


def main() -> None:
    """Run the command line."""
    # gRPC would write a line of its own for each handshake that fails, into logs in JSON, too. It reads this once.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    app()
