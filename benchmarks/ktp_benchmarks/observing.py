"""Runs the reader over labelled images: once as it is served, and each model by itself on what it should have got.

The models by themselves: segmentation on the whole image; text detection on the card rectified by its true corners;
recognition on the true lines' crops. So an error counts where it is made.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktp_benchmarks.geometry import corner_error, mask_iou, polygon_iou, score_boxes, text_turn
from ktp_benchmarks.observations import (
    FieldObservation,
    ImageObservation,
    LineObservation,
    OutlineObservation,
)
from ktp_benchmarks.truths import NO_PRINT, LabelledCard, LabelledImage
from ktp_postprocessing.calibration import Calibration
from ktp_postprocessing.ctc import decode_line
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.text_boxes import TextBoxSettings, find_text_boxes
from ktp_preprocessing.crops import crop_lines
from ktp_preprocessing.decode import decode_image
from ktp_preprocessing.errors import ImageError
from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.letterbox import letterbox
from ktp_preprocessing.rectify import rectify
from ktp_server.assembly import open_pipeline
from ktp_server.cards import CardSelection, select_card
from ktp_server.engines.embedded import EmbeddedEngine, EmbeddedEngineSettings
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.errors import RecognitionError, reportable_failure
from ktp_server.models import CardModels
from ktp_server.pipeline import Pipeline
from ktp_server.results import CardResult
from ktp_server.settings import Settings

DERIVED_FIELDS = frozenset({"rt", "rw"})
"""Halves of rt_rw, not printed on their own: counting them would count one line thrice."""

CONCURRENCY = 2
"""Images in work at a time."""


class Observer:
    """Reads labelled images of one folder."""

    def __init__(self, folder: Path, pipeline: Pipeline, models: CardModels, settings: Settings) -> None:
        self._folder = folder
        self._pipeline = pipeline
        self._models = models
        self._selection = CardSelection(settings.card_score_min, settings.extra_card_score_min)

    async def observe_all(self, images: Sequence[LabelledImage], parts: bool = True) -> AsyncIterator[ImageObservation]:
        """Observe images in their order, a few at a time.

        Args:
            images: of this observer's folder.
            parts: also run each model by itself.
        """
        tasks: list[asyncio.Task[ImageObservation]] = []
        for index in range(len(images)):
            while len(tasks) < min(index + CONCURRENCY, len(images)):
                tasks.append(asyncio.create_task(self.observe(images[len(tasks)], parts)))
            yield await tasks[index]

    async def observe(self, image: LabelledImage, parts: bool = True) -> ImageObservation:
        """Observe one image; see `observe_all`."""
        data = await asyncio.to_thread((self._folder / image.file).read_bytes)
        seen = ImageObservation(image.file, image.stratum, len(image.cards))
        card: CardResult | None = None
        try:
            card = (await self._pipeline.recognize(data)).card
        except Exception as error:  # noqa: BLE001 - a refused image is a result of this measurement
            seen.failure = reportable_failure(error).reason.value
        if len(image.cards) == 1:
            seen.fields = _compare_fields(image.cards[0], card)
        if parts:
            with suppress(ImageError):  # a file that is no picture has no parts; its failure says so
                await self._observe_parts(image, data, seen, card or await self._find_card(data))
        return seen

    async def _find_card(self, data: bytes) -> CardResult | None:
        """Where the card lies whose text could not be read; None if it was refused before that."""
        try:
            return (await self._pipeline.assess_quality(data)).card
        except RecognitionError:
            return None

    async def _observe_parts(
        self, image: LabelledImage, data: bytes, seen: ImageObservation, card: CardResult | None
    ) -> None:
        pixels = (await asyncio.to_thread(decode_image, data)).pixels
        truth = image.cards[0] if len(image.cards) == 1 else None
        await self._observe_segmentation(pixels, truth, seen, card)
        if truth is not None and truth.quad is not None and truth.lines is not None:
            await self._observe_text(pixels, truth, truth.quad, seen)

    async def _observe_segmentation(
        self, pixels: NDArray[np.uint8], truth: LabelledCard | None, seen: ImageObservation, card: CardResult | None
    ) -> None:
        model = self._models.segmentation
        boxed = await asyncio.to_thread(letterbox, pixels, model.input_size_px)
        try:
            best = select_card(await model.find_cards(boxed.pixels, None), self._selection).instance
        except RecognitionError:
            seen.card_found = card is not None  # a further look may have found it
            return
        seen.card_found = True
        if truth is None or truth.quad is None or card is None:
            return
        box, found = best.box.astype(np.float64), np.array(card.quad)
        limits = map_points(boxed.homography, np.array([[pixels.shape[1] - 0.5, pixels.shape[0] - 0.5]]))[0] + 0.5
        seen.outline = OutlineObservation(
            mask_iou(best.mask, box, map_points(boxed.homography, truth.quad), limits),
            polygon_iou(found, truth.quad),
            corner_error(found, truth.quad),
            None if truth.quarter_turns is None else best.quarter_turns == truth.quarter_turns,
            text_turn(found, truth.quad),
        )

    async def _observe_text(
        self, pixels: NDArray[np.uint8], truth: LabelledCard, quad: NDArray[np.float64], seen: ImageObservation
    ) -> None:
        detection, recognition = self._models.detection, self._models.recognition
        card = await asyncio.to_thread(rectify, pixels, quad)
        lines = [line for line in truth.lines or () if line.text]
        targets = [line for line in lines if line.legible and line.kind not in NO_PRINT]
        wanted = [map_points(card.homography, line.quad) for line in targets]
        ignored = [map_points(card.homography, line.quad) for line in lines if line not in targets]
        probability = await detection.find_text(card.pixels, None)
        boxes = await asyncio.to_thread(
            find_text_boxes, probability, TextBoxSettings(shrink_ratio=detection.shrink_ratio)
        )
        seen.boxes = score_boxes([box.quad for box in boxes], wanted, ignored)
        if not wanted:
            return
        crops = await asyncio.to_thread(crop_lines, pixels, card.homography, np.stack(wanted), recognition.widths)
        outputs = await recognition.read_lines([crop.pixels for crop in crops], None)
        for line, output in zip(targets, outputs, strict=True):
            read = " ".join(decode_line(output, recognition.alphabet).text.split())
            seen.lines.append(LineObservation(line.field, line.kind, line.text, read))


@asynccontextmanager
async def open_observer(folder: Path, settings: Settings, calibrated: bool = True) -> AsyncIterator[Observer]:
    """Load the models, for the pipeline and once more for each by itself.

    Args:
        folder: where the images lie.
        settings: the server's.
        calibrated: give confidences as they are served; otherwise the raw ones.

    Raises:
        ModelRepositoryError, ModelContractError: the models cannot be used.
    """
    knowledge = CardKnowledge.open(settings.templates)
    if not calibrated:
        knowledge = replace(knowledge, calibration=Calibration.identity())
    specs = read_model_repository(settings.model_repository or find_model_repository())
    engine = EmbeddedEngine(specs, EmbeddedEngineSettings(CONCURRENCY, 1, settings.engine_queue_limit))
    try:
        async with open_pipeline(settings, knowledge) as pipeline:
            yield Observer(folder, pipeline, CardModels.build(engine, specs), settings)
    finally:
        await engine.close()


def _compare_fields(truth: LabelledCard, card: CardResult | None) -> list[FieldObservation]:
    found = {} if card is None else {k: v for k, v in card.fields.items() if k not in DERIVED_FIELDS}
    names = [*truth.fields, *(name for name in found if truth.complete and name not in truth.fields)]
    observations = []
    for name in names:
        field = found.get(name)
        observations.append(
            FieldObservation(
                name=name,
                truth=truth.fields.get(name, ""),
                value=None if field is None else field.value,
                raw_value="" if field is None else field.raw_value,
                confidence=0.0 if field is None else field.confidence,
                legible=name not in truth.illegible,
            )
        )
    return observations
