"""Export a trained checkpoint into the model repository and compare PyTorch with ONNX Runtime.

    python training/export.py detection CHECKPOINT [--repository triton_models]

Writes REPOSITORY/NAME/1/model.onnx only when both agree on batches of 1, 3 and 8, and every batch with its items alone.
"""

import argparse
import shutil
import time
from pathlib import Path

from ktp_training import compat

compat.install()

import torch  # noqa: E402

from ktp_training.experiment import CONFIGS, last_checkpoint  # noqa: E402
from ktp_training.export import (  # noqa: E402
    INTERFACES,
    build_served,
    compare,
    export_model,
    open_session,
    sample_images,
)

REPOSITORY = Path(__file__).resolve().parent.parent / "triton_models"


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(CONFIGS))
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a work folder for its last one")
    parser.add_argument("--repository", type=Path, default=REPOSITORY)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint = arguments.checkpoint
    if checkpoint.is_dir():
        checkpoint = last_checkpoint(checkpoint)
    served = build_served(arguments.model, checkpoint)
    folder = arguments.repository / INTERFACES[arguments.model].repository_name / "1"
    candidate = folder / "candidate.onnx"
    export_model(arguments.model, served, candidate)
    differences = compare(arguments.model, served, candidate)
    target = folder / "model.onnx"
    shutil.move(candidate, target)
    print(f"{checkpoint} -> {target}: {target.stat().st_size / 1e6:.2f} MB")
    for name, difference in differences.items():
        print(f"  {name}: PyTorch and ONNX Runtime differ by {difference:.2g} at most")
    session, images = open_session(target), sample_images(arguments.model, 8).numpy()
    for count in (1, 8):
        print(f"  batch {count}: {_median_ms(session, images[:count]):.1f} ms on one thread")


def _median_ms(session: object, images: object) -> float:
    durations = []
    for _ in range(9):
        started = time.perf_counter()
        session.run(None, {"image": images})
        durations.append((time.perf_counter() - started) * 1e3)
    return sorted(durations)[4]


if __name__ == "__main__":
    main()
