"""The segmentation model's own parts: masks on the finest level, around boxes that hold the whole card."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.models.detectors import MaskRCNN
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.nn import functional

from ktp_training.precision import training_in_bfloat16

MASK_SIDE = 28
MASK_MARGIN = 0.06
"""How much boxes grow on every side before the mask is drawn: twice their mean error, so that the mask, which is what
counts, holds the whole card."""
BOX_ERROR = 0.03
"""Standard deviation of the errors given to true boxes in training, in box sides: about the box head's own."""
BOXES_PER_CARD = 2
DILATIONS = (1, 2, 4, 1)


@MODELS.register_module()
class KtpMaskRCNN(MaskRCNN):
    """Mask R-CNN whose backbone and neck train in bfloat16 where that is fast."""

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Features of all levels, in float32."""
        with training_in_bfloat16(self, batch_inputs):
            features = super().extract_feat(batch_inputs)
        return tuple(level.float() for level in features)


@MODELS.register_module()
class KtpMaskHead(FCNMaskHead):
    """Convolutions at the mask's own resolution; dilated ones see a whole side of the card.

    A first convolution narrows the feature map before regions are cut out of it (`narrow`).
    """

    def __init__(self, map_channels: int, in_channels: int, loss_weight: float) -> None:
        """Build the head.

        Args:
            map_channels: of the feature pyramid.
            in_channels: of the cut regions and of all convolutions.
            loss_weight: of the masks in the sum of losses.
        """
        super().__init__(
            num_convs=len(DILATIONS),
            in_channels=in_channels,
            conv_out_channels=in_channels,
            num_classes=1,
            class_agnostic=True,
            upsample_cfg={"type": None},
        )
        self.loss_weight = loss_weight
        self.reduce = nn.Conv2d(map_channels, in_channels, 3, padding=1)
        for block, dilation in zip(self.convs, DILATIONS, strict=True):
            block.conv.dilation = block.conv.padding = (dilation, dilation)

    def narrow(self, features: Tensor) -> Tensor:
        """The finest level's feature map as the mask sees it."""
        return functional.relu(self.reduce(features))


@MODELS.register_module()
class KtpRoIHead(StandardRoIHead):
    """Boxes as usual; masks learn from slightly wrong true boxes, which is what the served model draws them in."""

    def mask_loss(
        self,
        x: tuple[Tensor, ...],
        sampling_results: Sequence[object],
        bbox_feats: Tensor,
        batch_gt_instances: Sequence[InstanceData],
    ) -> dict[str, object]:
        """Cross entropy between drawn masks and the share of each cell that the card covers."""
        side_px = float(batch_gt_instances[0].masks.width)
        boxes, targets = [], []
        for instances in batch_gt_instances:
            repeated = instances.bboxes.repeat(BOXES_PER_CARD, 1)
            size = (repeated[:, 2:] - repeated[:, :2]).repeat(1, 2)
            moved = widen(repeated + torch.randn_like(repeated) * BOX_ERROR * size, side_px)
            boxes.append(moved)
            targets.append(draw_targets(instances, moved))
        logits = self._mask_forward(x, bbox2roi(boxes))["mask_preds"]
        loss = functional.binary_cross_entropy_with_logits(logits[:, 0], torch.cat(targets)) if len(logits) else 0.0
        return {"loss_mask": {"loss_mask": self.mask_head.loss_weight * (loss + logits.sum() * 0.0)}}

    def _mask_forward(self, x: tuple[Tensor, ...], rois: Tensor) -> dict[str, Tensor]:
        regions = self.mask_roi_extractor((self.mask_head.narrow(x[0]),), rois)
        return {"mask_preds": self.mask_head(regions), "mask_feats": regions}

    def predict_mask(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: Sequence[dict[str, object]],
        results_list: list[InstanceData],
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Draw masks in widened boxes, as the served model does."""
        for results, meta in zip(results_list, batch_img_metas, strict=True):
            results.bboxes = widen(results.bboxes, float(meta["img_shape"][1]))
        return super().predict_mask(x, batch_img_metas, results_list, rescale)


def widen(boxes: Tensor, side_px: float) -> Tensor:
    """Grow boxes (..., 4) by MASK_MARGIN on every side, within the image."""
    reach = (boxes[..., 2:] - boxes[..., :2]) * MASK_MARGIN
    return torch.cat([boxes[..., :2] - reach, boxes[..., 2:] + reach], -1).clamp(0, side_px)


def draw_targets(instances: InstanceData, boxes: Tensor) -> Tensor:
    """Share of each mask cell that the card covers: it puts the level of one half where the card's edge is.

    Args:
        instances: the cards, their outlines as polygons, clockwise.
        boxes: (BOXES_PER_CARD * cards, 4), all cards once, then again.

    Returns:
        (boxes, MASK_SIDE, MASK_SIDE) float32.
    """
    outlines = torch.from_numpy(np.array(instances.masks.masks).reshape(-1, 4, 2)).to(boxes)
    outlines = outlines.repeat(BOXES_PER_CARD, 1, 1)
    size = (boxes[:, None, 2:] - boxes[:, None, :2]).clamp(min=1.0)
    corners = (outlines - boxes[:, None, :2]) / size * MASK_SIDE
    along = corners.roll(-1, 1) - corners
    centres = torch.arange(MASK_SIDE, device=boxes.device) + 0.5
    x, y = centres[None, None, None, :], centres[None, None, :, None]
    dx, dy, left, top = (part[..., None, None] for part in (*along.unbind(-1), *corners.unbind(-1)))
    # A side through the middle of a cell covers half of it; it takes |dx| + |dy| to cross the cell, corner to corner.
    inside = (dx * (y - top) - dy * (x - left)) / (dx.abs() + dy.abs()).clamp(min=1e-3)
    return (inside + 0.5).clamp(0.0, 1.0).amin(1)
