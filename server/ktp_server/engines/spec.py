"""What a model looks like from outside: tensors, batching, parameters. Read from its config.pbtxt by repository.py."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ktp_server.engines.port import FailureKind, InferenceError, TensorBatch

ANY_EXTENT = -1
"""An axis whose extent differs between requests. Source: Triton's model configuration."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    Attributes:
        name: the tensor's name.
        dtype: its element type.
        shape: extents without the batch axis; -1 for any.
    """

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Tell whether one item's shape (no batch axis) fits."""
        return len(shape) == len(self.shape) and all(
            wanted in (ANY_EXTENT, got) for wanted, got in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """How requests of one model are grouped; the words are Triton's.

    Attributes:
        preferred_batch_sizes: sizes to send at once when they can be formed, ascending.
        max_queue_delay_s: longest wait for company.
        max_queue_size: requests that may wait; beyond it they are refused; 0 leaves the bound to the engine.
        default_timeout_s: longest wait for an execution, after which a request is refused; 0 for no bound.
    """

    preferred_batch_sizes: tuple[int, ...] = ()
    max_queue_delay_s: float = 0.0
    max_queue_size: int = 0
    default_timeout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the repository.

    Attributes:
        name: its name, equal to its folder's.
        inputs: input tensors.
        outputs: output tensors.
        max_batch_size: most items in one execution, at least 1.
        batching: how requests are grouped.
        instance_count: executions that may run at a time.
        parameters: free strings that travel with the model, such as `alphabet`.
        model_file: the newest version's file; it need not exist where another process serves the model.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int
    batching: BatchingPolicy
    instance_count: int
    parameters: Mapping[str, str]
    model_file: Path

    @property
    def version(self) -> str:
        """The version that is served: the name of the model file's folder."""
        return self.model_file.parent.name

    def read_digest(self) -> str:
        """Give the first 12 hexadecimal digits of the model file's SHA-256; empty where there is no file."""
        if not self.model_file.is_file():
            return ""
        with self.model_file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]

    def input_shape(self, name: str) -> tuple[int, ...]:
        """Give the shape of one input without its batch axis.

        Raises:
            KeyError: the model has no such input.
        """
        for spec in self.inputs:
            if spec.name == name:
                return spec.shape
        raise KeyError(f"model {self.name} has no input {name}")

    @property
    def free_extents(self) -> tuple[int, ...]:
        """What axes that vary may be: the parameter `widths`, ascending; 1 alone where nothing is said."""
        return tuple(sorted(int(width) for width in self.parameters.get("widths", "1").split(",")))

    def example_batch(self) -> TensorBatch:
        """Make the smallest empty input."""
        free = self.free_extents[0]
        shapes = {
            tensor.name: (1, *(free if extent == ANY_EXTENT else extent for extent in tensor.shape))
            for tensor in self.inputs
        }
        return TensorBatch({tensor.name: np.zeros(shapes[tensor.name], tensor.dtype) for tensor in self.inputs})

    def check_inputs(self, batch: TensorBatch) -> None:
        """Hold a batch against the model's contract.

        Raises:
            InferenceError: of kind INVALID, naming what does not fit.
        """
        if batch.item_count > self.max_batch_size:
            raise self._violation(f"{batch.item_count} items exceed max_batch_size {self.max_batch_size}")
        if set(batch.tensors) != {spec.name for spec in self.inputs}:
            raise self._violation(
                f"inputs are {sorted(spec.name for spec in self.inputs)}, got {sorted(batch.tensors)}"
            )
        for spec in self.inputs:
            tensor = batch.tensors[spec.name]
            if tensor.dtype != spec.dtype or not spec.accepts(tensor.shape[1:]):
                raise self._violation(
                    f"input {spec.name} is {spec.dtype} {spec.shape}, got {tensor.dtype} {tensor.shape[1:]}"
                )

    def _violation(self, message: str) -> InferenceError:
        return InferenceError(FailureKind.INVALID, self.name, message)
