"""Run OpenMMLab's last releases on a current PyTorch, without compiled extensions.

Three gaps are filled, each before the first import of mmdet or mmocr (call :func:`install`):

- ``mmcv._ext``: mmcv-lite has no compiled operations. Mask R-CNN needs NMS and RoIAlign; both are dense tensor algebra.
- ``imgaug`` (breaks on numpy 2) and ``torchvision`` (not needed): mmocr imports them, the project's own data code uses
  neither.
- mmengine cannot read its own checkpoints under torch's ``weights_only`` default; the checkpoints here are our own.
"""

import contextlib
import importlib.machinery
import importlib.util
import os
import sys
import types
import warnings

import numpy as np
import torch
from torch import Tensor

SAMPLING_RATIO = 2
"""Samples per RoIAlign bin and axis, here and in the exported graph: fixed, unlike mmdet's adaptive default."""


def install() -> None:
    """Put the stand-ins in place; harmless when called twice or when the real packages are there."""
    os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    if "mmcv._ext" not in sys.modules:
        _install_operations()
    if importlib.util.find_spec("imgaug") is None:
        meta = _stub("imgaug.augmenters.meta", Augmenter=type("Augmenter", (), {}))
        augmenters = _stub("imgaug.augmenters", meta=meta)
        _stub("imgaug", augmenters=augmenters)
    if importlib.util.find_spec("torchvision") is None:
        transforms = _stub("torchvision.transforms")
        _stub("torchvision", transforms=transforms, __version__="0.0")


class _Operations(types.ModuleType):
    """Stand-in for ``mmcv._ext``: an operation that is not written here fails when called, not when looked up."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*arguments: object) -> None:
            raise NotImplementedError(f"mmcv operation {name} has no plain PyTorch version here")

        return missing


def _install_operations() -> None:
    with contextlib.suppress(ImportError):
        importlib.import_module("mmcv._ext")
        return
    module = _Operations("mmcv._ext")
    module.__spec__ = importlib.machinery.ModuleSpec("mmcv._ext", None)
    module.__dict__.update(
        nms=nms,
        roi_align_forward=_roi_align_forward,
        roi_align_backward=_roi_align_backward,
        get_compiler_version=lambda: "none",
        get_compiling_cuda_version=lambda: "none",
    )
    sys.modules["mmcv._ext"] = module


def _stub(name: str, **attributes: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    module.__path__ = []
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules[name] = module
    return module


def interpolation_weights(start: Tensor, bin_size: Tensor, bins: int, length: int, samples: int) -> Tensor:
    """Averaged linear-interpolation weights of RoIAlign along one axis.

    Args:
        start: (K,) start of each region in feature pixels.
        bin_size: (K,) size of a bin.
        bins: bins per region.
        length: feature pixels along the axis.
        samples: samples per bin.

    Returns:
        (K, bins, length): each bin as a weighted sum of feature pixels.

    Source: He et al. 2017 (Mask R-CNN), RoIAlign, as two matrix products instead of a gather.
    """
    steps = (torch.arange(bins * samples, device=start.device, dtype=start.dtype) + 0.5) / samples
    points = start[:, None] + steps * bin_size[:, None]
    inside = ((points >= -1.0) & (points <= length)).to(points.dtype)
    pixels = torch.arange(length, device=start.device, dtype=start.dtype)
    distance = (points.clamp(0, length - 1)[..., None] - pixels).abs()
    weights = (1 - distance).clamp(min=0) * inside[..., None]
    return weights.view(start.shape[0], bins, samples, length).mean(2)


def _region_weights(
    shape: torch.Size, regions: Tensor, size: tuple[int, int], scale: float, aligned: bool
) -> tuple[Tensor, Tensor]:
    left, top, right, bottom = (regions[:, 1:] * scale - (0.5 if aligned else 0.0)).unbind(1)
    width, height = right - left, bottom - top
    if not aligned:
        width, height = width.clamp(min=1), height.clamp(min=1)
    rows = interpolation_weights(top, height / size[0], size[0], shape[-2], SAMPLING_RATIO)
    columns = interpolation_weights(left, width / size[1], size[1], shape[-1], SAMPLING_RATIO)
    return rows, columns


# The signatures of the next two are mmcv's; the unused arguments belong to max pooling.
def _roi_align_forward(
    features: Tensor,
    regions: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    rows, columns = _region_weights(features.shape, regions, (aligned_height, aligned_width), spatial_scale, aligned)
    image_of_region = regions[:, 0].long()
    for image in range(features.shape[0]):
        chosen = (image_of_region == image).nonzero().squeeze(1)
        if chosen.numel():
            partial = torch.einsum("kph,chw->kcpw", rows[chosen], features[image])
            output[chosen] = torch.einsum("kcpw,kqw->kcpq", partial, columns[chosen])


def _roi_align_backward(
    output_gradient: Tensor,
    regions: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    feature_gradient: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    rows, columns = _region_weights(
        feature_gradient.shape, regions, (aligned_height, aligned_width), spatial_scale, aligned
    )
    image_of_region = regions[:, 0].long()
    for image in range(feature_gradient.shape[0]):
        chosen = (image_of_region == image).nonzero().squeeze(1)
        if chosen.numel():
            partial = torch.einsum("kcpq,kqw->kcpw", output_gradient[chosen], columns[chosen])
            feature_gradient[image] += torch.einsum("kcpw,kph->chw", partial, rows[chosen])


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4) x1, y1, x2, y2.
        scores: (N,).
        iou_threshold: boxes overlapping a better one by more than this are dropped.
        offset: added to widths and heights (mmcv's legacy convention).

    Returns:
        Indices of the kept boxes, best first.
    """
    if boxes.numel() == 0:
        return torch.empty(0, dtype=torch.long, device=boxes.device)
    order = scores.argsort(descending=True, stable=True)
    best_first = boxes[order].detach()
    top_left = torch.maximum(best_first[:, None, :2], best_first[None, :, :2])
    bottom_right = torch.minimum(best_first[:, None, 2:], best_first[None, :, 2:])
    overlap = (bottom_right - top_left + offset).clamp(min=0).prod(-1)
    area = (best_first[:, 2:] - best_first[:, :2] + offset).prod(-1)
    suppresses = (overlap > iou_threshold * (area[:, None] + area[None] - overlap)).cpu().numpy()
    dead = np.zeros(len(suppresses), dtype=bool)
    kept = []
    for index in range(len(suppresses)):
        if not dead[index]:
            kept.append(index)
            dead |= suppresses[index]
    return order[torch.as_tensor(kept, device=order.device)]
