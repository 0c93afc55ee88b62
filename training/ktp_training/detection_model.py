"""The text detector's own parts: exact training targets and the server's own boxes for validation."""

import cv2
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.models.textdet.detectors import DBNet
from mmocr.models.textdet.heads import DBHead
from mmocr.models.textdet.module_losses import DBModuleLoss
from mmocr.models.textdet.postprocessors.base import BaseTextDetPostProcessor
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from numpy.typing import NDArray
from torch import Tensor

from ktp_postprocessing.text_boxes import TextBoxSettings, find_text_boxes
from ktp_training.precision import training_in_bfloat16

SHRINK_RATIO = 0.7
"""r of the shrink map. The usual 0.4 leaves a line of 14 px a core of 2 px, whose error counts six times in the box's
height; 0.7 leaves half the height, and rows of a KTP (18 px apart) still separate."""
GAP_WEIGHT, WIDEST_GAP = 4.0, 1.5
"""What a pixel between two lines of one row counts in the loss, and how far apart they are at most (line heights): a
label and the value close behind it are two lines, although the gap is hardly wider than one between words."""
SHORT_WEIGHT, SHORT_LENGTH = 2.0, 2.0
"""What a pixel of a short line's core counts, and what is short (line heights): `-`, `: O`."""
THRESHOLD_LOW, THRESHOLD_HIGH = 0.3, 0.7
"""Range of the threshold map. Source: Liao et al. 2020 (DB)."""


def draw_targets(quads: NDArray[np.float64], size_px: tuple[int, int]) -> tuple[NDArray[np.float32], ...]:
    """Draw DBNet's training targets.

    A pixel belongs to a core when its centre lies at least D = A (1 - r^2) / L inside its line's outline: no growth by
    half pixels, as filling a rounded polygon would bring.

    Args:
        quads: (N, 4, 2) line outlines, clockwise, pixel centres at integers.
        size_px: width and height of the maps.

    Returns:
        Shrink map, threshold map and threshold mask, each (H, W) float32.

    Source: Liao et al. 2020, Real-time Scene Text Detection with Differentiable Binarization, section 3.4.
    """
    width_px, height_px = size_px
    shrink = np.zeros((height_px, width_px), dtype=np.float32)
    border = np.zeros_like(shrink)
    mask = np.zeros_like(shrink)
    for quad in quads:
        following = np.roll(quad, -1, axis=0)
        along = following - quad
        lengths = np.linalg.norm(along, axis=1)
        area = 0.5 * abs(float(np.sum(quad[:, 0] * following[:, 1] - following[:, 0] * quad[:, 1])))
        if area < 1.0 or lengths.min() < 1e-3:
            continue
        offset = area * (1 - SHRINK_RATIO**2) / float(lengths.sum())
        low = np.maximum(np.floor(quad.min(0) - offset), 0).astype(int)
        high = np.minimum(np.ceil(quad.max(0) + offset) + 1, (width_px, height_px)).astype(int)
        if (high <= low).any():
            continue
        x = np.arange(low[0], high[0], dtype=np.float32)[None, :, None]
        y = np.arange(low[1], high[1], dtype=np.float32)[:, None, None]
        # Distance to the nearest side, positive inside (clockwise in an image whose y points down).
        inside = ((along[:, 0] * (y - quad[:, 1]) - along[:, 1] * (x - quad[:, 0])) / lengths).min(-1)
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        shrink[window] = np.maximum(shrink[window], inside >= offset)
        border[window] = np.maximum(border[window], 1 - np.abs(inside) / offset)
        mask[window] = np.maximum(mask[window], inside >= -offset)
    return shrink, border * (THRESHOLD_HIGH - THRESHOLD_LOW) + THRESHOLD_LOW, mask


def draw_weights(quads: NDArray[np.float64], shrink: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each pixel counts in the loss: more between two lines of a row and in the cores of short lines.

    Args:
        quads: (N, 4, 2) line outlines, clockwise from the line's top left.
        shrink: (H, W) shrink map.

    Returns:
        (H, W) float32, 1 or more.
    """
    weights = np.ones_like(shrink)
    for quad in quads:
        height = float(np.linalg.norm(quad[3] - quad[0]))
        if np.linalg.norm(quad[1] - quad[0]) < SHORT_LENGTH * height:
            cv2.fillConvexPoly(weights, np.round(quad).astype(np.int32), SHORT_WEIGHT)
        along = (quad[1] - quad[0]) / max(float(np.linalg.norm(quad[1] - quad[0])), 1e-6)
        across = np.array([-along[1], along[0]])
        offsets = (quads[:, 0] + quads[:, 3] - quad[1] - quad[2]) / 2
        gaps, drops = offsets @ along, offsets @ across
        for index in np.flatnonzero((gaps > -0.5 * height) & (gaps < WIDEST_GAP * height) & (abs(drops) < height / 2)):
            between = [quad[1], quads[index, 0], quads[index, 3], quad[2]]
            drawn = cv2.fillConvexPoly(np.zeros_like(shrink), np.round(between).astype(np.int32), GAP_WEIGHT)
            weights = np.maximum(weights, drawn * (1 - shrink))
    return weights


@MODELS.register_module()
class KtpDBNet(DBNet):
    """DBNet whose backbone and neck train in bfloat16 where that is fast."""

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """The features that the head sees."""
        with training_in_bfloat16(self, inputs):
            return super().extract_feat(inputs)


@MODELS.register_module()
class KtpDBHead(DBHead):
    """DBNet's head, in training in bfloat16 up to the logits."""

    def forward(
        self, img: Tensor, data_samples: list[TextDetDataSample] | None = None, mode: str = "predict"
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Probability map, or what the loss needs: logits, threshold map and binary map, each (N, H, W) float32."""
        with training_in_bfloat16(self, img):
            logits = self.binarize(img).squeeze(1).float()
            if mode == "predict":
                return logits.sigmoid()
            threshold = self.threshold(img).squeeze(1).float()
        return logits, threshold, self._diff_binarize(logits.sigmoid(), threshold, k=50)


@MODELS.register_module()
class KtpDBModuleLoss(DBModuleLoss):
    """DBNet's loss on targets that the data set has drawn already (in its own process)."""

    def get_targets(self, data_samples: list[TextDetDataSample]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Stack the samples' maps: shrink map and its mask, threshold map and its mask."""
        shrink = torch.stack([sample.shrink_map for sample in data_samples])
        counted = torch.stack([sample.shrink_mask for sample in data_samples])
        border = torch.stack([sample.threshold_map for sample in data_samples])
        mask = torch.stack([sample.threshold_mask for sample in data_samples])
        return shrink, counted, border, mask


@MODELS.register_module()
class KtpTextBoxes(BaseTextDetPostProcessor):
    """The boxes that the server finds in the same map."""

    def __init__(self) -> None:
        super().__init__(text_repr_type="quad")
        self.settings = TextBoxSettings(shrink_ratio=SHRINK_RATIO)

    def get_text_instances(self, pred_results: Tensor, data_sample: TextDetDataSample) -> TextDetDataSample:
        """Add the boxes of one probability map (H, W) to its sample."""
        probability = (pred_results * 255).round().byte().cpu().numpy()
        boxes = find_text_boxes(probability, self.settings)
        data_sample.pred_instances = InstanceData(
            polygons=[box.quad.reshape(-1) for box in boxes], scores=torch.tensor([box.score for box in boxes])
        )
        return data_sample
