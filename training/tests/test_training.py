"""Each model: a few training steps on specimens, export, PyTorch against ONNX Runtime; the figures stay finite."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from ktp_training.experiment import Plan, last_checkpoint, runner_config
from ktp_training.export import INTERFACES, build_served, compare, compare_batches, export_model, open_session
from ktp_training.quantisation import calibration_images, quantise
from ktp_training.recovered import recover_checkpoint
from ktp_training.served import ServedRecognition

ITERATIONS = 3
MODELS = Path(__file__).parents[2] / "triton_models"


def train(model: str, pool: Path, work_dir: Path) -> Path:
    config = runner_config(model, Plan([pool], [pool], work_dir, ITERATIONS, workers=0))
    config.train_dataloader.batch_size = 2
    config.val_dataloader.batch_size = 4
    # From the committed models: after three steps from nothing every card is as likely as any other, and which of two
    # equal boxes comes first is anybody's guess.
    exported = MODELS / INTERFACES[model].repository_name / "1" / "model.float.onnx"
    recover_checkpoint(model, config, exported, work_dir / "initial.pth")
    config.load_from = str(work_dir / "initial.pth")
    runner = Runner.from_cfg(config)
    runner.train()
    return last_checkpoint(work_dir)


def images_of(model: str, pool: Path, work_dir: Path) -> torch.Tensor:
    """Eight real inputs of a model, as the validation set gives them."""
    config = runner_config(model, Plan([pool], [pool], work_dir, ITERATIONS, workers=0))
    config.val_dataloader.batch_size = 1
    loader = Runner.build_dataloader(config.val_dataloader)
    inputs = [batch["inputs"][0].permute(1, 2, 0) for batch in loader]
    width = inputs[0].shape[1]
    same = [image for image in inputs if image.shape[1] == width]
    return torch.stack((same * 8)[:8])


@pytest.mark.parametrize("model", ["segmentation", "detection", "recognition"])
def test_trained_model_is_the_same_in_onnx(model: str, pool: Path, tmp_path: Path) -> None:
    checkpoint = train(model, pool, tmp_path / "work")
    served = build_served(model, checkpoint)
    target = tmp_path / "repository" / "model.onnx"
    export_model(model, served, target)
    assert not list(target.parent.glob("*.data"))
    assert all(np.isfinite(value) for value in compare(model, served, target).values())
    quantised = target.with_name("quantised.onnx")
    quantise(model, target, quantised, calibration_images(model, [pool], 4))
    compare_batches(model, quantised)
    compare(model, served, target, images_of(model, pool, tmp_path / "work"))


def test_interfaces_are_those_of_the_model_repository(tmp_path: Path) -> None:
    served = build_served("recognition", None)
    assert isinstance(served, ServedRecognition)
    target = tmp_path / "model.onnx"
    export_model("recognition", served, target)
    session = open_session(target)
    (image,) = session.get_inputs()
    (output,) = session.get_outputs()
    assert (image.name, image.type, output.name) == ("image", "tensor(uint8)", "log_probability")
    result = session.run(None, {"image": np.zeros((2, 32, 128, 1), dtype=np.uint8)})[0]
    assert result.shape == (2, 64, 77)
    np.testing.assert_allclose(np.exp(result).sum(-1), 1.0, atol=1e-4)


def test_training_resumes(pool: Path, tmp_path: Path) -> None:
    train("recognition", pool, tmp_path)
    config = runner_config("recognition", Plan([pool], [pool], tmp_path, ITERATIONS + 2, workers=0))
    config.resume = True
    config.train_dataloader.batch_size = 2
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == ITERATIONS + 2
    assert last_checkpoint(tmp_path).name == f"iter_{ITERATIONS + 2}.pth"
