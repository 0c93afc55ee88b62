"""Repositories for other Triton servers: whole and checked, or not at all."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from ktp_server.demonstration import bundled_specimen
from ktp_server.engines.repository import (
    ModelRepositoryError,
    find_model_repository,
    read_config,
    read_model_repository,
)
from ktp_server.model_building.building import build_repository
from ktp_server.model_building.checking import check_repository
from ktp_server.model_building.deviations import find_deviations
from ktp_server.model_building.options import BuildOptions, Platform, Precision
from ktp_server.model_building.platforms import adapt_config
from ktp_server.model_building.profiles import plan_profiles
from ktp_server.model_building.samples import record_samples
from tests.contract.tiny_models import write_repository

PYTHON = BuildOptions(Platform.PYTHON)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The tiny models, each with a float file that differs from the other one."""
    root = write_repository(tmp_path / "source")
    for graph in root.glob("*/1/model.onnx"):
        model = onnx.load(graph)
        model.doc_string = "float"
        onnx.save(model, graph.with_name("model.float.onnx"))
    return root


def test_python_repository_keeps_the_contract_and_gets_the_adapter(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "built"
    options = BuildOptions(Platform.PYTHON, instance_count=2, thread_count=3, keeps_queue_policy=True)
    checked = build_repository(source, target, options)
    names = ("crowded", "double", "hasty", "patient", "pick", "ranked")
    assert [(model.name, model.backend) for model in checked] == [(name, "python") for name in names]
    assert checked[0].outputs == {"y": (1, 1), "company": (1, 1)}
    before, after = read_model_repository(source), read_model_repository(target)
    for name, spec in before.items():
        built = after[name]
        assert (built.inputs, built.outputs, built.batching) == (spec.inputs, spec.outputs, spec.batching)
        assert built.instance_count == 2
        assert built.parameters == {**spec.parameters, "intra_op_thread_count": "3"}
        assert built.model_file.read_bytes() == spec.model_file.read_bytes()
        adapter = built.model_file.with_name("model.py").read_text()
        compile(adapter, "model.py", "exec")
        assert "class TritonPythonModel" in adapter
        config = read_config(target / name / "config.pbtxt")
        assert (config.backend, config.platform) == ("python", "")


def test_precision_chooses_the_file(tmp_path: Path, source: Path) -> None:
    build_repository(source, tmp_path / "float", BuildOptions(Platform.PYTHON, Precision.FLOAT))
    wanted = (source / "double/1/model.float.onnx").read_bytes()
    assert (tmp_path / "float/double/1/model.onnx").read_bytes() == wanted


def test_onnxruntime_repository_runs_the_float_file_on_gpus_through_tensorrt(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "built"
    build_repository(source, target, BuildOptions(Platform.ONNXRUNTIME, engine_cache="/cache"))
    config = read_config(target / "double/config.pbtxt")
    assert onnx.load(target / "double/1/model.onnx").doc_string == "float"
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert accelerator.parameters["precision_mode"] == "FP16"
    digest = hashlib.sha256((source / "double/1/model.float.onnx").read_bytes()).hexdigest()[:12]
    assert accelerator.parameters["trt_engine_cache_path"] == f"/cache/double-{digest}"
    assert "KIND_GPU" in (target / "double/config.pbtxt").read_text()
    assert not config.cc_model_filenames
    assert not (target / "double/1/model.py").exists()


def test_tensorrt_behind_onnxruntime_takes_every_graph_whole_and_builds_one_engine_for_all_shapes(
    tmp_path: Path,
) -> None:
    build_repository(find_model_repository(), tmp_path / "built", BuildOptions(Platform.ONNXRUNTIME))
    for name in read_model_repository(find_model_repository()):
        graph = onnx.load(tmp_path / "built" / name / "1/model.onnx").graph
        assert [node.op_type for node in graph.node if "image" in node.input] == ["Cast"]
    config = read_config(tmp_path / "built/ktp_text_recognition/config.pbtxt")
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert {key: value for key, value in accelerator.parameters.items() if "profile" in key} == {
        "trt_profile_min_shapes": "image:1x32x96x1",
        "trt_profile_opt_shapes": "image:32x32x384x1",
        "trt_profile_max_shapes": "image:64x32x1024x1",
    }


def test_graphs_for_gpus_need_onnx(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ktp_server.model_building.uint8_edges", None)
    with pytest.raises(ModelRepositoryError, match=r"where onnx is installed \(ktp-ocr\[onnx\]\)"):
        build_repository(source, tmp_path / "built", BuildOptions(Platform.ONNXRUNTIME))
    assert not (tmp_path / "built").exists()


@pytest.mark.parametrize("platform", [Platform.PYTHON, Platform.ONNXRUNTIME])
def test_the_real_models_keep_every_word_but_those_about_the_backend(tmp_path: Path, platform: Platform) -> None:
    source, target = find_model_repository(), tmp_path / "built"
    build_repository(source, target, BuildOptions(platform, keeps_queue_policy=True))
    for name in read_model_repository(source):
        before, after = (read_config(root / name / "config.pbtxt") for root in (source, target))
        for field in ("input", "output", "dynamic_batching", "version_policy", "model_warmup", "max_batch_size"):
            assert getattr(after, field) == getattr(before, field), f"{name}: {field}"
        assert before.parameters.items() <= after.parameters.items()


def test_queue_policy_and_levels_go_unless_asked_for(tmp_path: Path) -> None:
    source, target = find_model_repository(), tmp_path / "built"
    build_repository(source, target, PYTHON)
    for name in read_model_repository(source):
        before, after = (read_config(root / name / "config.pbtxt").dynamic_batching for root in (source, target))
        assert (before.priority_levels, before.default_priority_level) == (2, 1)
        assert before.default_queue_policy.max_queue_size == 512
        assert (after.priority_levels, after.default_priority_level) == (0, 0)
        assert not after.HasField("default_queue_policy")
        assert after.preferred_batch_size == before.preferred_batch_size
        assert after.max_queue_delay_microseconds == before.max_queue_delay_microseconds


def test_models_without_batching_stay_without(source: Path) -> None:
    config = read_config(source / "double/config.pbtxt")
    config.ClearField("dynamic_batching")
    built = adapt_config(config, PYTHON, plan_profiles(read_model_repository(source)["double"]), "0")
    assert not built.HasField("dynamic_batching")


def test_existing_target_is_refused_and_left_alone(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "built"
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(ModelRepositoryError, match="exists already"):
        build_repository(source, target, PYTHON)
    assert [path.name for path in target.iterdir()] == ["mine"]


def damage_graph(source: Path) -> None:
    (source / "pick/1/model.onnx").write_bytes(b"no graph")


def remove_graph(source: Path) -> None:
    (source / "pick/1/model.onnx").unlink()


def change_output(source: Path) -> None:
    config = source / "pick/config.pbtxt"
    config.write_text(config.read_text().replace('output [ { name: "y"', 'output [ { name: "other"'))


def break_syntax(source: Path) -> None:
    config = source / "pick/config.pbtxt"
    config.write_text(config.read_text() + "max_delay: 3\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_graph, "cannot load it"),
        (remove_graph, r"model\.onnx is missing"),
        (change_output, "'other' is missing"),
        (break_syntax, r'config\.pbtxt: \d+:\d+ : .*"max_delay"'),
    ],
)
def test_failed_build_says_why_and_leaves_nothing(tmp_path: Path, source: Path, damage: object, message: str) -> None:
    assert callable(damage)
    damage(source)
    with pytest.raises(ModelRepositoryError, match=message):
        build_repository(source, tmp_path / "out/built", PYTHON)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_check_misses_the_adapter_that_triton_would_wait_for(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "built"
    build_repository(source, target, PYTHON)
    (target / "pick/1/model.py").unlink()
    with pytest.raises(ModelRepositoryError, match=r"pick/1/model\.py is missing"):
        check_repository(target)


def test_check_misses_a_file_for_other_devices(tmp_path: Path) -> None:
    copy = tmp_path / "models"
    shutil.copytree(find_model_repository(), copy)
    assert [model.backend for model in check_repository(copy)] == ["onnxruntime"] * 3
    (copy / "ktp_segmentation/1/model.float.onnx").unlink()
    with pytest.raises(ModelRepositoryError, match=r"model\.float\.onnx is missing"):
        check_repository(copy)


def test_check_runs_the_graph_and_holds_its_shapes_against_the_configuration(tmp_path: Path) -> None:
    root = write_repository(tmp_path / "models")
    config = root / "double/config.pbtxt"
    config.write_text(
        config.read_text().replace(
            'name: "y" data_type: TYPE_FP32 dims: [ -1 ]', 'name: "y" data_type: TYPE_FP32 dims: [ 2 ]'
        )
    )
    with pytest.raises(ModelRepositoryError, match=r"output y is \(1,\), its config\.pbtxt says \(2,\)"):
        check_repository(root)


def test_plans_need_tensorrt_and_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelRepositoryError, match="plans are built where NVIDIA's TensorRT"):
        build_repository(find_model_repository(), tmp_path / "plans", BuildOptions(Platform.TENSORRT))
    assert list(tmp_path.iterdir()) == []


def test_plan_configuration_names_its_profiles() -> None:
    source = read_config(find_model_repository() / "ktp_text_recognition/config.pbtxt")
    profiles = plan_profiles(read_model_repository(find_model_repository())["ktp_text_recognition"])
    config = adapt_config(source, BuildOptions(Platform.TENSORRT, instance_count=2), profiles[:3], "0")
    assert (config.backend, config.platform, config.default_model_filename) == (
        "tensorrt",
        "tensorrt_plan",
        "model.plan",
    )
    (group,) = config.instance_group
    assert (group.count, list(group.profile)) == (2, ["0", "1", "2"])


@pytest.mark.parametrize(("platform", "message"), [("onnxruntime", "for the platforms"), ("tensorrt", "calibrate")])
def test_int8_on_gpus_needs_tensorrt_and_pictures(platform: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BuildOptions(Platform(platform), Precision.INT8)


def test_samples_are_what_the_pipeline_asks_and_gets() -> None:
    specs = read_model_repository(find_model_repository())
    samples = record_samples(specs, "model.float.onnx", [bundled_specimen()])
    assert set(samples) == set(specs)
    for name, spec in specs.items():
        assert samples[name]
        for sample in samples[name]:
            spec.check_inputs(sample.inputs)
            assert sample.inputs.item_count == sample.outputs.item_count
            assert np.asarray(sample.inputs.tensors["image"]).std() > 5
        assert find_deviations(samples[name][0].outputs, samples[name][0].outputs) == []
    assert np.asarray(samples["ktp_segmentation"][0].outputs.tensors["scores"]).max() > 0.9
