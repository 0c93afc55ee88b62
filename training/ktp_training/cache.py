"""Decode a pool once: small per-model extracts on disk, so that training never waits for JPEG decoding.

``POOL/cache/KIND-00003.npy`` holds the pixels of one shard of scenes, memory-mapped by the data sets, and
``KIND-00003.pickle`` what belongs to them. Shards are written under a temporary name and renamed, so an interrupted
build is resumed, and a growing pool gains shards. Extracts:

- segmentation: the whole image, longest side 400 px (a little more than the model's input, for zooming in).
- detection: the card frame, rectified from the true quad with corner noise.
- recognition: line strips, grey, larger than the recogniser's crop, so that the crop's margins can vary in training.
"""

import os
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography, side_lengths
from ktp_preprocessing.letterbox import letterbox, scaling_homography
from ktp_preprocessing.rectify import CARD_FRAME_SIZE_PX, card_frame_quad, rectify
from ktp_specimen.truth import CardTruth, LineTruth, SpecimenTruth, read_pixels, read_truths

KINDS = ("segmentation", "detection", "recognition")
SHARD_SCENES = 100
"""Scenes per shard: large enough for few files, small enough that a growing pool is used soon."""
SEGMENTATION_SIDE_PX = 400
STRIP_LINE_PX = 30
"""Height of the line itself in a strip; the recogniser's crop shows a line at about 25 px, the rest is for zooming."""
STRIP_MARGIN_X = 0.5
STRIP_MARGIN_Y = 0.45
"""Margins of a strip in line heights: more than the text detector is ever off."""
CORNER_NOISE = 0.004
CORNER_NOISE_LARGE = 0.012
CORNER_NOISE_LARGE_SHARE = 0.15
"""Standard deviation of corner errors in card widths, as the segmentation leaves them, and in its bad cases."""
LEAST_CARD_WIDTH_PX = 450.0
"""Text of smaller cards is no target: the server rejects them, and people cannot read them either."""
LARGEST_GLUED_GAP = 1.3
"""Widest gap between a label and its value, in line heights, that the text detector was seen to bridge."""
LEAST_VISIBLE = 0.95
"""Lines of which less is visible, or parts of which are wiped out, are nothing to learn reading from."""


@dataclass(frozen=True, slots=True)
class SceneExtract:
    """Where a scene lies in a 400 px square: content size, quads (N, 4, 2) in its pixels, quarter turns (N,)."""

    content_size_px: tuple[int, int]
    quads: NDArray[np.float64]
    quarter_turns: NDArray[np.int64]
    stratum: str


@dataclass(frozen=True, slots=True)
class FrameExtract:
    """Lines of a card frame: quads (N, 4, 2) in frame pixels, their kinds, and how much of each is visible (N,)."""

    quads: NDArray[np.float64]
    kinds: tuple[str, ...]
    visible: NDArray[np.float64]
    stratum: str


@dataclass(frozen=True, slots=True)
class StripExtract:
    """A line strip: its place in the shard's flat pixel array, its shape, and what it says."""

    offset: int
    height_px: int
    width_px: int
    text: str
    kind: str
    field: str
    stratum: str


def build_cache(pool: Path, kind: str, workers: int = 1) -> list[Path]:
    """Write the missing shards of a pool's extract.

    Args:
        pool: folder of the pool.
        kind: one of KINDS.
        workers: processes to use.

    Returns:
        The pixel files of all complete shards, in order.
    """
    scenes = read_truths(pool)
    folder = pool / "cache"
    folder.mkdir(exist_ok=True)
    starts = range(0, len(scenes), SHARD_SCENES)
    tasks = []
    for shard, start in enumerate(starts):
        part = scenes[start : start + SHARD_SCENES]
        # The size is part of the name: the last, short shard is written anew when the pool has grown.
        target = folder / f"{kind}-{shard:05d}-{len(part)}.npy"
        tasks.append((target, kind, part, shard))
    missing = [task for task in tasks if not task[0].with_suffix(".pickle").exists()]
    if workers > 1 and len(missing) > 1:
        with ProcessPoolExecutor(workers) as executor:
            list(executor.map(_write_shard, missing))
    else:
        for task in missing:
            _write_shard(task)
    return [task[0] for task in tasks]


def load_extracts(pixel_file: Path) -> tuple[NDArray[np.uint8], list]:
    """Open one shard: memory-mapped pixels and the list of its extracts."""
    with pixel_file.with_suffix(".pickle").open("rb") as stream:
        extracts = pickle.load(stream)
    return np.load(pixel_file, mmap_mode="r"), extracts


def open_pools(pools: Sequence[str], kind: str, workers: int = 1) -> list[tuple[NDArray[np.uint8], object]]:
    """Open the extracts of several pools, building what is missing: pixels and what belongs to them, item by item."""
    items: list[tuple[NDArray[np.uint8], object]] = []
    for pool in pools:
        for pixel_file in build_cache(Path(pool), kind, workers):
            pixels, extracts = load_extracts(pixel_file)
            items += zip(pixels, extracts, strict=True)
    return items


def _write_shard(task: tuple[Path, str, Sequence[SpecimenTruth], int]) -> None:
    target, kind, scenes, shard = task
    cv2.setNumThreads(1)
    rng = np.random.default_rng([shard, len(kind)])
    blocks: list[NDArray[np.uint8]] = []
    extracts: list[object] = []
    for scene in scenes:
        pixels = read_pixels(target.parent.parent, scene)
        if kind == "segmentation":
            _extract_scene(scene, pixels, blocks, extracts)
        elif kind == "detection":
            _extract_frames(scene, pixels, rng, blocks, extracts)
        else:
            _extract_strips(scene, pixels, blocks, extracts)
    flat = kind == "recognition"
    shape = {"segmentation": (0, SEGMENTATION_SIDE_PX, SEGMENTATION_SIDE_PX, 3)}.get(
        kind, (0, CARD_FRAME_SIZE_PX[1], CARD_FRAME_SIZE_PX[0], 3)
    )
    if not blocks:
        pixels_of_shard: NDArray[np.uint8] = np.zeros((0,) if flat else shape, dtype=np.uint8)
    else:
        pixels_of_shard = np.concatenate([block.ravel() for block in blocks]) if flat else np.stack(blocks)
    temporary = target.with_suffix(f".tmp{os.getpid()}.npy")
    np.save(temporary, pixels_of_shard)
    temporary.rename(target)
    with target.with_suffix(".pickle.tmp").open("wb") as stream:
        pickle.dump(extracts, stream)
    target.with_suffix(".pickle.tmp").rename(target.with_suffix(".pickle"))


def _extract_scene(
    scene: SpecimenTruth, pixels: NDArray[np.uint8], blocks: list[NDArray[np.uint8]], extracts: list[object]
) -> None:
    height_px, width_px = pixels.shape[:2]
    scale = SEGMENTATION_SIDE_PX / max(height_px, width_px)
    boxed = letterbox(pixels, SEGMENTATION_SIDE_PX)
    quads = [map_points(boxed.homography, card.quad) for card in scene.cards]
    turns = [card.quarter_turns for card in scene.cards]
    blocks.append(boxed.pixels)
    extracts.append(
        SceneExtract(
            (max(1, round(width_px * scale)), max(1, round(height_px * scale))),
            np.array(quads, dtype=np.float64).reshape(-1, 4, 2),
            np.array(turns, dtype=np.int64),
            scene.stratum,
        )
    )


def _extract_frames(
    scene: SpecimenTruth,
    pixels: NDArray[np.uint8],
    rng: np.random.Generator,
    blocks: list[NDArray[np.uint8]],
    extracts: list[object],
) -> None:
    for card in filter(is_legible, scene.cards):
        deviation = CORNER_NOISE_LARGE if rng.random() < CORNER_NOISE_LARGE_SHARE else CORNER_NOISE
        noise_px = rng.normal(0.0, deviation, (4, 2)) * side_lengths(card.quad)[0]
        rectified = rectify(pixels, card.quad + noise_px)
        quads = [map_points(rectified.homography, line.quad) for line in card.lines]
        blocks.append(rectified.pixels)
        extracts.append(
            FrameExtract(
                np.array(quads, dtype=np.float64).reshape(-1, 4, 2),
                tuple(line.kind for line in card.lines),
                np.array([line.visible for line in card.lines]),
                scene.stratum,
            )
        )


def _extract_strips(
    scene: SpecimenTruth, pixels: NDArray[np.uint8], blocks: list[NDArray[np.uint8]], extracts: list[object]
) -> None:
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    offset = sum(block.size for block in blocks)
    for card in filter(is_legible, scene.cards):
        to_frame = quad_homography(card.quad, card_frame_quad())
        whole = [line for line in card.lines if line.text.strip() and line.legible and line.visible >= LEAST_VISIBLE]
        for line in [*whole, *glued_lines(whole, to_frame)]:
            strip = cut_strip(grey, to_frame, line)
            blocks.append(strip)
            extracts.append(
                StripExtract(offset, strip.shape[0], strip.shape[1], line.text, line.kind, line.field, scene.stratum)
            )
            offset += strip.size


def glued_lines(lines: Sequence[LineTruth], to_frame: NDArray[np.float64]) -> list[LineTruth]:
    """Labels and the values close behind them as one line: as the text detector sometimes finds them.

    Args:
        lines: lines of one card.
        to_frame: (3, 3) source -> card frame.

    Returns:
        Lines of kind "glued", their quads in source pixels.
    """
    to_source = np.linalg.inv(to_frame)
    quads = [map_points(to_frame, line.quad) for line in lines]
    glued = []
    for label, label_quad in zip(lines, quads, strict=True):
        if label.kind != "label":
            continue
        height = float(side_lengths(label_quad)[1])
        for value, value_quad in zip(lines, quads, strict=True):
            gap = float(value_quad[0, 0] - label_quad[1, 0])
            drop = abs(float((value_quad[0, 1] + value_quad[3, 1] - label_quad[1, 1] - label_quad[2, 1]) / 2))
            if value.kind == "value" and 0 <= gap < LARGEST_GLUED_GAP * height and drop < 0.4 * height:
                left, right = label_quad[[0, 3]], value_quad[[1, 2]]
                union = np.array([left[0], right[0], right[1], left[1]])
                quad = map_points(to_source, union)
                glued.append(LineTruth(f"{label.text} {value.text}", "glued", value.field, quad, 1.0))
    return glued


def is_legible(card: CardTruth) -> bool:
    """Whether a card is large enough in its image for its text to be read."""
    return float(side_lengths(card.quad).max()) >= LEAST_CARD_WIDTH_PX


def cut_strip(grey: NDArray[np.uint8], to_frame: NDArray[np.float64], line: LineTruth) -> NDArray[np.uint8]:
    """Cut a line with wide margins out of the source image, sampled once through the card's homography.

    Args:
        grey: (H, W) uint8 source image.
        to_frame: (3, 3) source -> card frame.
        line: the line, its quad in source pixels.

    Returns:
        (57, W) uint8: the line 30 px high, with margins of 0.45 (above, below) and 0.5 (left, right) line heights.
    """
    in_frame = map_points(to_frame, line.quad)
    sides = side_lengths(in_frame)
    aspect = float((sides[0] + sides[2]) / max(sides[1] + sides[3], 1e-6))
    unit = STRIP_LINE_PX
    width_px = max(8, round((aspect + 2 * STRIP_MARGIN_X) * unit))
    height_px = round((1 + 2 * STRIP_MARGIN_Y) * unit)
    left, top = STRIP_MARGIN_X * unit - 0.5, STRIP_MARGIN_Y * unit - 0.5
    right, bottom = left + aspect * unit, top + unit
    in_strip = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    to_strip = quad_homography(in_frame, in_strip) @ to_frame
    source_sides = side_lengths(line.quad)
    shrink = float(source_sides[1] + source_sides[3]) / 2 / unit
    factor = int(np.clip(np.ceil(shrink / 1.2), 1, 6))
    strip = cv2.warpPerspective(
        grey,
        scaling_homography(factor, factor) @ to_strip,
        (width_px * factor, height_px * factor),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        strip = cv2.resize(strip, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return np.asarray(strip, dtype=np.uint8)
