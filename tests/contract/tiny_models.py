"""A model repository of tiny ONNX graphs, written by the tests: each makes one property of an engine visible."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

MAX_BATCH_SIZE = 8
PREFERRED_BATCH_SIZE = 4
QUEUE_LIMIT = 3
QUEUE_DELAY_MS = 1000
"""Long enough for requests of one moment to meet on a machine that has much else to do."""
ENDLESS_MS = 60_000
"""A queue delay that no test waits for."""
QUEUE_TIMEOUT_MS = 1000

CONFIG = """
name: "{name}"
platform: "onnxruntime_onnx"
max_batch_size: {max_batch_size}
input [ {{ name: "x" data_type: {input_type} dims: [ {extent} ] }} ]
output [ {{ name: "y" data_type: TYPE_FP32 dims: [ {extent} ] }}{company} ]
dynamic_batching {{
  {preferred}
  max_queue_delay_microseconds: {delay_us}
  {policy}
}}
"""
COMPANY = ', { name: "company" data_type: TYPE_INT64 dims: [ 1 ] }'
POLICY = """
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy {{ allow_timeout_override: true max_queue_size: {queue_limit} }}
"""
"""Only where a test needs it: with a policy or levels Triton 2.51 waits up to 500 ms between batches."""
LEVELS = "priority_levels: 2 default_priority_level: 1"
TIMEOUT = f"default_queue_policy {{ default_timeout_microseconds: {QUEUE_TIMEOUT_MS * 1000} }}"


def write_repository(root: Path) -> Path:
    """Write the models.

    - `double`: y = 2 x, any extent, and `company`, how many items shared the execution; batches eagerly: shows mix-ups.
    - `patient`: the same, but waits long for company: shows what happens to those that wait.
    - `crowded`: the same, with priority levels and without a preferred size; few may wait: shows what happens to those
      that find no place.
    - `ranked`: the same, with priority levels; goes with 1 or 8 items only: shows who goes first.
    - `hasty`: the same, but nobody may wait for long: shows what the model's own timeout does.
    - `pick`: y = table[x], fails for x outside the table: shows what a failing batch does.
    """
    common = {"max_batch_size": MAX_BATCH_SIZE}
    preferred = f"preferred_batch_size: [ {PREFERRED_BATCH_SIZE} ]"
    long_us = QUEUE_DELAY_MS * 1000
    lone_or_full = f"preferred_batch_size: [ 1, {MAX_BATCH_SIZE} ]"
    for name, delay_us, policy, sizes in (
        ("double", 2000, "", preferred),
        ("patient", long_us, "", preferred),
        ("crowded", long_us, POLICY.format(queue_limit=QUEUE_LIMIT), ""),
        ("ranked", ENDLESS_MS * 1000, LEVELS, lone_or_full),
        ("hasty", ENDLESS_MS * 1000, TIMEOUT, lone_or_full),
    ):
        own = {"name": name, "delay_us": delay_us, "policy": policy, "preferred": sizes, "company": COMPANY}
        _write(root, name, _double_graph(), CONFIG.format(**common, **own, input_type="TYPE_FP32", extent=-1))
    own = {"name": "pick", "delay_us": 20000, "policy": "", "preferred": preferred, "company": ""}
    _write(root, "pick", _pick_graph(), CONFIG.format(**common, **own, input_type="TYPE_INT64", extent=1))
    return root


def _write(root: Path, name: str, graph: onnx.GraphProto, config: str) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (root / name / "1").mkdir(parents=True)
    (root / name / "config.pbtxt").write_text(config, encoding="utf-8")
    onnx.save(model, root / name / "1" / "model.onnx")


def _double_graph() -> onnx.GraphProto:
    return helper.make_graph(
        [
            helper.make_node("Add", ["x", "x"], ["y"]),
            helper.make_node("Shape", ["x"], ["count"], start=0, end=1),
            helper.make_node("Concat", ["count", "one"], ["column"], axis=0),
            helper.make_node("Expand", ["count", "column"], ["company"]),
        ],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "extent"])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "extent"]),
            helper.make_tensor_value_info("company", TensorProto.INT64, ["batch", 1]),
        ],
        initializer=[helper.make_tensor("one", TensorProto.INT64, [1], [1])],
    )


def _pick_graph() -> onnx.GraphProto:
    table = helper.make_tensor("table", TensorProto.FLOAT, [4], [10.0, 11.0, 12.0, 13.0])
    return helper.make_graph(
        [helper.make_node("Gather", ["table", "x"], ["y"], axis=0)],
        "pick",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["batch", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        initializer=[table],
    )
