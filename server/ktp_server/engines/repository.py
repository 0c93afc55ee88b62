"""Reads a Triton model repository: one folder a model with config.pbtxt and numbered versions.

The same files configure a Triton server and this process, so that there is one source of truth for tensors and
batching.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from ktp_server.engines.spec import BatchingPolicy, ModelSpec, TensorSpec

__all__ = [
    "CONFIG_FILE_NAME",
    "MODEL_FILE_NAME",
    "ModelRepositoryError",
    "find_model_repository",
    "read_config",
    "read_model_repository",
]

CONFIG_FILE_NAME = "config.pbtxt"
MODEL_FILE_NAME = "model.onnx"

TRITON_DTYPES: Mapping[int, np.dtype[np.generic]] = {
    model_config_pb2.TYPE_BOOL: np.dtype(np.bool_),
    model_config_pb2.TYPE_UINT8: np.dtype(np.uint8),
    model_config_pb2.TYPE_INT32: np.dtype(np.int32),
    model_config_pb2.TYPE_INT64: np.dtype(np.int64),
    model_config_pb2.TYPE_FP16: np.dtype(np.float16),
    model_config_pb2.TYPE_FP32: np.dtype(np.float32),
    model_config_pb2.TYPE_FP64: np.dtype(np.float64),
}
"""Element types by Triton's names. Source: Triton, model_config.proto; types no model of ours uses are left out."""


class ModelRepositoryError(Exception):
    """The model repository cannot be used; the message names the file and, for a syntax error, the line."""


def find_model_repository() -> Path:
    """Find the repository that came with this installation.

    Returns:
        `ktp_server/triton_models` of an installed wheel, else `triton_models` of the checkout.

    Raises:
        ModelRepositoryError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    candidates = (package / "triton_models", package.parents[1] / "triton_models")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise ModelRepositoryError(f"no model repository: neither {candidates[0]} nor {candidates[1]} is a folder")


def read_model_repository(root: Path) -> dict[str, ModelSpec]:
    """Read every model's configuration.

    Args:
        root: the repository's folder.

    Returns:
        The models by name.

    Raises:
        ModelRepositoryError: the folder is missing or empty, or a configuration is not valid.
    """
    configs = sorted(root.glob(f"*/{CONFIG_FILE_NAME}"))
    if not configs:
        raise ModelRepositoryError(f"{root} holds no model: expected folders with a {CONFIG_FILE_NAME}")
    return {path.parent.name: _read_model(path) for path in configs}


def read_config(path: Path) -> model_config_pb2.ModelConfig:
    """Read one config.pbtxt as Triton's own message.

    Raises:
        ModelRepositoryError: it cannot be read, or is not valid text format; the message has the line.
    """
    config = model_config_pb2.ModelConfig()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), config)
    except (text_format.ParseError, UnicodeDecodeError, OSError) as error:
        raise ModelRepositoryError(f"{path}: {error}") from error
    return config


def _read_model(path: Path) -> ModelSpec:
    config = read_config(path)
    if config.name and config.name != path.parent.name:
        raise ModelRepositoryError(f"{path}: name {config.name!r} differs from its folder {path.parent.name!r}")
    if config.max_batch_size < 1:
        raise ModelRepositoryError(f"{path}: max_batch_size must be at least 1, got {config.max_batch_size}")
    if not config.input or not config.output:
        raise ModelRepositoryError(f"{path}: at least one input and one output are needed")
    return ModelSpec(
        name=path.parent.name,
        inputs=tuple(_read_tensor(path, tensor.name, tensor.data_type, tensor.dims) for tensor in config.input),
        outputs=tuple(_read_tensor(path, tensor.name, tensor.data_type, tensor.dims) for tensor in config.output),
        max_batch_size=config.max_batch_size,
        batching=_read_batching(path, config),
        instance_count=max((group.count for group in config.instance_group), default=1) or 1,
        parameters={key: parameter.string_value for key, parameter in config.parameters.items()},
        model_file=_newest_version(path.parent) / (config.default_model_filename or MODEL_FILE_NAME),
    )


def _read_tensor(path: Path, name: str, data_type: int, dims: Iterable[int]) -> TensorSpec:
    if data_type not in TRITON_DTYPES:
        raise ModelRepositoryError(f"{path}: tensor {name!r} has a data_type that is not supported")
    return TensorSpec(name=name, dtype=TRITON_DTYPES[data_type], shape=tuple(int(extent) for extent in dims))


def _read_batching(path: Path, config: model_config_pb2.ModelConfig) -> BatchingPolicy:
    batching = config.dynamic_batching
    preferred = tuple(sorted(int(size) for size in batching.preferred_batch_size))
    if any(not 1 <= size <= config.max_batch_size for size in preferred):
        raise ModelRepositoryError(
            f"{path}: preferred_batch_size must lie between 1 and max_batch_size, got {preferred}"
        )
    policy = batching.default_queue_policy
    refuses_late = policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
    return BatchingPolicy(
        preferred_batch_sizes=preferred,
        max_queue_delay_s=batching.max_queue_delay_microseconds / 1e6,
        max_queue_size=policy.max_queue_size,
        default_timeout_s=policy.default_timeout_microseconds / 1e6 if refuses_late else 0.0,
    )


def _newest_version(folder: Path) -> Path:
    versions = [int(child.name) for child in folder.iterdir() if child.is_dir() and child.name.isdecimal()]
    return folder / str(max(versions, default=1))
