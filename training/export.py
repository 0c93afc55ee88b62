"""Export trained checkpoints into the model repository and compare PyTorch with ONNX Runtime.

    python training/export.py [MODEL ...] --work-dir training/work --out triton_models [--checkpoint FILE]
        [--calibrate POOL ...]

Takes the last checkpoint of each model's work folder. Writes OUT/NAME/1/model.onnx only when both agree on batches of
1, 3 and 8, and every batch with its items alone. With --calibrate the models named in INTEGER_MODELS are written in
INT8, their ranges measured on images of those pools; of these only batches and items are compared. Their float version
lies beside as model.float.onnx, for GPUs and TensorRT.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ktp_training import compat

compat.install()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from onnxruntime import InferenceSession  # noqa: E402

from ktp_training.experiment import CONFIGS, last_checkpoint  # noqa: E402
from ktp_training.export import (  # noqa: E402
    INTERFACES,
    build_served,
    compare,
    compare_batches,
    export_model,
    open_session,
    sample_images,
)
from ktp_training.quantisation import calibration_images, quantise  # noqa: E402

INTEGER_MODELS = frozenset({"segmentation", "detection", "recognition"})
"""Those that lose nothing measurable in INT8 (training/README.md)."""
CALIBRATION_IMAGES = {"segmentation": 100, "detection": 100, "recognition": 400}
FLOAT_FILE_NAME = "model.float.onnx"


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(CONFIGS)}; all by default")
    parser.add_argument("--work-dir", type=Path, required=True, help="holds a work folder for each model")
    parser.add_argument("--out", type=Path, required=True, help="the model repository")
    parser.add_argument("--checkpoint", type=Path, help="this one instead of the last (for a single model)")
    parser.add_argument("--calibrate", nargs="+", type=Path, default=[], help="training pools to quantise with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for model in arguments.models or CONFIGS:
        checkpoint = arguments.checkpoint or last_checkpoint(arguments.work_dir / model)
        print(f"{checkpoint}:")
        _export(model, checkpoint, arguments.out, arguments.calibrate)


def _export(model: str, checkpoint: Path, repository: Path, calibration_pools: Sequence[Path]) -> None:
    served = build_served(model, checkpoint)
    folder = repository / INTERFACES[model].repository_name / "1"
    candidate = folder / "candidate.onnx"
    export_model(model, served, candidate)
    differences = compare(model, served, candidate)
    target = folder / "model.onnx"
    if calibration_pools and model in INTEGER_MODELS:
        floating = candidate.replace(folder / FLOAT_FILE_NAME)
        _report(model, floating, differences)
        quantise(model, floating, candidate, calibration_images(model, calibration_pools, CALIBRATION_IMAGES[model]))
        differences = compare_batches(model, candidate)
    _report(model, candidate.replace(target), differences)


def _report(model: str, path: Path, differences: dict[str, float]) -> None:
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB; largest differences {differences}")
    session, images = open_session(path), sample_images(model, 8).numpy()
    for count in (1, 8):
        print(f"  batch {count}: {_median_ms(session, images[:count]):.1f} ms on one thread")


def _median_ms(session: InferenceSession, images: NDArray[np.uint8]) -> float:
    durations = []
    for _ in range(9):
        started = time.perf_counter()
        session.run(None, {"image": images})
        durations.append((time.perf_counter() - started) * 1e3)
    return sorted(durations)[4]


if __name__ == "__main__":
    main()
