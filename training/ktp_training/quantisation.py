"""INT8 versions of exported models: weights per channel, activations by their range on training images.

The graph keeps its float tensors at both ends and QuantizeLinear / DequantizeLinear pairs around every convolution
(the QDQ form), which ONNX Runtime fuses into integer kernels on the CPU and TensorRT into INT8 layers. The first
convolution, which sees raw pixels, and the last layers, whose scores decide, stay in floating point.

Source: Jacob et al. 2018, quantization for integer-arithmetic-only inference.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from ktp_training.detection_data import KtpFrameDataset
from ktp_training.recognition_data import KtpLineDataset
from ktp_training.segmentation_data import KtpSceneDataset

INPUT_NAME = "image"
INTEGER_OPERATORS = {
    "segmentation": ("Conv", "Clip", "Relu", "Add", "Resize", "Gemm"),
    "detection": ("Conv", "Clip", "Relu", "Add", "Concat", "Resize"),
    "recognition": ("Conv", "Add"),
}
FLOAT_WEIGHTS = ("rpn_cls", "rpn_reg", "fc_cls", "fc_reg", "conv_logits", "second.")
"""Parts of the names of weights whose layers stay in floating point: the last ones of the two detectors. Theirs see
pixels less a whole number (`PIXEL_ZERO`), so that the first convolution loses nothing in integers."""


class _Images(CalibrationDataReader):
    """Hands batches of images to the calibration, one after the other."""

    def __init__(self, batches: Iterable[NDArray[np.uint8]]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = iter(batches)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Give the next batch, None after the last: onnxruntime's own protocol."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch}


def quantise(model: str, source: Path, target: Path, batches: Iterable[NDArray[np.uint8]]) -> None:
    """Write the INT8 version of an exported model.

    Args:
        model: segmentation, detection or recognition.
        source: the ONNX file in floating point.
        target: the ONNX file to write; may be the same.
        batches: images as the server sends them, (N, ...) uint8; a few hundred in all, as varied as the training's.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared, integer = Path(folder) / "prepared.onnx", Path(folder) / "integer.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            integer,
            _Images(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(INTEGER_OPERATORS[model]),
            nodes_to_exclude=_float_nodes(model, onnx.load(prepared)),
        )
        target.write_bytes(integer.read_bytes())


def _float_nodes(model: str, prepared: onnx.ModelProto) -> list[str]:
    nodes = prepared.graph.node
    if model == "recognition":
        return [next(node.name for node in nodes if node.op_type == "Conv")]
    return [node.name for node in nodes if any(part in name for name in node.input for part in FLOAT_WEIGHTS)]


def calibration_images(model: str, pools: Sequence[Path], count: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Images of training pools, varied as in training, as the server would send them.

    Args:
        model: segmentation, detection or recognition.
        pools: folders of specimen pools.
        count: how many.
        seed: of the choice and of the variation.

    Yields:
        Batches of one image (1, H, W, C) uint8.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    paths = [str(pool) for pool in pools]
    if model == "recognition":
        lines = KtpLineDataset(paths, training=True)
        weights = lines.weights()
        for index in rng.choice(len(lines), count, p=weights / weights.sum()):
            yield _as_served(lines[(int(index), lines.width_of(int(index)))])
        return
    images = (KtpFrameDataset if model == "detection" else KtpSceneDataset)(paths, training=True)
    for index in rng.choice(len(images), count):
        yield _as_served(images[int(index)])


def _as_served(item: dict[str, torch.Tensor]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(item["inputs"].numpy().transpose(1, 2, 0))[None]
