"""Commands that have images read by a server elsewhere: call, batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task
from rich.text import Text

from ktp_server.cli.endpoints import make_endpoint
from ktp_server.cli.options import fail, run_or_exit
from ktp_server.cli.reports import PROGRESS_COLUMNS, find_files, report_outcomes

if TYPE_CHECKING:
    from ktp_server.client import Endpoint
    from ktp_server.client.batch import BatchPlan

__all__ = ["batch", "call"]

CALL_COUNT = 2
"""Calls under way at a time: one travels while another is read. Those without a place at the server are tried again."""

BATCH_ATTEMPT_COUNT = 20
"""Attempts in a row at a server that is away, about a minute: longer than a restart takes."""

TargetOption = Annotated[str, typer.Option("--target", help="host:port of the gRPC server.", metavar="HOST:PORT")]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        help="PEM file of authorities that vouch for the server; with it TLS is spoken.",
        show_default=False,
    ),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-certificate",
        help="PEM file of your own certificate, for a server that asks for one.",
        show_default=False,
    ),
]
TlsKeyOption = Annotated[
    Path | None, typer.Option("--tls-key", help="PEM file of that certificate's private key.", show_default=False)
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", help="File that holds your API key and nothing else.", show_default=False),
]
RequireOption = Annotated[
    str, typer.Option("--require", help="Checks that must pass, with commas between them.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class _CallOptions:
    """How `call` reads and prints."""

    timeout_s: float
    require: tuple[str, ...]
    as_json: bool


class RateColumn(ProgressColumn):
    """Images a second, over the last half minute; those of an earlier run do not count."""

    def render(self, task: Task) -> Text:
        """See `ProgressColumn`."""
        return Text("" if task.speed is None else f"{task.speed:.1f}/s", style="progress.data.speed")


def call(  # noqa: PLR0913  # each option of the command is a parameter
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders that are searched for images.")],
    target: TargetOption,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per image and line.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", help="Seconds for each image, all attempts included.")
    ] = 30.0,
    require: RequireOption = "",
    tls_ca: CaOption = None,
    tls_certificate: CertificateOption = None,
    tls_key: TlsKeyOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Have cards in image files read by a server; prints what `ktp-ocr read` prints.

    A server without room, or on its way back, is tried again until the time is over. Exit status: 0 when every file was
    read, 1 when some failed.

    Example: `ktp-ocr call --target ocr.internal:50051 --tls-ca ca.pem --key-file key.txt photo.jpg`
    """
    endpoint = make_endpoint(target, (tls_ca, tls_certificate, tls_key), key_file)
    options = _CallOptions(timeout_s, _names(require), as_json)
    failure_count = run_or_exit(_call(paths, endpoint, options))
    raise typer.Exit(1 if failure_count else 0)


def batch(  # noqa: PLR0913  # each option of the command is a parameter
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder that is searched for images.", exists=True, file_okay=False, show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The table: .jsonl, .csv, or .parquet (extra ktp-ocr\\[parquet]).", show_default=False)
    ],
    target: TargetOption,
    concurrency: Annotated[int, typer.Option(help="Images under way at a time.", min=1)] = 8,
    require: RequireOption = "",
    tls_ca: CaOption = None,
    tls_certificate: CertificateOption = None,
    tls_key: TlsKeyOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Have a folder of images read by a server into one table, a row an image; failures are rows with their reason.

    Interrupted in whatever way, the same command goes on where it stood: what is done lies in OUT.journal until the
    table is written. Exit status: 0 when every image was read, 1 when some failed, 2 when the batch is not done.

    Example: `ktp-ocr batch photos/ --out results.parquet --target ocr.internal:50051`
    """
    from ktp_server.client.batch import BatchError, BatchPlan

    endpoint = make_endpoint(target, (tls_ca, tls_certificate, tls_key), key_file)
    try:
        counts = run_or_exit(_batch(endpoint, BatchPlan(folder, out, _names(require), concurrency)))
    except BatchError as error:
        fail(str(error))
    summary = ", ".join(f"{count} {status}" for status, count in counts.items())
    Console(soft_wrap=True).print(f"{out}: {sum(counts.values())} images, {summary}", markup=False, highlight=False)
    raise typer.Exit(0 if set(counts) <= {"OK"} else 1)


async def _call(paths: list[Path], endpoint: "Endpoint", options: _CallOptions) -> int:
    """Read and print; give the number of files that failed."""
    from ktp_server.client import AsyncKtpOcrClient
    from ktp_server.outcomes import read_files

    files = find_files(paths)
    async with AsyncKtpOcrClient(endpoint) as client:
        read = partial(client.recognize, timeout_s=options.timeout_s, require=options.require)
        return await report_outcomes(read_files(read, files, CALL_COUNT), len(files), as_json=options.as_json)


async def _batch(endpoint: "Endpoint", plan: "BatchPlan") -> Mapping[str, int]:
    """Read all images and show how far it is; give the number of images by status."""
    from ktp_server.client import AsyncKtpOcrClient, RetryPolicy
    from ktp_server.client.batch import run_batch

    with Progress(*PROGRESS_COLUMNS, RateColumn(), console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading", total=None)

        def show(done_count: int, total_count: int) -> None:
            progress.update(bar, completed=done_count, total=total_count)

        async with AsyncKtpOcrClient(endpoint, RetryPolicy(BATCH_ATTEMPT_COUNT)) as client:
            return await run_batch(client, plan, show)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
