"""The committed models: graphs that TensorRT digests, and batches in which no item touches another."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from ktp_preprocessing.crops import LINE_HEIGHT_PX, crop_lines
from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.letterbox import letterbox
from ktp_preprocessing.rectify import rectify
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.engines.spec import ModelSpec
from ktp_specimen.truth import SpecimenTruth, read_pixels, read_truths
from tests.end_to_end.conftest import SpecimenSet

SPECS = read_model_repository(find_model_repository())
MODELS = ("ktp_segmentation", "ktp_text_detection", "ktp_text_recognition")
DATA_DEPENDENT = {"NonZero", "Loop", "If", "Scan", "Unique", "NonMaxSuppression", "Compress"}
"""Operators whose output shape or control flow depends on the data: TensorRT refuses them or falls back."""
FREE_AXES = {
    "ktp_segmentation": {"image": {0}, "boxes": {0}, "scores": {0}, "labels": {0}, "masks": {0}},
    "ktp_text_detection": {"image": {0}, "probability": {0}},
    "ktp_text_recognition": {"image": {0, 2}, "log_probability": {0, 1}},
}
"""Axes whose extent may vary, by tensor: the batch, and the recogniser's width with its time steps."""
TOLERANCE = 1e-3
SCORE_MIN = 0.05
"""Slots below hold no card: which of them comes first is no answer to anybody."""


def load_graph(name: str) -> onnx.GraphProto:
    return onnx.load(str(SPECS[name].model_file)).graph


@pytest.mark.parametrize("name", MODELS)
def test_no_operator_depends_on_the_data(name: str) -> None:
    nodes = list(load_graph(name).node)
    assert nodes
    assert not {node.op_type for node in nodes} & DATA_DEPENDENT
    assert not [node.name for node in nodes for attribute in node.attribute if attribute.HasField("g")]


@pytest.mark.parametrize("name", MODELS)
def test_only_batch_and_line_width_vary(name: str) -> None:
    graph = load_graph(name)
    free = {
        tensor.name: {i for i, dim in enumerate(tensor.type.tensor_type.shape.dim) if not dim.HasField("dim_value")}
        for tensor in (*graph.input, *graph.output)
    }
    assert free == FREE_AXES[name]


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_gives_what_its_items_give_alone(name: str, specimens: SpecimenSet) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(SPECS[name].model_file), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for batch in mixed_batches(SPECS[name], specimens):
        together = dict(zip(names, map(np.asarray, session.run(names, {"image": batch})), strict=True))
        for index, item in enumerate(batch):
            alone = dict(zip(names, map(np.asarray, session.run(names, {"image": item[np.newaxis]})), strict=True))
            mine = {key: values[index : index + 1] for key, values in together.items()}
            assert_same(mine, alone, f"{name}, item {index} of {len(batch)}")


def assert_same(together: dict[str, NDArray[np.generic]], alone: dict[str, NDArray[np.generic]], where: str) -> None:
    counted = alone["scores"].astype(np.float64) > SCORE_MIN if "scores" in alone else slice(None)
    for key, expected in alone.items():
        difference = np.abs(together[key][counted].astype(np.float64) - expected[counted].astype(np.float64))
        # Probabilities are rounded to 1/255: a hair's breadth may turn a value into its neighbour.
        limit = 1.0 if expected.dtype == np.uint8 else TOLERANCE
        assert difference.max(initial=0.0) <= limit, f"{where}: {key}"


def mixed_batches(spec: ModelSpec, specimens: SpecimenSet) -> list[NDArray[np.uint8]]:
    """Photographs, noise, black and white in one batch; for the recogniser one batch a width."""
    truths = read_truths(specimens.folder)
    pixels = [read_pixels(specimens.folder, truth) for truth in truths]
    rng = np.random.default_rng(7)
    shape = spec.input_shape("image")
    if spec.name == "ktp_text_recognition":
        crops = [crop for truth, image in zip(truths[:2], pixels, strict=False) for crop in cut(truth, image, spec)]
        batches = []
        for width in sorted({crop.shape[1] for crop in crops}):
            odd = rng.integers(0, 256, (LINE_HEIGHT_PX, width, 1), dtype=np.uint8)
            batches.append(np.stack([*(crop for crop in crops if crop.shape[1] == width), odd, 0 * odd])[:16])
        return batches
    images = [letterbox(image, shape[0]).pixels for image in pixels]
    if spec.name == "ktp_text_detection":
        cards = zip(truths, pixels, strict=True)
        images = [rectify(image, card.quad).pixels for truth, image in cards for card in truth.cards]
    noise = rng.integers(0, 256, shape, dtype=np.uint8)
    return [np.stack([noise, *images[: spec.max_batch_size - 3], 0 * noise, np.full_like(noise, 255)])]


def cut(truth: SpecimenTruth, image: NDArray[np.uint8], spec: ModelSpec) -> list[NDArray[np.uint8]]:
    """The line crops of a specimen's card."""
    card = truth.cards[0]
    frame = rectify(image, card.quad).homography
    quads = np.stack([map_points(frame, line.quad) for line in card.lines])
    widths = [int(width) for width in spec.parameters["widths"].split(",")]
    return [crop.pixels for crop in crop_lines(image, frame, quads, widths)]


def test_model_files_are_small() -> None:
    sizes = [Path(SPECS[name].model_file).stat().st_size for name in MODELS]
    assert sum(sizes) <= 25e6
