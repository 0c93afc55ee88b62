"""The dense algebra of the exported graphs against the loops it replaces."""

import torch

from ktp_training.compat import _roi_align_forward, nms
from ktp_training.served import align_regions, keep_best


def random_boxes(generator: torch.Generator, count: int, side: float) -> torch.Tensor:
    corner = torch.rand(count, 2, generator=generator) * side * 0.7
    size = (0.05 + torch.rand(count, 2, generator=generator) * 0.4) * side
    return torch.cat([corner, corner + size], 1)


def test_dense_suppression_is_greedy_suppression() -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(40):
        boxes = random_boxes(generator, 60, 100.0)
        scores = torch.rand(60, generator=generator)
        kept = keep_best(boxes[None], scores[None], 0.5)[0]
        assert set(kept.nonzero()[:, 0].tolist()) == set(nms(boxes, scores, 0.5).tolist())


def test_nms_of_nothing_is_nothing() -> None:
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_region_alignment_is_the_trained_one() -> None:
    generator = torch.Generator().manual_seed(2)
    features = torch.rand(2, 3, 20, 24, generator=generator)
    boxes = torch.stack([random_boxes(generator, 5, 160.0), random_boxes(generator, 5, 160.0)])
    image_of_box = torch.arange(2).repeat_interleave(5)[:, None].float()
    expected = torch.zeros(10, 3, 7, 7)
    regions = torch.cat([image_of_box, boxes.reshape(-1, 4)], 1)
    empty = torch.zeros(0)
    _roi_align_forward(features, regions, expected, empty, empty, 7, 7, 1 / 8, 2, 1, aligned=True)
    actual = align_regions(features, boxes / 8, 7).flatten(0, 1)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)
