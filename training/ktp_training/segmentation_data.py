"""Data set of the segmentation model: whole scenes, turned, zoomed and re-coloured on the way."""

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
import torch
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import PolygonMasks
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ktp_preprocessing.letterbox import LETTERBOX_PADDING_VALUE
from ktp_training.cache import SceneExtract, open_pools
from ktp_training.photometry import vary_photo

INPUT_SIDE_PX = 320
LEAST_VISIBLE = 0.85
"""A zoom that leaves less of a card inside the image is drawn again: half a card is neither card nor background."""
SOME_ZOOM, FAR_ZOOM = (-0.35, 0.55), (-0.9, -0.35)
"""Logarithms of the zoom: most scenes nearly as they are, one in ten shrunk to 40 to 70 % (a card far away)."""
LEAST_CARD_SIDE_PX = 20.0
"""Cards whose shorter side is smaller are no targets (the server rejects them as too small)."""


@DATASETS.register_module()
class KtpSceneDataset(Dataset):
    """Scenes with cards as instances; the class is the number of clockwise quarter turns."""

    metainfo: ClassVar = {"classes": ("upright", "quarter_turn", "half_turn", "three_quarter_turns")}

    def __init__(self, pools: Sequence[str], training: bool, workers: int = 1) -> None:
        """Open the pools' extracts.

        Args:
            pools: folders of specimen pools.
            training: augment at random; otherwise plain letterboxing.
            workers: processes for building missing extracts.
        """
        self.training = training
        self.items = open_pools(pools, "segmentation", workers)
        self._rng: np.random.Generator | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, object]:
        square, extract = self.items[index]
        width_px, height_px = extract.content_size_px
        content = np.asarray(square[:height_px, :width_px])
        turns = 0
        if self.training:
            if self._rng is None:
                self._rng = np.random.default_rng(torch.initial_seed())
            matrix, turns = draw_placement(extract, self._rng)
        else:
            matrix = placement((width_px, height_px), 0, 0.0, 1.0, (0.5, 0.5))
        image = cv2.warpAffine(
            content,
            matrix,
            (INPUT_SIDE_PX, INPUT_SIDE_PX),
            flags=cv2.INTER_LINEAR,
            borderValue=(LETTERBOX_PADDING_VALUE,) * 3,
        )
        if self._rng is not None and self.training:
            image = vary_photo(np.asarray(image, dtype=np.uint8), self._rng)
        quads = extract.quads @ matrix[:, :2].T + matrix[:, 2]
        return {
            "inputs": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "data_samples": _sample(index, quads, (extract.quarter_turns + turns) % 4, extract.stratum),
        }


def placement(
    size_px: tuple[int, int], turns: int, tilt_radians: float, zoom: float, centre: tuple[float, float]
) -> NDArray[np.float64]:
    """Affine map from content pixels to the model's square input.

    Args:
        size_px: width and height of the content.
        turns: clockwise quarter turns of the whole image.
        tilt_radians: further clockwise rotation about the middle of the view.
        zoom: above 1 shows a part of the image, larger.
        centre: middle of the view as fractions of the content.

    Returns:
        (2, 3) float64.
    """
    width_px, height_px = size_px
    view = np.array([width_px, height_px]) / zoom
    scale = INPUT_SIDE_PX / max(width_px, height_px) * zoom
    angle = turns * np.pi / 2 + tilt_radians
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = scale * np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array([centre[0] * width_px, centre[1] * height_px]) - 0.5
    view_size = (view if turns % 2 == 0 else view[::-1]) * scale
    offset = view_size / 2 - 0.5 - linear @ middle
    return np.column_stack([linear, offset])


def draw_placement(extract: SceneExtract, rng: np.random.Generator) -> tuple[NDArray[np.float64], int]:
    """Draw turns, tilt and zoom so that every card stays nearly whole.

    Returns:
        The (2, 3) affine map and the quarter turns it contains.
    """
    turns = int(rng.integers(0, 4))
    for _ in range(8):
        tilt = float(np.deg2rad(rng.normal(0.0, 6.0))) if rng.random() < 0.5 else 0.0
        zoom = float(np.exp(rng.uniform(*SOME_ZOOM))) if rng.random() < 0.75 else 1.0
        if rng.random() < 0.1:
            zoom = float(np.exp(rng.uniform(*FAR_ZOOM)))
        reach = 0.5 * abs(1 - 1 / zoom)
        centre = (0.5 + float(rng.uniform(-reach, reach)), 0.5 + float(rng.uniform(-reach, reach)))
        matrix = placement(extract.content_size_px, turns, tilt, zoom, centre)
        quads = extract.quads @ matrix[:, :2].T + matrix[:, 2]
        if all(_visible_share(quad) >= LEAST_VISIBLE for quad in quads):
            return matrix, turns
    return placement(extract.content_size_px, turns, 0.0, 1.0, (0.5, 0.5)), turns


def _visible_share(quad: NDArray[np.float64]) -> float:
    side = float(INPUT_SIDE_PX)
    frame = np.array([[0, 0], [side, 0], [side, side], [0, side]], dtype=np.float32)
    area = abs(cv2.contourArea(quad.astype(np.float32)))
    shared, _ = cv2.intersectConvexConvex(quad.astype(np.float32), frame)
    return float(shared / max(area, 1.0))


def _sample(index: int, quads: NDArray[np.float64], turns: NDArray[np.int64], stratum: str) -> DetDataSample:
    clipped = np.clip(quads, 0, INPUT_SIDE_PX)
    boxes = np.concatenate([clipped.min(1), clipped.max(1)], axis=1).reshape(-1, 4).astype(np.float32)
    large = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) >= LEAST_CARD_SIDE_PX
    quads, boxes, turns = quads[large], boxes[large], turns[large]
    shape = (INPUT_SIDE_PX, INPUT_SIDE_PX)
    # The polygon's half-pixel shift: truth has pixel centres at integers, the rasteriser at halves.
    polygons = [[quad.reshape(-1) + 0.5] for quad in quads]
    sample = DetDataSample(
        metainfo={
            "img_id": index,
            "img_shape": shape,
            "ori_shape": shape,
            "pad_shape": shape,
            "batch_input_shape": shape,
            "scale_factor": (1.0, 1.0),
            "stratum": stratum,
            "quads": quads,
        }
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.from_numpy(boxes),
        labels=torch.from_numpy(turns.astype(np.int64)),
        masks=PolygonMasks(polygons, *shape),
    )
    sample.ignored_instances = InstanceData(bboxes=torch.zeros((0, 4)), labels=torch.zeros(0, dtype=torch.long))
    return sample
