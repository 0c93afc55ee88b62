"""Graphs whose casts stand at the edges answer exactly as before."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.model_building.uint8_edges import cast_at_the_edges

SPECS = read_model_repository(find_model_repository())


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(array) for array in session.run(None, inputs)]


@pytest.mark.parametrize("name", SPECS)
def test_real_models_answer_the_same(name: str) -> None:
    model = onnx.load(SPECS[name].model_file.with_name("model.float.onnx"))
    changed = cast_at_the_edges(model)
    consumers = [node.op_type for node in changed.graph.node if "image" in node.input]
    assert consumers == ["Cast"]
    rng = np.random.default_rng(7)
    shape = SPECS[name].example_batch().tensors["image"].shape
    inputs = {"image": rng.integers(0, 256, (2, *shape[1:]), dtype=np.uint8)}
    for wanted, got in zip(run(model, inputs), run(changed, inputs), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_bytes_come_out_of_a_cast() -> None:
    model = cast_at_the_edges(onnx.load(SPECS["ktp_text_detection"].model_file.with_name("model.float.onnx")))
    (last,) = [node for node in model.graph.node if "probability" in node.output]
    assert last.op_type == "Cast"


def graph(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 2])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.UINT8, ["n", 2])]
    model = helper.make_graph(nodes, "g", inputs, outputs)
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_several_moves_on_both_sides() -> None:
    model = graph(
        helper.make_node("Transpose", ["x"], ["a"], perm=[1, 0]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Cast", ["b"], ["c"], to=TensorProto.FLOAT, name="in"),
        helper.make_node("Add", ["c", "c"], ["d"]),
        helper.make_node("Cast", ["d"], ["e"], to=TensorProto.UINT8, name="out"),
        helper.make_node("Identity", ["e"], ["f"]),
        helper.make_node("Transpose", ["f"], ["y"], perm=[1, 0]),
    )
    changed = cast_at_the_edges(model)
    assert changed.graph.node[0].op_type == changed.graph.node[-1].op_type == "Cast"
    x = np.arange(6, dtype=np.uint8).reshape(3, 2)
    np.testing.assert_array_equal(run(changed, {"x": x})[0], 2 * x)


def test_casts_at_the_edges_stay() -> None:
    model = graph(
        helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["a"], ["y"], to=TensorProto.UINT8),
    )
    assert cast_at_the_edges(model) == model


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([helper.make_node("Add", ["x", "x"], ["y"])], "input x reaches Add"),
        (
            [
                helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT),
                helper.make_node("Cast", ["x"], ["y"], to=2),
            ],
            "x is used 2 times",
        ),
        (
            [
                helper.make_node("Cast", ["x"], ["a"], to=TensorProto.UINT32),
                helper.make_node("Cast", ["a"], ["b"], to=TensorProto.UINT8),
                helper.make_node("Add", ["b", "b"], ["y"]),
            ],
            "output y comes out of Add",
        ),
    ],
)
def test_other_graphs_are_refused(nodes: list[onnx.NodeProto], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cast_at_the_edges(graph(*nodes))
