"""Data of the recogniser: line strips cropped as the text detector would, in buckets of equal width."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.registry import DATA_SAMPLERS
from mmengine.structures import LabelData
from mmocr.registry import DATASETS
from mmocr.structures import TextRecogDataSample
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ktp_preprocessing.crops import LINE_GROWTH, LINE_HEIGHT_PX
from ktp_training.alphabet import ALPHABET, WIDTHS_PX
from ktp_training.cache import STRIP_LINE_PX, STRIP_MARGIN_X, STRIP_MARGIN_Y, StripExtract, build_cache, load_extracts
from ktp_training.photometry import (
    add_glare,
    add_gradient,
    add_grating,
    add_noise,
    blur,
    compress,
    defocus,
    erase_strip,
    lose_resolution,
    move,
    sharpen,
    vary_tone,
    wear,
)

WEIGHT_OF_KIND = {"watermark": 0.5, "glued": 0.6}
"""How often lines are drawn, next to 1 for the others."""
COMMON_TEXT_EXPONENT = 0.25
"""A text n times as frequent as a typical one is drawn n^0.75 times as often: labels are few strings, many times."""
WEIGHT_OF_FIELD = {"nik": 2.0, "nama": 1.5, "alamat": 2.0}
"""Dense punctuation stands in names and addresses, whose lines are the ones most often misread."""
AS_DRAWN = {"hard": 0.6}
"""Share of lines left as the pool's own camera showed them, 0.2 unless named: hard ones are hardly readable already."""
MARGIN_DEVIATION_Y = 0.075
MARGIN_DEVIATION_X = 0.14
"""Spread of the crop's margins in line heights: how the text detector's boxes scatter around the true lines."""
SMALLEST_MARGIN = -0.08


@DATASETS.register_module()
class KtpLineDataset(Dataset):
    """Line crops. Indexed by (strip, width): the batch sampler decides the width of a batch."""

    metainfo: ClassVar = {"dataset_name": "ktp_lines"}

    def __init__(self, pools: Sequence[str], training: bool, workers: int = 1, limit: int = 0) -> None:
        """Open the pools' extracts.

        Args:
            pools: folders of specimen pools.
            training: vary margins, geometry and light; otherwise the nominal crop.
            workers: processes for building missing extracts.
            limit: use at most this many lines, evenly spread; 0 means all.
        """
        self.training = training
        items: list[tuple[NDArray[np.uint8], StripExtract]] = []
        known = set(ALPHABET)
        for pool in pools:
            for pixel_file in build_cache(Path(pool), "recognition", workers):
                pixels, extracts = load_extracts(pixel_file)
                items += [(pixels, extract) for extract in extracts if set(extract.text) <= known]
        if limit and len(items) > limit:
            items = [items[i] for i in np.linspace(0, len(items) - 1, limit).astype(int)]
        self.items = items
        self._rng: np.random.Generator | None = None

    def __len__(self) -> int:
        return len(self.items)

    def width_of(self, index: int) -> int:
        """The recogniser width that the nominal crop of a strip needs."""
        return bucket_of(_content_width(self.items[index][1], LINE_GROWTH * 2, LINE_GROWTH * 2))

    def weights(self) -> NDArray[np.float64]:
        """How often each strip should be drawn: by kind, and less for texts that occur again and again."""
        counts = Counter(extract.text for _, extract in self.items)
        typical = max(1.0, len(self.items) / 2000)
        weights = np.empty(len(self.items))
        for i, (_, extract) in enumerate(self.items):
            base = WEIGHT_OF_FIELD.get(extract.field, 1.0) if extract.kind == "value" else 1.0
            rare = min(1.0, (typical / counts[extract.text]) ** COMMON_TEXT_EXPONENT)
            weights[i] = base * WEIGHT_OF_KIND.get(extract.kind, 1.0) * rare
        return weights

    def __getitem__(self, key: tuple[int, int]) -> dict[str, object]:
        index, width_px = key
        flat, extract = self.items[index]
        size = extract.height_px * extract.width_px
        strip = np.asarray(flat[extract.offset : extract.offset + size]).reshape(extract.height_px, extract.width_px)
        if self.training:
            if self._rng is None:
                self._rng = np.random.default_rng(torch.initial_seed())
            crop = _random_crop(strip, extract, width_px, self._rng)
            if self._rng.random() > AS_DRAWN.get(extract.stratum, 0.2):
                crop = _vary(crop, self._rng)
        else:
            crop = crop_strip(strip, extract, Margins(), width_px)
        sample = TextRecogDataSample(
            metainfo={
                "img_shape": (LINE_HEIGHT_PX, width_px),
                "ori_shape": (LINE_HEIGHT_PX, width_px),
                "valid_ratio": 1.0,
                "kind": extract.kind,
                "field": extract.field,
                "stratum": extract.stratum,
            }
        )
        # Width of a gap is layout, not text.
        sample.gt_text = LabelData(item=" ".join(extract.text.split()))
        return {"inputs": torch.from_numpy(crop[None].copy()), "data_samples": sample}


@dataclass(frozen=True, slots=True)
class Margins:
    """How a crop lies around its line; the default is the server's nominal crop.

    Attributes:
        left, top, right, bottom: distance from the line's quad to the crop's edge, in line heights.
        tilt: rise of the line per unit of its length.
        shear: slant of the characters.
        squeeze: horizontal scale.
    """

    left: float = LINE_GROWTH
    top: float = LINE_GROWTH
    right: float = LINE_GROWTH
    bottom: float = LINE_GROWTH
    tilt: float = 0.0
    shear: float = 0.0
    squeeze: float = 1.0


def crop_strip(strip: NDArray[np.uint8], extract: StripExtract, margins: Margins, width_px: int) -> NDArray[np.uint8]:
    """Crop a strip to the recogniser's input.

    Args:
        strip: (57, W) uint8.
        extract: what belongs to the strip.
        margins: placement of the crop.
        width_px: width of the result; a longer line is compressed into it, a shorter one padded by its last column.

    Returns:
        (32, width_px) uint8.
    """
    unit = STRIP_LINE_PX
    content_px = round(
        _content_width(extract, margins.left + margins.right, margins.top + margins.bottom) * margins.squeeze
    )
    content_px = int(np.clip(content_px, 4, width_px))
    aspect = extract.width_px / unit - 2 * STRIP_MARGIN_X
    scale_y = (1 + margins.top + margins.bottom) * unit / LINE_HEIGHT_PX
    scale_x = (aspect + margins.left + margins.right) * unit / content_px
    left = (STRIP_MARGIN_X - margins.left) * unit - 0.5
    top = (STRIP_MARGIN_Y - margins.top) * unit - 0.5
    to_strip = np.array([[scale_x, 0.0, left + scale_x / 2], [0.0, scale_y, top + scale_y / 2]])
    if margins.tilt or margins.shear:
        middle = np.array([extract.width_px / 2, extract.height_px / 2])
        turn = np.array([[1.0, margins.shear], [margins.tilt, 1.0]])
        to_strip = np.column_stack([turn @ to_strip[:, :2], turn @ (to_strip[:, 2] - middle) + middle])
    content = cv2.warpAffine(
        strip,
        to_strip,
        (content_px, LINE_HEIGHT_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(np.pad(content, ((0, 0), (0, width_px - content_px)), mode="edge"), dtype=np.uint8)


def bucket_of(content_width_px: int) -> int:
    """The smallest recogniser width that holds a content width; the largest one for longer lines."""
    return next((width for width in WIDTHS_PX if width >= content_width_px), WIDTHS_PX[-1])


def _content_width(extract: StripExtract, margins_x: float, margins_y: float) -> int:
    aspect = extract.width_px / STRIP_LINE_PX - 2 * STRIP_MARGIN_X
    return max(1, round(LINE_HEIGHT_PX * (aspect + margins_x) / (1 + margins_y)))


def _random_crop(
    strip: NDArray[np.uint8], extract: StripExtract, width_px: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    across = np.clip(rng.normal(LINE_GROWTH, MARGIN_DEVIATION_Y, 2), SMALLEST_MARGIN, STRIP_MARGIN_Y)
    along = np.clip(rng.normal(LINE_GROWTH, MARGIN_DEVIATION_X, 2), SMALLEST_MARGIN, STRIP_MARGIN_X)
    aspect = max(1.0, extract.width_px / STRIP_LINE_PX)
    margins = Margins(
        *(float(margin) for margin in (along[0], across[0], along[1], across[1])),
        # A long line may only tilt a little before its ends leave the crop; the detector's boxes follow it anyway.
        tilt=float(rng.normal(0.0, 0.06 / aspect)),
        shear=float(rng.normal(0.0, 0.04)),
        squeeze=float(np.clip(np.exp(rng.normal(0.0, 0.06)), 0.88, 1.15)),
    )
    return crop_strip(strip, extract, margins, width_px)


def _vary(crop: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Put a crop through printing, light, lens and sensor, in the order in which they happen."""
    for chance, change in (
        (0.08, wear),
        (0.08, erase_strip),
        (0.10, add_grating),
        (0.15, add_gradient),
        (0.05, add_glare),
        (0.15, lose_resolution),
    ):
        if rng.random() < chance:
            crop = change(crop, rng)
    lens = rng.random()
    if lens < 0.15:
        crop = blur(crop, rng, 1.4)
    elif lens < 0.25:
        crop = defocus(crop, rng, 2.2)
    elif lens < 0.35:
        crop = move(crop, rng, 4.5)
    if rng.random() < 0.65:
        crop = vary_tone(crop, rng)
    if rng.random() < 0.25:
        crop = add_noise(crop, rng, 14.0)
    if rng.random() < 0.12:
        crop = sharpen(crop, rng)
    if rng.random() < 0.12:
        crop = compress(crop, rng)
    return crop


@DATA_SAMPLERS.register_module()
class WidthBucketBatchSampler:
    """Batches of lines that share a width, without end; larger batches for narrower lines."""

    def __init__(self, sampler: InfiniteSampler, batch_size: int) -> None:
        """Prepare the buckets; drawing is seeded by torch's seed, so that a resumed run may be given another.

        Args:
            sampler: mmengine's sampler of a KtpLineDataset, replaced by this one's own drawing.
            batch_size: batch size of 256 px wide lines; others have the same number of columns.
        """
        self.sampler = sampler
        self.sampler = sampler  # mmengine looks for it
        dataset: KtpLineDataset = sampler.dataset
        self._columns = batch_size * 256
        self._rng = np.random.default_rng(torch.initial_seed())
        weights = dataset.weights()
        widths = np.array([dataset.width_of(i) for i in range(len(dataset))])
        self._buckets = [(int(w), np.flatnonzero(widths == w)) for w in WIDTHS_PX if (widths == w).any()]
        self._shares = [weights[members] / weights[members].sum() for _, members in self._buckets]
        # A bucket's chance is its weight in batches, so that every line is drawn by its own weight.
        batches = np.array([weights[members].sum() * width for width, members in self._buckets])
        self._chances = batches / batches.sum()
        self._batch_count = max(1, int(widths.sum()) // self._columns)

    def __len__(self) -> int:
        """Batches that show as many columns as the data set holds: what mmengine takes for an epoch."""
        return self._batch_count

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        while True:
            which = int(self._rng.choice(len(self._buckets), p=self._chances))
            width_px, members = self._buckets[which]
            count = max(1, self._columns // width_px)
            chosen = self._rng.choice(members, size=count, p=self._shares[which])
            yield [(int(index), width_px) for index in chosen]


@DATA_SAMPLERS.register_module()
class WidthBucketOnceSampler:
    """Every line once, in batches of equal width: for validation."""

    def __init__(self, sampler: DefaultSampler, batch_size: int) -> None:
        """Group the lines by width; `batch_size` lines at most per batch."""
        self.sampler = sampler
        self.sampler = sampler  # mmengine looks for it
        dataset: KtpLineDataset = sampler.dataset
        groups: dict[int, list[tuple[int, int]]] = {}
        for index in range(len(dataset)):
            groups.setdefault(dataset.width_of(index), []).append((index, dataset.width_of(index)))
        self._batches = [
            group[i : i + batch_size] for group in groups.values() for i in range(0, len(group), batch_size)
        ]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        yield from self._batches

    def __len__(self) -> int:
        return len(self._batches)
