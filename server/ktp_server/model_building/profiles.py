"""The shapes that a TensorRT plan is tuned for, and what it is calibrated with.

Nothing here needs a GPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ktp_server.engines.port import TensorBatch
from ktp_server.engines.spec import ANY_EXTENT, ModelSpec

__all__ = ["ShapeProfile", "calibration_items", "plan_profiles", "span_profiles"]


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


def span_profiles(profiles: Sequence[ShapeProfile]) -> ShapeProfile:
    """Give one profile that takes all that the others take, and is best at the best of the one in the middle.

    Args:
        profiles: at least one, ascending.
    """
    return ShapeProfile(profiles[0].smallest, profiles[len(profiles) // 2].best, profiles[-1].largest)


def _shapes(spec: ModelSpec, item_count: int, width: int) -> dict[str, tuple[int, ...]]:
    return {
        tensor.name: (item_count, *(width if extent == ANY_EXTENT else extent for extent in tensor.shape))
        for tensor in spec.inputs
    }


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
