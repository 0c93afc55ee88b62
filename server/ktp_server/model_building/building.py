"""Writes a model repository for a target: whole and checked, or not at all.

It grows in a temporary folder beside the target, is checked there, and gets its name last.
"""

import shutil
import tempfile
from pathlib import Path

from google.protobuf import text_format

from ktp_server.engines.repository import CONFIG_FILE_NAME, ModelRepositoryError, read_config, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_server.model_building.checking import ADAPTER_FILE_NAME, CheckedModel, check_repository
from ktp_server.model_building.platforms import BuildOptions, Platform, adapt_config

__all__ = ["build_repository"]

ADAPTER = Path(__file__).with_name("python_backend") / ADAPTER_FILE_NAME
VERSION = "1"
HEADER = "# Made by `ktp-ocr models build --platform {platform}`; what is changed here is lost with the next build.\n"


def build_repository(source: Path, target: Path, options: BuildOptions) -> list[CheckedModel]:
    """Make a repository.

    Args:
        source: the repository to start from, with model.onnx and model.float.onnx for each model.
        target: folder that must not exist yet; its parent is made.
        options: what kind of server it is for.

    Returns:
        The models, as they were checked.

    Raises:
        ModelRepositoryError: the source cannot be used, the target exists, or what was built does not pass its check.
        OSError: the target cannot be written.
    """
    if target.exists():
        raise ModelRepositoryError(f"{target} exists already; name another folder, or remove it")
    specs = read_model_repository(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as workshop:
        unfinished = Path(workshop) / target.name
        for spec in specs.values():
            _build_model(spec, source / spec.name, unfinished / spec.name, options)
        checked = check_repository(unfinished)
        unfinished.rename(target)
    return checked


def _build_model(spec: ModelSpec, source: Path, target: Path, options: BuildOptions) -> None:
    graph = spec.model_file.with_name(options.source_file_name)
    if not graph.is_file():
        raise ModelRepositoryError(f"{graph} is missing")
    version = target / VERSION
    version.mkdir(parents=True)
    config = adapt_config(read_config(source / CONFIG_FILE_NAME), options)
    text = HEADER.format(platform=options.platform) + text_format.MessageToString(config)
    (target / CONFIG_FILE_NAME).write_text(text, encoding="utf-8")
    shutil.copyfile(graph, version / "model.onnx")
    if options.platform is Platform.PYTHON:
        shutil.copyfile(ADAPTER, version / ADAPTER_FILE_NAME)
