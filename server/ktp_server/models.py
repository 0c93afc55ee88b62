"""The three models as typed functions over the engine's port: arrays in, small dataclasses out.

What differs between versions of a model (input size, widths, alphabet, batch limit) is read from its spec.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_server.engines.port import InferenceEngine, TensorBatch
from ktp_server.engines.spec import ModelSpec

__all__ = [
    "DETECTION_MODEL",
    "RECOGNITION_MODEL",
    "CardInstance",
    "CardModels",
    "DetectionModel",
    "ModelContractError",
    "RecognitionModel",
    "SegmentationModel",
]

SEGMENTATION_MODEL = "ktp_segmentation"
DETECTION_MODEL = "ktp_text_detection"
RECOGNITION_MODEL = "ktp_text_recognition"
IMAGE_INPUT = "image"


class ModelContractError(Exception):
    """The repository lacks a model or a parameter that the pipeline needs; stops the start."""


@dataclass(frozen=True, slots=True)
class CardInstance:
    """One card that segmentation found.

    Attributes:
        box: (4,) float32 x1, y1, x2, y2, letterbox pixels.
        score: [0, 1].
        quarter_turns: clockwise quarter turns by which the card appears rotated, 0 to 3.
        mask: (M, M) float32 in [0, 1], a grid over the box.
    """

    box: NDArray[np.float32]
    score: float
    quarter_turns: int
    mask: NDArray[np.float32]


class SegmentationModel:
    """Mask R-CNN: cards in a letterboxed image."""

    def __init__(self, engine: InferenceEngine, spec: ModelSpec) -> None:
        self._engine = engine
        self.input_size_px = _image_shape(spec)[0]

    async def find_cards(self, pixels: NDArray[np.uint8], deadline_s: float | None) -> list[CardInstance]:
        """Find cards.

        Args:
            pixels: (S, S, 3) uint8 RGB, letterboxed.
            deadline_s: see `InferenceEngine.infer`.

        Returns:
            Every detection with a score above 0, best first.
        """
        batch = TensorBatch({IMAGE_INPUT: pixels[np.newaxis]})
        outputs = (await self._engine.infer(SEGMENTATION_MODEL, batch, deadline_s)).tensors
        boxes = np.asarray(outputs["boxes"][0], dtype=np.float32)
        scores = np.asarray(outputs["scores"][0], dtype=np.float32)
        labels = np.asarray(outputs["labels"][0], dtype=np.int64)
        masks = np.asarray(outputs["masks"][0], dtype=np.float32)
        return [
            CardInstance(boxes[index], float(scores[index]), int(labels[index]), masks[index])
            for index in np.argsort(-scores, kind="stable")
            if scores[index] > 0.0
        ]

    async def warm_up(self) -> None:
        """Run once over an empty image."""
        await self.find_cards(np.zeros((self.input_size_px, self.input_size_px, 3), dtype=np.uint8), None)


class DetectionModel:
    """DBNet: where a rectified card holds text.

    Attributes:
        input_shape: (H, W, 3) of the card frame.
        shrink_ratio: r by which text was shrunk in the map's training labels.
    """

    def __init__(self, engine: InferenceEngine, spec: ModelSpec) -> None:
        self._engine = engine
        self.input_shape = _image_shape(spec)
        self.shrink_ratio = float(_parameter(spec, "shrink_ratio"))

    async def find_text(self, pixels: NDArray[np.uint8], deadline_s: float | None) -> NDArray[np.uint8]:
        """Map text.

        Args:
            pixels: (H, W, 3) uint8 RGB, the card frame.
            deadline_s: see `InferenceEngine.infer`.

        Returns:
            (H, W) uint8, the probability of text times 255.
        """
        batch = TensorBatch({IMAGE_INPUT: pixels[np.newaxis]})
        outputs = (await self._engine.infer(DETECTION_MODEL, batch, deadline_s)).tensors
        return np.asarray(outputs["probability"][0], dtype=np.uint8)

    async def warm_up(self) -> None:
        """Run once over an empty card."""
        await self.find_text(np.zeros(self.input_shape, dtype=np.uint8), None)


class RecognitionModel:
    """CTC recogniser: what stands in line crops.

    Attributes:
        widths: input widths in pixels, ascending.
        alphabet: characters in class order, without the blank.
    """

    def __init__(self, engine: InferenceEngine, spec: ModelSpec) -> None:
        self._engine = engine
        self._max_batch_size = spec.max_batch_size
        self._height_px = _image_shape(spec)[0]
        self.widths = tuple(sorted(int(width) for width in _parameter(spec, "widths").split(",")))
        self.alphabet = _parameter(spec, "alphabet")

    async def read_lines(
        self, crops: Sequence[NDArray[np.uint8]], deadline_s: float | None
    ) -> list[NDArray[np.float32]]:
        """Read line crops; those of one width share a request, and requests of different callers share a batch.

        Args:
            crops: (32, W, 1) uint8 grey each, W one of `widths`.
            deadline_s: see `InferenceEngine.infer`.

        Returns:
            (T, C) float32 log probabilities a crop, in the order of the crops; the blank is the last class.
        """
        by_width: dict[int, list[int]] = {}
        for index, crop in enumerate(crops):
            by_width.setdefault(crop.shape[1], []).append(index)
        chunks = [
            indices[start : start + self._max_batch_size]
            for indices in by_width.values()
            for start in range(0, len(indices), self._max_batch_size)
        ]
        readings: dict[int, NDArray[np.float32]] = {}

        async def read(indices: list[int]) -> None:
            batch = TensorBatch({IMAGE_INPUT: np.stack([crops[index] for index in indices])})
            outputs = (await self._engine.infer(RECOGNITION_MODEL, batch, deadline_s)).tensors
            for index, log_probability in zip(indices, outputs["log_probability"], strict=True):
                readings[index] = np.asarray(log_probability, dtype=np.float32)

        await _run_all([read(indices) for indices in chunks])
        return [readings[index] for index in range(len(crops))]

    async def warm_up(self) -> None:
        """Run once over an empty line of each width."""
        await self.read_lines([np.zeros((self._height_px, width, 1), dtype=np.uint8) for width in self.widths], None)


@dataclass(frozen=True, slots=True)
class CardModels:
    """The models the pipeline needs."""

    segmentation: SegmentationModel
    detection: DetectionModel
    recognition: RecognitionModel
    engine: InferenceEngine

    @classmethod
    def build(cls, engine: InferenceEngine, specs: Mapping[str, ModelSpec]) -> "CardModels":
        """Bind the models to an engine.

        Raises:
            ModelContractError: a model or one of its parameters is missing.
        """
        for name in (SEGMENTATION_MODEL, DETECTION_MODEL, RECOGNITION_MODEL):
            if name not in specs:
                raise ModelContractError(f"the model repository lacks {name}; it holds {sorted(specs)}")
        return cls(
            SegmentationModel(engine, specs[SEGMENTATION_MODEL]),
            DetectionModel(engine, specs[DETECTION_MODEL]),
            RecognitionModel(engine, specs[RECOGNITION_MODEL]),
            engine,
        )

    @property
    def available(self) -> bool:
        """Whether the models can be reached now."""
        return self.engine.available

    async def warm_up(self) -> None:
        """Let every model answer once, so that the first caller does not wait for lazy initialisation."""
        await self.segmentation.warm_up()
        await self.detection.warm_up()
        await self.recognition.warm_up()


async def _run_all(coroutines: Sequence[Coroutine[None, None, None]]) -> None:
    """Wait for all; the first failure cancels the others and is raised as it is, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except* Exception as failures:  # noqa: BLE001  # raised again, without the group
        raise failures.exceptions[0] from None


def _image_shape(spec: ModelSpec) -> tuple[int, ...]:
    try:
        return spec.input_shape(IMAGE_INPUT)
    except KeyError as error:
        raise ModelContractError(str(error)) from error


def _parameter(spec: ModelSpec, name: str) -> str:
    try:
        return spec.parameters[name]
    except KeyError as error:
        raise ModelContractError(f"the config.pbtxt of {spec.name} lacks the parameter {name!r}") from error
