"""Going on from a committed model: the recovered network says what the exported one says."""

from pathlib import Path

import onnx
import pytest
import torch

from ktp_training.experiment import Plan, runner_config
from ktp_training.export import INTERFACES, build_served, open_session, sample_images
from ktp_training.recovered import recover_checkpoint

MODELS = Path(__file__).parents[2] / "triton_models"


@pytest.mark.parametrize("model", sorted(INTERFACES))
def test_recovered_network_is_the_exported_one(model: str, pool: Path, tmp_path: Path) -> None:
    exported = MODELS / INTERFACES[model].repository_name / "1" / "model.float.onnx"
    config = runner_config(model, Plan([pool], [pool], tmp_path, iterations=1, workers=0))
    recover_checkpoint(model, config, exported, tmp_path / "initial.pth")
    images = sample_images(model, 3)
    with torch.no_grad():
        outputs = build_served(model, tmp_path / "initial.pth")(images)
    name = INTERFACES[model].outputs[0]
    expected = torch.from_numpy(open_session(exported).run([name], {"image": images.numpy()})[0])
    actual = outputs[0] if isinstance(outputs, tuple) else outputs
    # Where normalisation is folded into the first layer, its padding is another grey: one level, hundredths of a pixel.
    torch.testing.assert_close(actual.float(), expected.float(), atol=1.0 if model == "detection" else 0.05, rtol=1e-3)


def test_statistics_are_those_of_real_batches(pool: Path, tmp_path: Path) -> None:
    exported = MODELS / "ktp_text_recognition" / "1" / "model.float.onnx"
    config = runner_config("recognition", Plan([pool], [pool], tmp_path, iterations=1, workers=0))
    recover_checkpoint("recognition", config, exported, tmp_path / "initial.pth")
    state = torch.load(tmp_path / "initial.pth", weights_only=True)["state_dict"]
    means = torch.cat([value for name, value in state.items() if name.endswith("running_mean")])
    assert means.abs().max() > 0.1


def test_another_architecture_is_refused(pool: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    graph = onnx.load(str(MODELS / "ktp_text_recognition" / "1" / "model.float.onnx"))
    convolution = next(node for node in graph.graph.node if node.op_type == "Conv")
    convolution.op_type = "Other"
    path.write_bytes(graph.SerializeToString())
    config = runner_config("recognition", Plan([pool], [pool], tmp_path, iterations=1, workers=0))
    with pytest.raises(ValueError, match="convolutions"):
        recover_checkpoint("recognition", config, path, tmp_path / "initial.pth")
