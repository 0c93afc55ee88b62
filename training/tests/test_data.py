"""Data sets: what the models are shown is what the server will show them, and the labels follow every turn."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_postprocessing.text_boxes import TextBoxSettings, find_text_boxes
from ktp_preprocessing.crops import crop_lines
from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.letterbox import letterbox
from ktp_preprocessing.rectify import card_frame_quad
from ktp_specimen.truth import read_pixels, read_truths
from ktp_training.alphabet import ALPHABET, WIDTHS_PX
from ktp_training.cache import StripExtract, build_cache, cut_strip, is_legible, load_extracts
from ktp_training.detection_data import KtpFrameDataset
from ktp_training.detection_model import SHRINK_RATIO, draw_targets
from ktp_training.metrics import edit_distance, quad_iou
from ktp_training.recognition_data import KtpLineDataset, Margins, bucket_of, crop_strip
from ktp_training.segmentation_data import INPUT_SIDE_PX, KtpSceneDataset, placement


def test_pool_ignores_a_line_that_is_still_being_written(pool: Path, tmp_path: Path) -> None:
    text = (pool / "truth.jsonl").read_text(encoding="utf-8")
    (tmp_path / "truth.jsonl").write_text(text + text[:50], encoding="utf-8")
    assert len(read_truths(tmp_path)) == len(read_truths(pool))


def test_cache_is_built_once(pool: Path) -> None:
    first = build_cache(pool, "detection")
    stamps = [file.stat().st_mtime_ns for file in first]
    second = build_cache(pool, "detection")
    assert [file.stat().st_mtime_ns for file in second] == stamps
    pixels, extracts = load_extracts(first[0])
    assert len(pixels) == len(extracts) == sum(is_legible(card) for scene in read_truths(pool) for card in scene.cards)


def test_nominal_crop_is_the_servers(pool: Path) -> None:
    scene = next(scene for scene in read_truths(pool) if scene.stratum == "clean")
    pixels = read_pixels(pool, scene)
    card = scene.cards[0]
    to_frame = quad_homography(card.quad, card_frame_quad())
    lines = [line for line in card.lines if line.kind != "signature"]
    served = crop_lines(pixels, to_frame, np.stack([map_points(to_frame, line.quad) for line in lines]), WIDTHS_PX)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    for line, expected in zip(lines, served, strict=True):
        strip = cut_strip(grey, to_frame, line)
        extract = StripExtract(0, strip.shape[0], strip.shape[1], line.text, line.kind, line.field, "clean")
        crop = crop_strip(strip, extract, Margins(), expected.pixels.shape[1])
        difference = np.abs(crop.astype(int) - expected.pixels[:, :, 0].astype(int))
        assert difference.mean() < 6.0, line.text


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_turning_an_image_turns_its_cards(turns: int) -> None:
    image: NDArray[np.uint8] = np.zeros((120, 200, 3), dtype=np.uint8)
    image[30:60, 40:90] = 200
    turned = np.ascontiguousarray(np.rot90(image, -turns))
    expected = letterbox(turned, INPUT_SIDE_PX).pixels
    matrix = placement((200, 120), turns, 0.0, 1.0, (0.5, 0.5))
    actual = cv2.warpAffine(image, matrix, (INPUT_SIDE_PX, INPUT_SIDE_PX), borderValue=(114,) * 3)
    assert np.abs(actual.astype(int) - expected.astype(int)).mean() < 3.0


def test_scenes_keep_cards_and_labels_together(pool: Path) -> None:
    data = KtpSceneDataset([str(pool)], training=True)
    seen = 0
    for index in range(len(data)):
        item = data[index]
        sample = item["data_samples"]
        boxes = sample.gt_instances.bboxes.numpy()
        assert tuple(item["inputs"].shape) == (3, INPUT_SIDE_PX, INPUT_SIDE_PX)
        assert len(boxes) == len(sample.gt_instances.labels) == len(sample.quads)
        for quad, label in zip(sample.quads, sample.gt_instances.labels.tolist(), strict=True):
            edge = quad[1] - quad[0]
            angle = np.degrees(np.arctan2(edge[1], edge[0]))
            assert abs((angle - 90 * label + 180) % 360 - 180) <= 60
            seen += 1
    assert seen > 0


@pytest.mark.parametrize(
    "quad",
    [
        [[20.0, 30.0], [220.0, 30.0], [220.0, 44.0], [20.0, 44.0]],
        [[20.0, 60.0], [60.0, 60.0], [60.0, 75.0], [20.0, 75.0]],
        [[100.0, 100.0], [399.0, 115.7], [398.2, 131.7], [99.2, 116.0]],
    ],
)
def test_targets_and_boxes_are_inverse(quad: list[list[float]]) -> None:
    truth = np.array(quad)
    shrink, threshold, mask = draw_targets(truth[None], (640, 416))
    assert shrink.max() == 1.0
    assert threshold.min() >= 0.3
    assert set(np.unique(mask)) == {0.0, 1.0}
    settings = TextBoxSettings(shrink_ratio=SHRINK_RATIO)
    (box,) = find_text_boxes((shrink * 255).astype(np.uint8), settings)
    assert quad_iou(truth.astype(np.float32), box.quad.astype(np.float32)) > 0.9


def test_frames_ignore_hidden_lines(pool: Path) -> None:
    data = KtpFrameDataset([str(pool)], training=True)
    for index in range(len(data)):
        sample = data[index]["data_samples"]
        assert sample.shrink_map.shape == (416, 640)
        assert len(sample.quads) > 5
        assert float((sample.threshold_mask * (sample.shrink_mask == 0)).sum()) == 0.0


def test_lines_come_in_their_width(pool: Path) -> None:
    data = KtpLineDataset([str(pool)], training=True)
    assert len(data.weights()) == len(data)
    for index in range(0, len(data), 7):
        width_px = data.width_of(index)
        item = data[index, width_px]
        assert width_px in WIDTHS_PX
        assert tuple(item["inputs"].shape) == (1, 32, width_px)
        assert set(item["data_samples"].gt_text.item) <= set(ALPHABET)


def test_bucket_of_a_very_long_line_is_the_largest() -> None:
    assert [bucket_of(width) for width in (1, 96, 97, 5000)] == [96, 96, 160, 1024]


@pytest.mark.parametrize(("first", "second", "distance"), [("", "", 0), ("AB", "", 2), ("HINDU", "HNDU", 1)])
def test_edit_distance(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance
