"""The models as the server runs them: bytes in, named tensors out, fixed shapes but for the batch.

Each class wraps a trained OpenMMLab model. Normalisation is inside, so that images travel as uint8; no operator depends
on the data (no NonZero, Loop, If), so that ONNX Runtime and TensorRT both digest the graph and an item of a batch
cannot touch another one.
"""

import math

import torch
from torch import Tensor, nn

from ktp_training.segmentation_model import MASK_SIDE, widen

PROPOSALS_PER_LEVEL = 32
PROPOSALS = 20
DETECTIONS = 8
RPN_OVERLAP, CARD_OVERLAP = 0.7, 0.5
"""Non-maximum suppression thresholds, as in the model's test_cfg."""
SUPPRESSION_STEPS = 16
"""Rounds of the parallel suppression; exact when no chain of overlapping boxes is longer (500 random trials of 500)."""
LARGEST_LOG_RATIO = abs(math.log(16 / 1000))
"""Bound of predicted size ratios, as in mmdet's DeltaXYWHBBoxCoder."""
BOX_SAMPLES = 2


PIXEL_ZERO = 116.0
"""What is taken from every pixel: about the mean, so that zero padding means grey; a whole number, so that a quantised
network sees the pixels themselves."""


def shift_pixels(image: Tensor) -> Tensor:
    """Image (N, H, W, 3) uint8 to what a network with folded normalisation takes: (N, 3, H, W) float32."""
    return image.permute(0, 3, 1, 2).float() - PIXEL_ZERO


def fold_normalisation(convolution: nn.Conv2d, normalisation: nn.Module) -> None:
    """Let a model's first convolution do its normalisation: (x - mean) / std becomes part of weights and bias."""
    with torch.no_grad():
        weight = convolution.weight / normalisation.std.view(1, 3, 1, 1)
        offset = (weight.sum((2, 3)) * (PIXEL_ZERO - normalisation.mean.view(1, 3))).sum(1)
    convolution.weight, convolution.bias = nn.Parameter(weight), nn.Parameter(offset)


class ServedSegmentation(nn.Module):
    """Mask R-CNN: image (N, S, S, 3) uint8 RGB to boxes, scores, labels and masks of the eight best cards."""

    def __init__(self, model: nn.Module, side_px: int) -> None:
        """Wrap an mmdet MaskRCNN with class-agnostic boxes and masks.

        Args:
            model: the trained model.
            side_px: input side S.
        """
        super().__init__()
        self.model, self.side_px = model, side_px
        fold_normalisation(model.backbone.conv1.conv, model.data_preprocessor)
        generator = model.rpn_head.prior_generator
        self.strides = [stride[0] for stride in generator.strides]
        sizes = [(math.ceil(side_px / stride), math.ceil(side_px / stride)) for stride in self.strides]
        for level, anchors in enumerate(generator.grid_priors(sizes, device="cpu")):
            self.register_buffer(f"anchors{level}", anchors)
        extractor = model.roi_head.bbox_roi_extractor
        self.roi_strides, self.finest_scale = list(extractor.featmap_strides), float(extractor.finest_scale)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Detect cards.

        Returns:
            boxes (N, 8, 4) float32 in input pixels, scores (N, 8) float32 descending, labels (N, 8) int64 quarter turns
            and masks (N, 8, 28, 28) float32 over each box; all zero in empty slots.
        """
        features = self.model.neck(self.model.backbone(shift_pixels(image)))
        proposals, objectness = self._propose(features)
        heads = self.model.roi_head
        count = proposals.shape[1]
        classes, deltas = heads.bbox_head(self._regions(features, proposals, 7))
        # The last class is background; a card's score is that of its likeliest quarter turn.
        turns = classes.softmax(-1)[:, :-1].reshape(-1, count, classes.shape[1] - 1)
        scores, labels = turns.max(-1)
        scores = scores * (objectness > 0).to(scores.dtype)
        boxes = self._apply(proposals, deltas.reshape(-1, count, 4), (0.1, 0.1, 0.2, 0.2))
        scores, best = (scores * keep_best(boxes, scores, CARD_OVERLAP)).topk(DETECTIONS, dim=1)
        boxes = boxes.gather(1, best[..., None].expand(-1, DETECTIONS, 4))
        boxes = widen(boxes, self.side_px)
        # Masks always look at the finest level: its cells are a third of a mask's on a card that fills the image.
        regions = align_regions(heads.mask_head.narrow(features[0]), boxes / self.roi_strides[0], MASK_SIDE)
        masks = heads.mask_head(regions.flatten(0, 1)).sigmoid().reshape(-1, DETECTIONS, MASK_SIDE, MASK_SIDE)
        filled = scores > 0
        boxes, masks = boxes * filled[..., None], masks * filled[..., None, None]
        return boxes, scores, labels.gather(1, best) * filled, masks

    def _propose(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        class_maps, delta_maps = self.model.rpn_head(features)
        boxes, scores, shifts = [], [], []
        for level, (class_map, delta_map) in enumerate(zip(class_maps, delta_maps, strict=True)):
            anchors = getattr(self, f"anchors{level}")
            level_scores = class_map.permute(0, 2, 3, 1).reshape(-1, anchors.shape[0]).sigmoid()
            deltas = delta_map.permute(0, 2, 3, 1).reshape(-1, anchors.shape[0], 4)
            count = min(PROPOSALS_PER_LEVEL, anchors.shape[0])
            level_scores, best = level_scores.topk(count, dim=1)
            deltas = deltas.gather(1, best[..., None].expand(-1, count, 4))
            boxes.append(self._apply(anchors[best], deltas, (1.0, 1.0, 1.0, 1.0)))
            scores.append(level_scores)
            # Levels suppress only within themselves: each is moved to a place of its own.
            shifts.append(torch.full((count, 1), float(level * (self.side_px + 1)), device=anchors.device))
        all_boxes, all_scores = torch.cat(boxes, 1), torch.cat(scores, 1)
        kept = keep_best(all_boxes + torch.cat(shifts), all_scores, RPN_OVERLAP)
        top_scores, best = (all_scores * kept).topk(PROPOSALS, dim=1)
        return all_boxes.gather(1, best[..., None].expand(-1, PROPOSALS, 4)), top_scores

    def _apply(self, boxes: Tensor, deltas: Tensor, spread: tuple[float, float, float, float]) -> Tensor:
        """Move and scale boxes (N, K, 4) by predicted deltas, as mmdet's DeltaXYWHBBoxCoder does."""
        scaled = deltas * torch.tensor(spread, device=deltas.device)
        size = boxes[..., 2:] - boxes[..., :2]
        middle = (boxes[..., :2] + boxes[..., 2:]) / 2 + size * scaled[..., :2]
        half = size * scaled[..., 2:].clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp() / 2
        return torch.cat([middle - half, middle + half], -1).clamp(0, self.side_px)

    def _regions(self, features: tuple[Tensor, ...], boxes: Tensor, bins: int) -> Tensor:
        """RoIAlign from the level that suits each box: (N, K, 4) to (N * K, C, bins, bins)."""
        size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1).sqrt()
        levels = torch.floor(torch.log2(size / self.finest_scale + 1e-6)).clamp(0, len(self.roi_strides) - 1)
        result = 0
        for level, stride in enumerate(self.roi_strides):
            aligned = align_regions(features[level], boxes / stride, bins)
            result = result + aligned * (levels == level).to(aligned.dtype)[..., None, None, None]
        return result.flatten(0, 1)


def keep_best(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Greedy non-maximum suppression by dense algebra.

    A box stays when no better box that stays overlaps it; repeated from the best downwards this settles box by box, so
    after as many rounds as the longest chain of overlaps the answer is greedy suppression's.

    Args:
        boxes: (N, K, 4).
        scores: (N, K).
        threshold: IoU from which the worse box goes.

    Returns:
        (N, K): 1 for kept boxes, 0 for suppressed ones.
    """
    top_left = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    bottom_right = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    shared = (bottom_right - top_left).clamp(min=0).prod(-1)
    area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    overlaps = shared > threshold * (area[:, :, None] + area[:, None] - shared)
    order = torch.arange(boxes.shape[1], device=boxes.device)
    better = (scores[:, :, None] > scores[:, None]) | (
        (scores[:, :, None] == scores[:, None]) & (order[:, None] < order[None])[None]
    )
    suppresses = (overlaps & better).to(scores.dtype)
    kept = torch.ones_like(scores)
    for _ in range(SUPPRESSION_STEPS):
        kept = (torch.matmul(kept[:, None], suppresses)[:, 0] <= 0).to(scores.dtype)
    return kept


def align_regions(features: Tensor, boxes: Tensor, bins: int) -> Tensor:
    """RoIAlign as two batched matrix products.

    Args:
        features: (N, C, H, W).
        boxes: (N, K, 4) in feature pixels (pixel centres at halves).
        bins: bins per axis, each the mean of 2 x 2 samples.

    Returns:
        (N, K, C, bins, bins).

    Source: He et al. 2017 (Mask R-CNN), section 3.
    """
    channels, height, width = features.shape[1:]
    count = boxes.shape[1]
    rows = _weights(boxes[..., 1], boxes[..., 3], bins, height)
    columns = _weights(boxes[..., 0], boxes[..., 2], bins, width)
    partial = torch.matmul(rows.reshape(-1, 1, count * bins, height), features)
    partial = partial.reshape(-1, channels, count, bins, width).permute(0, 2, 1, 3, 4)
    partial = partial.reshape(-1, count, channels * bins, width)
    return torch.matmul(partial, columns.transpose(2, 3)).reshape(-1, count, channels, bins, bins)


def _weights(start: Tensor, stop: Tensor, bins: int, length: int) -> Tensor:
    """Interpolation weights (N, K, bins, length) of bins between start and stop (N, K) along one axis."""
    steps = (torch.arange(bins * BOX_SAMPLES, device=start.device, dtype=start.dtype) + 0.5) / (bins * BOX_SAMPLES)
    points = (start - 0.5)[..., None] + steps * (stop - start)[..., None]
    inside = ((points >= -1.0) & (points <= length)).to(points.dtype)
    pixels = torch.arange(length, device=start.device, dtype=start.dtype)
    weights = (1 - (points.clamp(0, length - 1)[..., None] - pixels).abs()).clamp(min=0) * inside[..., None]
    return weights.reshape(-1, start.shape[1], bins, BOX_SAMPLES, length).mean(3)


class ServedDetection(nn.Module):
    """DBNet: image (N, H, W, 3) uint8 RGB card frame to probability (N, H, W) uint8."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap an mmocr DBNet; its weights are changed."""
        super().__init__()
        self.backbone, self.neck = model.backbone, model.neck
        fold_normalisation(model.backbone.conv1.conv, model.data_preprocessor)
        narrow, narrow_norm, _, first, norm, _, second = model.det_head.binarize
        self.narrow = nn.Sequential(narrow, narrow_norm, nn.ReLU())
        self.first, self.second = _split_upsampling(first, norm, second)

    def forward(self, image: Tensor) -> Tensor:
        """Find text: the shrink map's probability times 255, rounded."""
        features = self.neck(self.backbone(shift_pixels(image)))
        logits = self.second(self.first(self.narrow(features)).relu())
        levels = (logits.sigmoid() * 255.0).round().to(torch.uint8)
        height, width = features.shape[2:]
        # Channels are (row, column) of the first upsampling, then (row, column) of the second.
        levels = levels.reshape(-1, 2, 2, 2, 2, height, width).permute(0, 5, 1, 3, 6, 2, 4)
        return levels.reshape(-1, 4 * height, 4 * width)


def _split_upsampling(
    first: nn.ConvTranspose2d, norm: nn.BatchNorm2d, second: nn.ConvTranspose2d
) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Two upsamplings by two as two convolutions of 1 x 1 before one rearrangement.

    A transposed convolution of 2 x 2 with stride 2 makes each pixel four, each from that pixel alone; so does the next
    one. Everything is computed where the map is small, at a third of the cost, and quantises.
    """
    channels, middle = first.in_channels, first.out_channels
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    opened = nn.Conv2d(channels, 4 * middle, 1)
    closed = nn.Conv2d(4 * middle, 16, 1)
    with torch.no_grad():
        # (in, out, row, column) -> (row, column, out, in)
        spread = first.weight.permute(2, 3, 1, 0) * scale[:, None]
        opened.weight.copy_(spread.reshape(4 * middle, channels, 1, 1))
        opened.bias.copy_(((first.bias - norm.running_mean) * scale + norm.bias).repeat(4))
        blocks = second.weight[:, 0].permute(1, 2, 0).reshape(4, middle)
        closed.weight.copy_(torch.block_diag(blocks, blocks, blocks, blocks).reshape(16, 4 * middle, 1, 1))
        closed.bias.copy_(second.bias.expand(16))
    return opened, closed


class ServedRecognition(nn.Module):
    """CTC recogniser: image (N, 32, W, 1) uint8 grey to log_probability (N, W / 2, classes) float32."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap an mmocr recogniser."""
        super().__init__()
        self.model = model
        self.register_buffer("mean", model.data_preprocessor.mean.view(1, 1, 1, 1).clone())
        self.register_buffer("deviation", model.data_preprocessor.std.view(1, 1, 1, 1).clone())

    def forward(self, image: Tensor) -> Tensor:
        """Read lines."""
        pixels = (image.permute(0, 3, 1, 2).float() - self.mean) / self.deviation
        return self.model.decoder.forward_train(self.model.backbone(pixels)).log_softmax(-1)
