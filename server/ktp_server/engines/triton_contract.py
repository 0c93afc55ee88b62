"""Holds what a Triton server says of its models against the local repository: same tensors, same limits, same words.

A server that was given other models would answer without an error, and wrongly: another alphabet is enough.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from tritonclient.grpc import model_config_pb2

from ktp_server.engines.repository import TRITON_DTYPES
from ktp_server.engines.spec import BatchingPolicy, ModelSpec, TensorSpec

__all__ = ["TRITON_DTYPE_NAMES", "count_instances", "find_differences"]

TRITON_DTYPE_NAMES: Mapping[np.dtype[np.generic], str] = {
    dtype: model_config_pb2.DataType.Name(number).removeprefix("TYPE_") for number, dtype in TRITON_DTYPES.items()
}
"""Triton's names of element types in requests. Source: Triton, datatypes."""


def find_differences(spec: ModelSpec, remote: model_config_pb2.ModelConfig) -> list[str]:
    """Compare a served model's configuration with the local one.

    Args:
        spec: the local model.
        remote: the configuration that the server reports.

    Returns:
        One sentence for each difference that could change an answer or refuse a request; empty if there is none.
    """
    differences = []
    for kind, wanted, found in (("input", spec.inputs, remote.input), ("output", spec.outputs, remote.output)):
        served = {tensor.name: _describe_remote(tensor.data_type, tensor.dims) for tensor in found}
        for tensor in wanted:
            here = _describe(tensor)
            there = served.pop(tensor.name, "missing")
            if here != there:
                differences.append(f"{spec.name}: {kind} {tensor.name} is {here} here and {there} on the server")
        differences += [f"{spec.name}: the server has one more {kind}, {name}" for name in served]
    if remote.max_batch_size < spec.max_batch_size:
        differences.append(
            f"{spec.name}: max_batch_size is {spec.max_batch_size} here and {remote.max_batch_size} on the server"
        )
    if spec.batching != BatchingPolicy() and not remote.HasField("dynamic_batching"):
        differences.append(f"{spec.name}: dynamic_batching is set here and not on the server")
    for key, value in spec.parameters.items():
        there = remote.parameters[key].string_value if key in remote.parameters else "missing"
        if there != value:
            differences.append(f"{spec.name}: parameter {key} is {value!r} here and {there!r} on the server")
    return differences


def count_instances(remote: model_config_pb2.ModelConfig) -> int:
    """Give how many executions of a served model run at a time, on all its devices."""
    return max(1, sum(int(group.count) * max(1, len(group.gpus)) for group in remote.instance_group))


def _describe(tensor: TensorSpec) -> str:
    return f"{TRITON_DTYPE_NAMES[tensor.dtype]} {list(tensor.shape)}"


def _describe_remote(data_type: int, extents: Iterable[int]) -> str:
    return f"{model_config_pb2.DataType.Name(data_type).removeprefix('TYPE_')} {[int(extent) for extent in extents]}"
