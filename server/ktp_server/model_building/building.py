"""Writes a model repository for a target: whole and checked, or not at all.

It grows in a temporary folder beside the target, is checked there, and gets its name last.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from google.protobuf import text_format

from ktp_server.demonstration import bundled_specimen
from ktp_server.engines.repository import (
    CONFIG_FILE_NAME,
    MODEL_FILE_NAME,
    ModelRepositoryError,
    read_config,
    read_model_repository,
)
from ktp_server.engines.spec import ModelSpec
from ktp_server.model_building.checking import ADAPTER_FILE_NAME, CheckedModel, check_repository
from ktp_server.model_building.options import BuildOptions, Platform
from ktp_server.model_building.platforms import PLAN_FILE_NAME, adapt_config
from ktp_server.model_building.profiles import plan_profiles
from ktp_server.model_building.samples import Sample, record_samples
from ktp_server.outcomes import find_images

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
    samples = _record_samples(specs, options)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as workshop:
        unfinished = Path(workshop) / target.name
        for name, spec in specs.items():
            _build_model(spec, unfinished / name, options, samples.get(name, []))
        checked = check_repository(unfinished)
        unfinished.rename(target)
    return checked


def _record_samples(specs: Mapping[str, ModelSpec], options: BuildOptions) -> Mapping[str, Sequence[Sample]]:
    """Plans are calibrated and compared with real inputs; the others keep the arithmetic that they were given."""
    if options.platform is not Platform.TENSORRT:
        return {}
    _import_plans()
    return record_samples(specs, options.source_file_name, [bundled_specimen(), *find_images(options.calibration)])


def _build_model(spec: ModelSpec, target: Path, options: BuildOptions, samples: Sequence[Sample]) -> None:
    graph = spec.model_file.with_name(options.source_file_name)
    if not graph.is_file():
        raise ModelRepositoryError(f"{graph} is missing")
    version = target / VERSION
    version.mkdir(parents=True)
    config_file = spec.model_file.parents[1] / CONFIG_FILE_NAME
    digest = replace(spec, model_file=graph).read_digest()
    config = adapt_config(read_config(config_file), options, plan_profiles(spec), digest)
    text = HEADER.format(platform=options.platform) + text_format.MessageToString(config)
    (target / CONFIG_FILE_NAME).write_text(text, encoding="utf-8")
    if options.platform is Platform.TENSORRT:
        plans = _import_plans()
        plan = plans.build_plan(plans.PlanRequest(spec, graph, options.chosen_precision, samples))
        (version / PLAN_FILE_NAME).write_bytes(plan)
        return
    if options.platform is Platform.ONNXRUNTIME:
        _import_uint8_edges().rewrite_graph(graph, version / MODEL_FILE_NAME)
        return
    shutil.copyfile(graph, version / MODEL_FILE_NAME)
    shutil.copyfile(ADAPTER, version / ADAPTER_FILE_NAME)


def _import_plans() -> ModuleType:
    """TensorRT is at hand only where plans are built."""
    return _import_builder(
        "plans", "plans are built where NVIDIA's TensorRT, pycuda and onnx are installed, as Dockerfile.gpu does"
    )


def _import_uint8_edges() -> ModuleType:
    """Serving needs no onnx."""
    return _import_builder("uint8_edges", "graphs for GPUs are rewritten where onnx is installed (ktp-ocr[onnx])")


def _import_builder(name: str, need: str) -> ModuleType:
    try:
        return import_module(f"ktp_server.model_building.{name}")
    except ImportError as error:
        raise ModelRepositoryError(f"{need}: {error}") from error
