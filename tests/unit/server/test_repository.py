"""Reading a Triton model repository."""

from pathlib import Path

import numpy as np
import pytest

from ktp_server.engines.repository import ModelRepositoryError, find_model_repository, read_model_repository
from ktp_server.engines.spec import BatchingPolicy, TensorSpec

CONFIG = """
# A comment.
name: "model"
max_batch_size: 16
input [ { name: "image" data_type: TYPE_UINT8 dims: [ 32, -1, 1 ] } ]
output [ { name: "log_probability" data_type: TYPE_FP32 dims: [ -1, 77 ] } ]
dynamic_batching {
  preferred_batch_size: [ 8, 4 ]
  max_queue_delay_microseconds: 1500
  default_queue_policy { max_queue_size: 9 default_timeout_microseconds: 2500000 }
}
instance_group [ { count: 3 kind: KIND_CPU } ]
parameters { key: "alphabet" value: { string_value: " ABC\\"" } }
"""


def write_model(root: Path, config: str, name: str = "model") -> Path:
    (root / name).mkdir()
    path = root / name / "config.pbtxt"
    path.write_text(config, encoding="utf-8")
    return path


def test_everything_the_engine_needs_is_read(tmp_path: Path) -> None:
    write_model(tmp_path, CONFIG)
    for version in ("1", "2", "10", "backup"):
        (tmp_path / "model" / version).mkdir()
    spec = read_model_repository(tmp_path)["model"]
    assert spec.inputs == (TensorSpec("image", np.dtype(np.uint8), (32, -1, 1)),)
    assert spec.outputs == (TensorSpec("log_probability", np.dtype(np.float32), (-1, 77)),)
    assert spec.max_batch_size == 16
    assert spec.batching == BatchingPolicy((4, 8), 0.0015, 9, 2.5)
    assert spec.instance_count == 3
    assert spec.parameters == {"alphabet": ' ABC"'}
    assert spec.model_file == tmp_path / "model" / "10" / "model.onnx"
    assert spec.input_shape("image") == (32, -1, 1)


def test_a_policy_that_delays_the_late_refuses_nobody(tmp_path: Path) -> None:
    """Triton's DELAY puts the late behind the others; here nobody who may wait is put back."""
    write_model(tmp_path, CONFIG.replace("max_queue_size: 9", "max_queue_size: 9 timeout_action: DELAY"))
    assert read_model_repository(tmp_path)["model"].batching.default_timeout_s == 0


def test_batching_is_optional(tmp_path: Path) -> None:
    write_model(tmp_path, CONFIG[: CONFIG.index("dynamic_batching")])
    spec = read_model_repository(tmp_path)["model"]
    assert spec.batching == BatchingPolicy()
    assert spec.instance_count == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_batch_size: 16", "max_batch_size: sixteen", r"config\.pbtxt: 4:17"),
        ("max_batch_size: 16", "max_batch_sizes: 16", r"4:1 .*max_batch_sizes"),
        ("max_batch_size: 16", "max_batch_size: 0", "at least 1"),
        ("max_batch_size: 16", "max_batch_size: 6", r"preferred_batch_size must lie between 1 and"),
        ('name: "model"', 'name: "other"', "differs from its folder"),
        ("TYPE_UINT8", "TYPE_STRING", "'image' has a data_type"),
        ("output [", "input [", "at least one input and one output"),
    ],
)
def test_bad_configuration_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_model(tmp_path, CONFIG.replace(old, new))
    with pytest.raises(ModelRepositoryError, match=message):
        read_model_repository(tmp_path)


def test_empty_folder_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(ModelRepositoryError, match="holds no model"):
        read_model_repository(tmp_path)


def test_the_projects_own_repository_is_found_and_valid() -> None:
    specs = read_model_repository(find_model_repository())
    assert set(specs) == {"ktp_segmentation", "ktp_text_detection", "ktp_text_recognition"}
    assert all(spec.max_batch_size > 1 for spec in specs.values())
