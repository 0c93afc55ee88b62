"""Trained checkpoints to ONNX files, and the proof that both say the same."""

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from mmengine.runner import load_checkpoint
from numpy.typing import NDArray
from torch import Tensor, nn

from ktp_preprocessing.rectify import CARD_FRAME_SIZE_PX
from ktp_training.experiment import load_config
from ktp_training.served import ServedDetection, ServedRecognition, ServedSegmentation

OPSET = 18
SEGMENTATION_SIDE_PX = 320
LARGEST_DIFFERENCE = 1e-3
"""Between PyTorch and ONNX Runtime, and between a batch and its items alone (pixels, probabilities, logarithms)."""
LARGEST_LEVEL_DIFFERENCE = 1
"""The same for the detector's uint8 probability: rounding may fall either way."""


EQUAL_SCORES = 1e-5
"""Scores closer than this may change places by rounding alone."""


@dataclass(frozen=True, slots=True)
class Interface:
    """Names of a served model: in the repository, of its outputs, and which axes of its input vary."""

    repository_name: str
    outputs: tuple[str, ...]
    width_varies: bool = False


INTERFACES = {
    "segmentation": Interface("ktp_segmentation", ("boxes", "scores", "labels", "masks")),
    "detection": Interface("ktp_text_detection", ("probability",)),
    "recognition": Interface("ktp_text_recognition", ("log_probability",), width_varies=True),
}


def build_served(model: str, checkpoint: Path | None) -> nn.Module:
    """Build a served model, in evaluation mode.

    Args:
        model: segmentation, detection or recognition.
        checkpoint: weights; None for random ones.
    """
    from mmengine.registry import MODELS, DefaultScope

    config = load_config(model)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        trained = MODELS.build(config.model)
    if checkpoint is not None:
        load_checkpoint(trained, str(checkpoint), map_location="cpu", strict=True)
    trained.eval()
    if model == "segmentation":
        return ServedSegmentation(trained, SEGMENTATION_SIDE_PX).eval()
    if model == "detection":
        return ServedDetection(trained).eval()
    return ServedRecognition(trained).eval()


def sample_images(model: str, count: int, width_px: int = 256) -> Tensor:
    """Random images of a model's input shape: smooth ground with noise, every item different."""
    rng = np.random.default_rng(5)
    shape = {
        "segmentation": (SEGMENTATION_SIDE_PX, SEGMENTATION_SIDE_PX, 3),
        "detection": (CARD_FRAME_SIZE_PX[1], CARD_FRAME_SIZE_PX[0], 3),
        "recognition": (32, width_px, 1),
    }[model]
    base = rng.integers(0, 256, (count, 1, 1, shape[-1]))
    return torch.from_numpy(np.clip(base + rng.normal(0, 40, (count, *shape)), 0, 255).astype(np.uint8))


def export_model(model: str, served: nn.Module, target: Path) -> None:
    """Write a served model as one ONNX file.

    Args:
        model: segmentation, detection or recognition.
        served: what build_served gave.
        target: the .onnx file; its folder is created.
    """
    interface = INTERFACES[model]
    target.parent.mkdir(parents=True, exist_ok=True)
    images = sample_images(model, 2)
    temporary = target.with_suffix(".tmp.onnx")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both exporters speak of their own future
        if interface.width_varies:
            # The TorchScript exporter: the newer one fixes a recurrent layer's batch size.
            torch.onnx.export(
                served,
                (images,),
                str(temporary),
                dynamo=False,
                opset_version=OPSET,
                input_names=["image"],
                output_names=list(interface.outputs),
                dynamic_axes={"image": {0: "batch", 2: "width"}, "log_probability": {0: "batch", 1: "steps"}},
            )
        else:
            torch.onnx.export(
                served,
                (images,),
                str(temporary),
                dynamo=True,
                opset_version=OPSET,
                input_names=["image"],
                output_names=list(interface.outputs),
                dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1, max=64)}},
                external_data=False,
                verbose=False,
            )
    onnx.checker.check_model(onnx.load(str(temporary)))
    shutil.move(temporary, target)


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open an exported model on one CPU thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def compare(model: str, served: nn.Module, path: Path, images: Tensor | None = None) -> dict[str, float]:
    """Compare PyTorch with ONNX Runtime on batches of 1, 3 and 8, and every batch with its items alone.

    Args:
        model: segmentation, detection or recognition.
        served: the PyTorch side.
        path: the ONNX side.
        images: at least eight inputs; random ones by default.

    Returns:
        Largest absolute difference by output name.

    Raises:
        ValueError: a difference is larger than allowed.
    """
    session, largest = open_session(path), compare_batches(model, path, images)
    for inputs in _inputs_of(model, images):
        with torch.no_grad():
            expected = served(inputs)
        expected = expected if isinstance(expected, tuple) else (expected,)
        results = session.run(list(largest), {"image": inputs.numpy()})
        _update(largest, results, [reference.numpy() for reference in expected])
    return _check(model, largest)


def compare_batches(model: str, path: Path, images: Tensor | None = None) -> dict[str, float]:
    """Compare batches of 3 and 8 with their items alone in ONNX Runtime: no item may touch another.

    Args:
        model: segmentation, detection or recognition.
        path: the ONNX file.
        images: at least eight inputs; random ones by default.

    Returns:
        Largest absolute difference by output name.

    Raises:
        ValueError: a difference is larger than allowed.
    """
    interface, session = INTERFACES[model], open_session(path)
    names, largest = list(interface.outputs), dict.fromkeys(interface.outputs, 0.0)
    for inputs in _inputs_of(model, images):
        alone = [session.run(names, {"image": item[None].numpy()}) for item in inputs]
        for count in (3, 8):
            results = session.run(names, {"image": inputs[:count].numpy()})
            _update(largest, results, [np.concatenate(outputs) for outputs in zip(*alone[:count], strict=True)])
    return _check(model, largest)


def _inputs_of(model: str, images: Tensor | None) -> list[Tensor]:
    if images is not None:
        return [images[:8]]
    return [sample_images(model, 8, width) for width in ((128, 384, 1024) if INTERFACES[model].width_varies else (0,))]


def _update(
    largest: dict[str, float], results: Sequence[NDArray[np.generic]], references: Sequence[NDArray[np.generic]]
) -> None:
    names = list(largest)
    counted: NDArray[np.bool_] | slice = slice(None)
    if "scores" in names:
        # Which of two boxes of equal score comes first, or falls off the end, is no difference.
        near = -np.diff(references[names.index("scores")].astype(np.float64), axis=1) < EQUAL_SCORES
        counted = ~(np.pad(near, ((0, 0), (1, 0))) | np.pad(near, ((0, 0), (0, 1)), constant_values=True))
    for name, result, reference in zip(names, results, references, strict=True):
        if result.shape != reference.shape:
            raise ValueError(f"shapes differ: {result.shape} and {reference.shape}")
        difference = np.abs(result.astype(np.float64) - reference.astype(np.float64))[counted]
        largest[name] = max(largest[name], float(difference.max(initial=0.0)))


def _check(model: str, largest: dict[str, float]) -> dict[str, float]:
    for name, difference in largest.items():
        allowed = LARGEST_LEVEL_DIFFERENCE if name == "probability" else LARGEST_DIFFERENCE
        if difference > allowed:
            raise ValueError(f"{model}: output {name} differs by {difference:g}, more than {allowed:g}")
    return largest
