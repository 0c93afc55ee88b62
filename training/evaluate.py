"""Measure an exported model, whole or quantised, on a held-out pool, through the server's own geometry.

python training/evaluate.py segmentation --onnx triton_models/ktp_segmentation/1/model.onnx --data POOL [--limit N]
"""

import argparse
import json
from pathlib import Path

from ktp_training import compat

compat.install()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmdet.structures import DetDataSample  # noqa: E402
from mmocr.structures import TextDetDataSample  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from onnxruntime import InferenceSession  # noqa: E402

from ktp_postprocessing.text_boxes import TextBoxSettings, find_text_boxes  # noqa: E402
from ktp_training.detection_data import KtpFrameDataset  # noqa: E402
from ktp_training.detection_model import SHRINK_RATIO  # noqa: E402
from ktp_training.export import open_session  # noqa: E402
from ktp_training.metrics import KtpCardMetric, KtpTextBoxMetric  # noqa: E402
from ktp_training.segmentation_data import KtpSceneDataset  # noqa: E402


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["segmentation", "detection"])
    parser.add_argument("--onnx", nargs="+", type=Path, required=True)
    parser.add_argument("--data", nargs="+", required=True, help="specimen pools that training never saw")
    parser.add_argument("--limit", type=int, help="measure on this many items only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for path in arguments.onnx:
        measure = _measure_segmentation if arguments.model == "segmentation" else _measure_detection
        figures = measure(open_session(path), arguments.data, arguments.limit)
        print(path, json.dumps({name: round(value, 5) for name, value in figures.items()}), flush=True)


def _measure_detection(session: InferenceSession, pools: list[str], limit: int | None) -> dict[str, float]:
    data, metric = KtpFrameDataset(pools, training=False), KtpTextBoxMetric()
    settings = TextBoxSettings(shrink_ratio=SHRINK_RATIO)
    for index in range(min(len(data), limit or len(data))):
        item = data[index]
        sample: TextDetDataSample = item["data_samples"]
        (probability,) = session.run(None, {"image": _as_served(item["inputs"])})
        polygons = [box.quad for box in find_text_boxes(probability[0], settings)]
        metric.process({}, [{**sample.metainfo, "pred_instances": {"polygons": polygons}}])
    return metric.compute_metrics(metric.results)


def _measure_segmentation(session: InferenceSession, pools: list[str], limit: int | None) -> dict[str, float]:
    data, metric = KtpSceneDataset(pools, training=False), KtpCardMetric()
    for index in range(min(len(data), limit or len(data))):
        item = data[index]
        sample: DetDataSample = item["data_samples"]
        image = _as_served(item["inputs"])
        boxes, scores, labels, masks = (output[0] for output in session.run(None, {"image": image}))
        pasted = np.stack([_paste(mask, box, image.shape[1]) for mask, box in zip(masks, boxes, strict=True)])
        found = {"scores": scores, "labels": labels, "masks": pasted}
        instances = {
            "pred_instances": {name: torch.from_numpy(value) for name, value in found.items()},
            "gt_instances": {"labels": sample.gt_instances.labels},
        }
        metric.process({}, [{**sample.metainfo, **instances}])
    return metric.compute_metrics(metric.results)


def _as_served(inputs: torch.Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(inputs.numpy().transpose(1, 2, 0))[None]


def _paste(mask: NDArray[np.float32], box: NDArray[np.float32], side_px: int) -> NDArray[np.bool_]:
    """Put a mask's probabilities where its box is and cut them at one half: (side, side) bool."""
    cells = np.array(mask.shape[::-1], dtype=np.float64)
    scale = (box[2:] - box[:2]).astype(np.float64) / cells
    if (scale < 1e-3).any():
        return np.zeros((side_px, side_px), dtype=np.bool_)
    # Centre of cell j at (j + 0.5) * scale + left, in pixels whose own centres are at halves.
    offset = box[:2] + 0.5 * scale - 0.5
    matrix = np.array([[scale[0], 0, offset[0]], [0, scale[1], offset[1]]])
    pasted = cv2.warpAffine(mask, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR)
    return np.asarray(pasted >= 0.5)


if __name__ == "__main__":
    main()
