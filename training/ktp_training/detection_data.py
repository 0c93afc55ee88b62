"""Data set of the text detector: card frames, shaken and re-coloured on the way."""

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
import torch
from mmocr.registry import DATASETS
from mmocr.structures import TextDetDataSample
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ktp_preprocessing.rectify import CARD_FRAME_SIZE_PX
from ktp_training.cache import LEAST_VISIBLE, open_pools
from ktp_training.detection_model import draw_targets, draw_weights
from ktp_training.photometry import vary_photo

NOT_TEXT = frozenset({"signature", "watermark"})
HIDDEN = 0.1
"""A line of which no more is visible is not there; one between this and LEAST_VISIBLE counts neither way."""

MAGNIFIED_SHARE, LARGEST_MAGNIFICATION = 0.4, 1.7
"""How often, and how much, a part of the card is magnified."""


@DATASETS.register_module()
class KtpFrameDataset(Dataset):
    """Card frames with their lines as polygons."""

    metainfo: ClassVar = {"dataset_type": "TextDetDataset", "task_name": "textdet"}

    def __init__(self, pools: Sequence[str], training: bool, workers: int = 1) -> None:
        """Open the pools' extracts.

        Args:
            pools: folders of specimen pools.
            training: augment at random.
            workers: processes for building missing extracts.
        """
        self.training = training
        self.items = open_pools(pools, "detection", workers)
        self._rng: np.random.Generator | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, object]:
        frame, extract = self.items[index]
        text = np.array([kind not in NOT_TEXT for kind in extract.kinds], dtype=bool) & (extract.visible > HIDDEN)
        quads, whole = extract.quads[text], extract.visible[text] >= LEAST_VISIBLE
        frame = np.asarray(frame)
        if self.training:
            if self._rng is None:
                self._rng = np.random.default_rng(torch.initial_seed())
            frame, quads = _shake(frame, quads, self._rng)
            frame = vary_photo(frame, self._rng)
        return {
            "inputs": torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))),
            "data_samples": _sample(index, quads, whole, extract.stratum),
        }


def _shake(
    frame: NDArray[np.uint8], quads: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Turn, scale and shift a little: the same frame never looks the same twice.

    Now and then a part of it is magnified: other cards have larger print, a NIK above all.
    """
    width_px, height_px = CARD_FRAME_SIZE_PX
    centre, scale = (width_px / 2, height_px / 2), float(np.exp(rng.normal(0.0, 0.03)))
    if rng.random() < MAGNIFIED_SHARE:
        centre, scale = (rng.uniform(0, width_px), rng.uniform(0, height_px)), rng.uniform(1.1, LARGEST_MAGNIFICATION)
    matrix = cv2.getRotationMatrix2D(centre, rng.normal(0.0, 0.8), scale)
    matrix[:, 2] += rng.normal(0.0, 4.0, 2)
    moved = cv2.warpAffine(frame, matrix, CARD_FRAME_SIZE_PX, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8), quads @ matrix[:, :2].T + matrix[:, 2]


def _sample(index: int, quads: NDArray[np.float64], whole: NDArray[np.bool_], stratum: str) -> TextDetDataSample:
    width_px, height_px = CARD_FRAME_SIZE_PX
    limit = np.array([width_px - 1.0, height_px - 1.0])
    quads = np.clip(quads, 0.0, limit)
    extent = quads.max(1) - quads.min(1) if len(quads) else np.zeros((0, 2))
    whole = whole & (extent >= 3.0).all(axis=1)
    sample = TextDetDataSample(
        metainfo={
            "img_id": index,
            "img_shape": (height_px, width_px),
            "ori_shape": (height_px, width_px),
            "scale_factor": (1.0, 1.0),
            "stratum": stratum,
            "quads": quads[whole],
            "ignored_quads": quads[~whole],
        }
    )
    shrink, threshold, mask = draw_targets(quads[whole], CARD_FRAME_SIZE_PX)
    counted = draw_weights(quads[whole], shrink)
    for quad in quads[~whole]:
        cv2.fillConvexPoly(counted, np.round(quad).astype(np.int32), 0.0)
    sample.shrink_map, sample.shrink_mask = torch.from_numpy(shrink), torch.from_numpy(counted)
    sample.threshold_map, sample.threshold_mask = torch.from_numpy(threshold), torch.from_numpy(mask * (counted > 0))
    return sample
