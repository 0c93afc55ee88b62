"""The port to the models: one method, one batch type, one error.

    pipeline ── InferenceEngine.infer(model, TensorBatch) ──▶ embedded engine (ONNX Runtime in this process)
                                                         ╰─▶ Triton engine (any Triton server)

The pipeline knows this module only. Every engine passes the same contract tests (tests/contract/engine_contract.py).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FailureKind",
    "InferenceEngine",
    "InferenceError",
    "Priority",
    "Tensor",
    "TensorBatch",
    "current_priority",
    "working_with",
]

Tensor = NDArray[np.generic]
"""An array of any element type; model clients narrow it."""


class Priority(Enum):
    """How urgent work is; the values are the levels of Triton models that have priority_levels."""

    INTERACTIVE = 1
    """Somebody waits for this one answer."""
    BULK = 2
    """One of many images: the sum counts."""


_priority: ContextVar[Priority] = ContextVar("priority", default=Priority.INTERACTIVE)


def current_priority() -> Priority:
    """The priority of the request that is being worked on."""
    return _priority.get()


@contextmanager
def working_with(priority: Priority) -> Iterator[None]:
    """Give what happens inside, and the tasks it starts, a priority."""
    token = _priority.set(priority)
    try:
        yield
    finally:
        _priority.reset(token)


class FailureKind(Enum):
    """What kept an engine from answering, as far as a caller's reaction depends on it."""

    OVERLOADED = "overloaded"
    """The queue is full: try again a little later."""
    DEADLINE = "deadline"
    """The deadline passed before the batch started."""
    UNAVAILABLE = "unavailable"
    """The model is missing, failed or is shutting down: another server may answer."""
    INVALID = "invalid"
    """The arrays break the model's contract: a programming error on this side."""


class InferenceError(Exception):
    """No answer from a model.

    Attributes:
        kind: how to react.
        model: the model's name.
    """

    def __init__(self, kind: FailureKind, model: str, message: str) -> None:
        super().__init__(f"{model}: {message}")
        self.kind = kind
        self.model = model


@dataclass(frozen=True, slots=True, eq=False)
class TensorBatch:
    """Arrays by tensor name that share a leading batch axis.

    Attributes:
        tensors: each (N, ...) with one N >= 1 for all.
    """

    tensors: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        counts = {tensor.shape[0] if tensor.ndim else 0 for tensor in self.tensors.values()}
        if len(counts) != 1 or counts == {0}:
            raise ValueError(f"the tensors of a batch must share a leading axis of at least 1, got {sorted(counts)}")

    @property
    def item_count(self) -> int:
        """N, the number of items."""
        return int(next(iter(self.tensors.values())).shape[0])

    @property
    def item_extents(self) -> tuple[int, ...]:
        """Extents of one item of every tensor, in the order of the tensors' names."""
        return tuple(extent for name in sorted(self.tensors) for extent in self.tensors[name].shape[1:])


class InferenceEngine(Protocol):
    """Whatever runs the models."""

    @property
    def available(self) -> bool:
        """Whether the models can be reached now; readiness follows it."""
        ...

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        """Run a model over a batch; may share its execution with other callers' batches.

        Cancelling the call gives up the work, unless it has started already.

        Args:
            model: name of the model in the repository.
            batch: input arrays, at most the model's `max_batch_size` items.
            deadline_s: moment on the `time.monotonic` clock after which the answer is of no use; None for no limit.

        Returns:
            Output arrays with the same items in the same order; read-only.

        Raises:
            InferenceError: no answer; its kind tells why.
        """
        ...
