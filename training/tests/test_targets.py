"""What the detectors are taught and how they are measured: masks, weights, cut lines."""

import numpy as np
import pytest
import torch
from mmdet.structures.mask import PolygonMasks
from mmengine.structures import InstanceData

from ktp_training import photometry
from ktp_training.detection_model import GAP_WEIGHT, SHORT_WEIGHT, draw_weights
from ktp_training.detection_model import draw_targets as draw_cores
from ktp_training.metrics import overhang
from ktp_training.segmentation_model import BOXES_PER_CARD, MASK_SIDE, draw_targets, widen

CARD = np.array([[50.0, 60.0], [250.0, 80.0], [240.0, 210.0], [45.0, 190.0]])
LABEL = [[40.0, 40.0], [100.0, 40.0], [100.0, 54.0], [40.0, 54.0]]
VALUE = [[105.0, 40.0], [125.0, 40.0], [125.0, 54.0], [105.0, 54.0]]


def polygon_area(corners: np.ndarray) -> float:
    following = np.roll(corners, -1, axis=0)
    return 0.5 * abs(float(np.sum(corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1])))


def test_mask_target_covers_the_cards_area() -> None:
    box = torch.tensor([[45.0, 60.0, 250.0, 210.0]])
    instances = InstanceData(bboxes=box, masks=PolygonMasks([[CARD.reshape(-1)]], 320, 320))
    boxes = widen(box, 320.0).repeat(BOXES_PER_CARD, 1)
    targets = draw_targets(instances, boxes)
    cell_px2 = float((boxes[0, 2:] - boxes[0, :2]).prod()) / MASK_SIDE**2
    assert float(targets[0].sum()) * cell_px2 == pytest.approx(polygon_area(CARD), rel=0.005)
    assert 0.0 < float(((targets > 0) & (targets < 1)).float().mean()) < 0.2


def test_gap_between_label_and_value_counts_more() -> None:
    quads = np.array([LABEL, VALUE])
    shrink, _, _ = draw_cores(quads, (200, 100))
    weights = draw_weights(quads, shrink)
    assert weights[47, 102] == GAP_WEIGHT
    assert weights[47, 115] == SHORT_WEIGHT
    assert weights[47, 70] == weights[80, 102] == 1.0
    assert weights[shrink > 0].max() == SHORT_WEIGHT


def test_lines_of_different_rows_have_no_gap() -> None:
    quads = np.array([LABEL, VALUE]) + np.array([[[0.0, 0.0]], [[0.0, 18.0]]])
    shrink, _, _ = draw_cores(quads, (200, 100))
    assert draw_weights(quads, shrink).max() == SHORT_WEIGHT


@pytest.mark.parametrize(("shift", "expected"), [((0.0, 0.0), 0.0), ((-7.0, 0.0), 0.5), ((0.0, 14.0), 1.0)])
def test_overhang_is_in_line_heights(shift: tuple[float, float], expected: float) -> None:
    truth = np.array(LABEL, dtype=np.float32)
    assert overhang(truth, truth + np.array(shift, dtype=np.float32)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "effect", [photometry.cast_shade, photometry.add_spot, photometry.add_moire, photometry.photocopy]
)
def test_effects_change_an_image_but_not_its_kind(effect: object) -> None:
    rng = np.random.default_rng(4)
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    changed = effect(image, rng)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert (changed != image).any()


def test_varied_photos_differ() -> None:
    rng = np.random.default_rng(5)
    image = np.full((40, 60, 3), 120, dtype=np.uint8)
    assert len({photometry.vary_photo(image, rng).tobytes() for _ in range(12)}) > 6
