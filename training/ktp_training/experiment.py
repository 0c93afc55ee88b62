"""From a model's config and a plan (pools, length, seed) to what mmengine's Runner runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "configs"
CONFIGS = {
    "segmentation": CONFIG_FOLDER / "mask-rcnn_mobilenetv2-w0.5_fpn64_320px_ktp.py",
    "detection": CONFIG_FOLDER / "dbnet_mobilenetv2-w0.5_fpnc_416x640_ktp.py",
    "recognition": CONFIG_FOLDER / "crnn_bn-vgg-small_bilstm128_32px_ktp.py",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One training.

    Attributes:
        pools, val_pools: specimens to learn from and to measure on.
        work_dir: receives checkpoints and logs.
        iterations: optimiser steps.
        seed: of initial weights and augmentation.
        workers: data loading processes.
        learning_rate: highest one; None for the config's.
    """

    pools: Sequence[Path]
    val_pools: Sequence[Path]
    work_dir: Path
    iterations: int
    seed: int = 0
    workers: int = 1
    learning_rate: float | None = None


def load_config(model: str) -> Config:
    """Read a model's config and register both libraries' components.

    Args:
        model: segmentation, detection or recognition.

    Raises:
        KeyError: there is no such model.
    """
    from mmdet.utils import register_all_modules as register_mmdet
    from mmocr.utils import register_all_modules as register_mmocr

    register_mmdet(init_default_scope=False)
    register_mmocr(init_default_scope=False)
    return Config.fromfile(str(CONFIGS[model]))


def runner_config(model: str, plan: Plan) -> Config:
    """Complete a model's config by everything that depends on the plan.

    Args:
        model: segmentation, detection or recognition.
        plan: see Plan.

    Returns:
        A config for mmengine's Runner: AdamW with warm-up and cosine decay, gradient clipping, an exponential moving
        average of the weights (which is what gets measured and exported).
    """
    config = load_config(model)
    schedule = config.schedule
    pools, val_pools = [str(pool) for pool in plan.pools], [str(pool) for pool in plan.val_pools]
    config.merge_from_dict(
        {
            "work_dir": str(plan.work_dir),
            "train_dataloader": _loader(config.train_dataset, pools, schedule.batch_size, plan.workers, training=True),
            "val_dataloader": _loader(config.val_dataset, val_pools, schedule.val_batch_size, 0, training=False),
            "train_cfg": {
                "type": "KtpTrainLoop",
                "max_iters": plan.iterations,
                "val_interval": min(schedule.val_interval, plan.iterations),
            },
            "val_cfg": {"type": "ValLoop"},
            **_optimisation(plan, config),
            **_hooks(plan, config),
            "log_processor": {"by_epoch": False, "window_size": 50},
            "randomness": {"seed": plan.seed},
            "env_cfg": {"cudnn_benchmark": False},
            "log_level": "INFO",
        }
    )
    for phase in ("train", "val"):
        if f"{phase}_batch_sampler" in config:
            config[f"{phase}_dataloader"]["batch_sampler"] = config[f"{phase}_batch_sampler"]
    return config


def _optimisation(plan: Plan, config: Config) -> dict[str, object]:
    schedule = config.schedule
    learning_rate = plan.learning_rate or schedule.lr
    warm_up = min(schedule.warm_up, max(1, plan.iterations // 5))
    return {
        "optim_wrapper": {
            "type": "OptimWrapper",
            "optimizer": {"type": "AdamW", "lr": learning_rate, "weight_decay": schedule.weight_decay},
            "clip_grad": {"max_norm": 5.0},
            "paramwise_cfg": {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0},
        },
        "param_scheduler": [
            {"type": "LinearLR", "start_factor": 0.05, "by_epoch": False, "begin": 0, "end": warm_up},
            {
                "type": "CosineAnnealingLR",
                "by_epoch": False,
                "begin": warm_up,
                "T_max": max(1, plan.iterations - warm_up),
                "eta_min": learning_rate * 0.01,
            },
        ],
    }


def _hooks(plan: Plan, config: Config) -> dict[str, object]:
    checkpoint = {
        "type": "CheckpointHook",
        "interval": min(config.schedule.val_interval, plan.iterations),
        "by_epoch": False,
        "max_keep_ckpts": 2,
    }
    average = {
        "type": "EMAHook",
        "ema_type": "ExponentialMovingAverage",
        # About the last 250 steps; less in short runs, where the average would still hold early weights.
        "momentum": max(0.004, min(0.5, 20.0 / plan.iterations)),
        "update_buffers": True,
    }
    return {
        "default_hooks": {
            "timer": {"type": "IterTimerHook"},
            "logger": {"type": "LoggerHook", "interval": min(50, plan.iterations)},
            "checkpoint": checkpoint,
        },
        "custom_hooks": [average],
    }


def _loader(
    dataset: Config, pools: Sequence[str], batch_size: int, workers: int, *, training: bool
) -> dict[str, object]:
    return {
        "batch_size": batch_size,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "sampler": {"type": "InfiniteSampler" if training else "DefaultSampler", "shuffle": training},
        "dataset": {**dataset, "pools": list(pools)},
    }


def last_checkpoint(work_dir: Path) -> Path:
    """The newest checkpoint of a work folder.

    Raises:
        FileNotFoundError: nothing was saved there yet.
    """
    pointer = work_dir / "last_checkpoint"
    if not pointer.exists():
        raise FileNotFoundError(f"no checkpoint in {work_dir}")
    return Path(pointer.read_text(encoding="utf-8").strip())
