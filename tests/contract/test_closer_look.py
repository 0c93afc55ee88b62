"""What is in doubt gets a further look by segmentation: a card not found in the image turned, an outline upright."""

import math
import time
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_preprocessing.requirements import RequirementRules
from ktp_server.cards import CardSelection
from ktp_server.engines.port import Tensor
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.line_reading import ReadingRules
from ktp_server.models import CardModels
from ktp_server.pipeline import Pipeline, PipelineRules
from ktp_server.stages import CpuWorkers
from ktp_server.steps import CardRules
from tests.contract.card_oracle import draw_card
from tests.contract.fake_engine import FakeEngine

SPECS = read_model_repository(find_model_repository())
RULES = PipelineRules(
    image=RequirementRules(),
    card=CardRules(CardSelection(0.5, 0.8), RequirementRules()),
    reading=ReadingRules(CardKnowledge.load(), 0.02),
)
PATIENCE_S = 0.1
LEANING = np.array([[330.0, 110.0], [1010.0, 420.0], [840.0, 790.0], [160.0, 480.0]])


class BrightnessSegmentation:
    """Takes what is bright for the card; the masks of the first looks run on over the ground."""

    def __init__(self, leaking_count: int, second_score: float = 0.99) -> None:
        self.images: list[Tensor] = []
        self._leaking_count = leaking_count
        self._second_score = second_score

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        image = np.asarray(tensors["image"][0], dtype=np.uint8)
        leaks = len(self.images) < self._leaking_count
        score = self._second_score if self.images else 0.99
        self.images.append(image)
        points = np.argwhere(image[..., 0] > 180)[:, ::-1].astype(np.int32)
        shape = np.zeros(image.shape[:2], np.float32)
        cv2.fillConvexPoly(shape, cv2.convexHull(points), 1.0)
        x, y, width, height = cv2.boundingRect(points)
        if leaks:
            shape[y : y + height // 2, x : x + width // 2] = 1.0
        boxes, scores = np.zeros((1, 8, 4), np.float32), np.zeros((1, 8), np.float32)
        masks = np.zeros((1, 8, 28, 28), np.float32)
        boxes[0, 0], scores[0, 0] = (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5), score
        masks[0, 0] = cv2.resize(shape[y : y + height, x : x + width], (28, 28), interpolation=cv2.INTER_AREA)
        return {"boxes": boxes, "scores": scores, "labels": np.zeros((1, 8), np.int64), "masks": masks}


@pytest.fixture
def workers() -> Iterator[CpuWorkers]:
    workers = CpuWorkers(1)
    yield workers
    workers.close()


class UprightSegmentation(BrightnessSegmentation):
    """Hardly sees a card that leans far from a quarter turn."""

    def __init__(self, upright_score: float = 0.99) -> None:
        super().__init__(leaking_count=0, second_score=upright_score)

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = super().__call__(tensors)
        bright = np.argwhere(np.asarray(self.images[-1], dtype=np.uint8)[..., 0] > 180)[:, ::-1].astype(np.float32)
        if 15 < cv2.minAreaRect(bright)[2] % 90 < 75:
            outputs["scores"] = np.asarray(outputs["scores"], dtype=np.float32) * np.float32(0.3)
        return outputs


def turn(quad: Tensor, degrees: float) -> NDArray[np.float64]:
    """A quad turned about its middle."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle = quad.mean(axis=0)
    turned: NDArray[np.float64] = (quad - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle
    return turned


async def find(segmentation: BrightnessSegmentation, workers: CpuWorkers, quad: NDArray[np.float64] = LEANING) -> float:
    """Largest corner error of the answer, source pixels."""
    engine = FakeEngine(SPECS, {"ktp_segmentation": segmentation})
    result = await Pipeline(CardModels.build(engine, SPECS), workers, RULES).assess_quality(draw_card(quad))
    return float(np.abs(np.array(result.card.quad) - quad).max())


async def test_a_sure_outline_needs_one_look(workers: CpuWorkers) -> None:
    segmentation = BrightnessSegmentation(leaking_count=0)
    assert await find(segmentation, workers) < 3.0
    assert len(segmentation.images) == 1


async def test_a_leaking_mask_is_looked_at_again_upright(workers: CpuWorkers) -> None:
    segmentation = BrightnessSegmentation(leaking_count=1)
    assert await find(segmentation, workers) < 3.0
    assert len(segmentation.images) == 2
    bright = np.argwhere(np.asarray(segmentation.images[1], dtype=np.uint8)[..., 0] > 180)
    height_px, width_px = bright.max(axis=0) - bright.min(axis=0)
    assert 170 < width_px < 260
    assert width_px / height_px == pytest.approx(85.6 / 53.98, rel=0.25)


async def test_a_closer_look_that_shows_no_card_changes_nothing(workers: CpuWorkers) -> None:
    """The search goes on from the first mask, and finds what a search can find."""
    segmentation = BrightnessSegmentation(leaking_count=2, second_score=0.2)
    assert await find(segmentation, workers) < 3.0
    assert len(segmentation.images) == 2


@pytest.mark.parametrize("degrees", [10.0, 20.0, 30.0])
async def test_a_card_that_leans_far_is_found_in_the_turned_image(workers: CpuWorkers, degrees: float) -> None:
    segmentation = UprightSegmentation()
    assert await find(segmentation, workers, turn(LEANING, degrees)) < 3.0
    assert len(segmentation.images) >= 2


async def test_what_only_the_turned_image_shows_must_be_a_sure_card(workers: CpuWorkers) -> None:
    """0.9 would be enough in the first look."""
    segmentation = UprightSegmentation(upright_score=0.9)
    with pytest.raises(RecognitionError) as caught:
        await find(segmentation, workers, turn(LEANING, 20.0))
    assert caught.value.reason is ErrorReason.CARD_NOT_FOUND
    assert len(segmentation.images) == 2


class SlowSegmentation(UprightSegmentation):
    """Takes longer than the caller waits."""

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        time.sleep(2 * PATIENCE_S)
        return super().__call__(tensors)


async def test_no_further_look_begins_after_the_deadline(workers: CpuWorkers) -> None:
    segmentation = SlowSegmentation()
    pipeline = Pipeline(CardModels.build(FakeEngine(SPECS, {"ktp_segmentation": segmentation}), SPECS), workers, RULES)
    image = draw_card(turn(LEANING, 20.0))
    with pytest.raises(TimeoutError):
        await pipeline.assess_quality(image, time.monotonic() + PATIENCE_S)
    assert len(segmentation.images) <= 1
