"""Commands for model repositories: made for a Triton server, and checked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ktp_server.cli.options import ModelsOption, fail
from ktp_server.model_building.options import BuildOptions, Platform, Precision

if TYPE_CHECKING:
    from ktp_server.model_building.checking import CheckedModel

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make a Triton model repository for a kind of server, and check one; see docs/triton.md.",
)


@app.command()
def build(  # noqa: PLR0913  # typer makes one option of each parameter
    platform: Annotated[
        Platform,
        typer.Option(
            help="`python`: any Triton, on CPUs; `onnxruntime`: GPUs, TensorRT through it; `tensorrt`: plans."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The new repository's folder; must not exist yet.")],
    models: ModelsOption = None,
    precision: Annotated[
        Precision | None, typer.Option(help="By default int8 on CPUs, float (FP16) on GPUs.", show_default=False)
    ] = None,
    instances: Annotated[int, typer.Option(min=1, help="Executions of each model at a time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads in one execution; for `python`.")] = 1,
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(help="Pictures of cards, or folders of them, for `tensorrt` in int8.", show_default=False),
    ] = None,
    queue_policy: Annotated[
        bool,
        typer.Option(
            help="Keep the queue policy and the priority levels. Since 24.04 Triton waits up to 500 ms with either."
        ),
    ] = False,
) -> None:
    """Make a model repository for a Triton server.

    It is built beside its place, checked, and renamed: a build that fails leaves nothing. Plans (`tensorrt`) are built
    on the very kind of GPU that will run them, and compared with ONNX Runtime before they are written.

    Example: `ktp-ocr models build --platform python --out repository`
    """
    from ktp_server.engines.repository import ModelRepositoryError, find_model_repository
    from ktp_server.model_building.building import build_repository

    try:
        options = BuildOptions(
            platform, precision, instances, threads, tuple(calibrate or ()), keeps_queue_policy=queue_policy
        )
        checked = build_repository(models or find_model_repository(), out, options)
    except (ModelRepositoryError, ValueError, OSError) as error:
        fail(str(error))
    _show(checked)


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="A model repository.")]) -> None:
    """Check a repository as a start would: every file is there, every graph runs and fits its config.pbtxt.

    A mistake is named with its file and, in a configuration, its line. Plans are only looked for.

    Example: `ktp-ocr models check triton_models`
    """
    from ktp_server.engines.repository import ModelRepositoryError
    from ktp_server.model_building.checking import check_repository

    try:
        checked = check_repository(folder)
    except ModelRepositoryError as error:
        fail(str(error))
    _show(checked)


def _show(checked: list["CheckedModel"]) -> None:
    table = Table("model", "backend", "SHA-256", "outputs for one empty input", show_edge=False, pad_edge=False)
    for model in checked:
        outputs = ", ".join(f"{name} {list(shape)}" for name, shape in model.outputs.items())
        table.add_row(model.name, model.backend, model.digest, outputs or "not run: a plan needs its GPU")
    Console().print(table)
