"""The shapes that a TensorRT plan is tuned for, and how far its answers may be from ONNX Runtime's.

Nothing here needs a GPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_server.engines.port import Tensor, TensorBatch
from ktp_server.engines.spec import ANY_EXTENT, ModelSpec

__all__ = ["ShapeProfile", "calibration_items", "find_deviations", "plan_profiles"]

DEVIATION_LIMIT = 0.02
"""Of an output's own span, for one value: half precision keeps 11 bits, and errors add up over a hundred layers."""
DEVIATING_SHARE_MAX = 0.01
"""Values that may be beyond the limit: at a mask's border rounding shows. Half precision on the CPU has 0.26 % of the
masks' values there, the other outputs none (benchmarks/gpu.py)."""
SCORE_MIN = 0.05
"""Slots of detections with less hold nothing."""


@dataclass(frozen=True, slots=True)
class ShapeProfile:
    """One optimisation profile.

    Attributes:
        smallest, best, largest: shape of each input, batch axis first; the plan runs everything from smallest to
            largest, and fastest at best.
    """

    smallest: Mapping[str, tuple[int, ...]]
    best: Mapping[str, tuple[int, ...]]
    largest: Mapping[str, tuple[int, ...]]


def plan_profiles(spec: ModelSpec) -> list[ShapeProfile]:
    """Give a profile for each of a model's widths, or the only one it needs.

    Batches go from 1 to max_batch_size and are best at the largest preferred size.
    """
    best_size = max(spec.batching.preferred_batch_sizes, default=spec.max_batch_size)
    return [
        ShapeProfile(
            _shapes(spec, 1, width), _shapes(spec, best_size, width), _shapes(spec, spec.max_batch_size, width)
        )
        for width in spec.free_extents
    ]


def find_deviations(expected: TensorBatch, found: TensorBatch) -> list[str]:
    """Compare a plan's answer with ONNX Runtime's.

    Args:
        expected: ONNX Runtime's outputs by name.
        found: the plan's for the same inputs.

    Returns:
        One sentence for each output that differs by more than rounding explains.
    """
    scores = expected.tensors.get("scores")
    counted = None if scores is None else np.asarray(scores, dtype=np.float64) > SCORE_MIN
    deviations = []
    for name, wanted in expected.tensors.items():
        got = found.tensors[name]
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            deviations.append(f"{name} is {got.dtype} {got.shape} instead of {wanted.dtype} {wanted.shape}")
            continue
        share = _deviating_share(_select(wanted, counted), _select(got, counted))
        if share > DEVIATING_SHARE_MAX:
            deviations.append(f"{share:.2%} of {name} differ by more than {DEVIATION_LIMIT:.0%} of its span")
    return deviations


def _shapes(spec: ModelSpec, item_count: int, width: int) -> dict[str, tuple[int, ...]]:
    return {
        tensor.name: (item_count, *(width if extent == ANY_EXTENT else extent for extent in tensor.shape))
        for tensor in spec.inputs
    }


def _select(values: Tensor, counted: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    return numbers if counted is None else numbers[counted]


def _deviating_share(wanted: NDArray[np.float64], got: NDArray[np.float64]) -> float:
    if wanted.size == 0:
        return 0.0
    # An output that is nearly constant is measured against its own size, else the least difference would count.
    span = max(float(np.ptp(wanted)), float(np.abs(wanted).max()), 1e-6)
    return float(np.mean(np.abs(wanted - got) > DEVIATION_LIMIT * span))


def calibration_items(samples: Sequence[TensorBatch]) -> list[TensorBatch]:
    """Give single items of the most frequent shape: TensorRT calibrates with one shape only."""
    items = [
        TensorBatch({name: tensor[index : index + 1] for name, tensor in batch.tensors.items()})
        for batch in samples
        for index in range(batch.item_count)
    ]
    shapes = [tuple(sorted((name, tensor.shape) for name, tensor in item.tensors.items())) for item in items]
    commonest = max(set(shapes), key=shapes.count, default=None)
    return [item for item, shape in zip(items, shapes, strict=True) if shape == commonest]
