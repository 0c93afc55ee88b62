"""Train one of the three models on specimen pools.

    python training/train.py detection --data POOL [POOL ...] --val POOL --work-dir DIR --iterations N [--resume]

Runs on CUDA where there is one, else on the CPU. A checkpoint is written every few minutes; --resume goes on from the
last one. Progress, the time left and the figures on the held-out pool are printed and kept in the work folder.
"""

import argparse
from pathlib import Path

from ktp_training import compat

compat.install()

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from ktp_training.experiment import CONFIGS, Plan, runner_config  # noqa: E402
from ktp_training.recovered import recover_checkpoint  # noqa: E402


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(CONFIGS))
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="specimen pools to learn from")
    parser.add_argument("--val", nargs="+", type=Path, required=True, help="specimen pools of other seeds, to measure")
    parser.add_argument("--work-dir", type=Path, required=True, help="checkpoints and logs")
    parser.add_argument("--iterations", type=int, required=True, help="optimiser steps in all")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the work folder")
    parser.add_argument(
        "--init", type=Path, help="start from these weights (fine-tuning): a checkpoint or a model.float.onnx"
    )
    parser.add_argument(
        "--lr", type=float, help="highest learning rate, instead of the config's (lower for fine-tuning)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of initial weights and augmentation")
    parser.add_argument("--workers", type=int, default=1, help="data loading processes")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the optimisation")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    plan = Plan(
        arguments.data,
        arguments.val,
        arguments.work_dir,
        arguments.iterations,
        arguments.seed,
        arguments.workers,
        arguments.lr,
    )
    config: Config = runner_config(arguments.model, plan)
    config.resume = arguments.resume
    if arguments.init is not None:
        initial = arguments.init
        if initial.suffix == ".onnx":
            initial = arguments.work_dir / "initial.pth"
            recover_checkpoint(arguments.model, config, arguments.init, initial)
        config.load_from = str(initial)
    runner = Runner.from_cfg(config)
    # Channels last: the convolutions run about a third faster on a CPU.
    runner.model.to(memory_format=torch.channels_last)
    runner.train()


if __name__ == "__main__":
    main()
