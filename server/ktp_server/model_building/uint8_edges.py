"""Makes a graph's UINT8 inputs and outputs such as TensorRT takes them.

TensorRT knows UINT8 only at the network's edge: an input must be cast before anything else happens to it, an output
must come out of a cast. The exported graphs transpose first and reshape last, because bytes are cheaper to move; here
the cast changes places with them. Source: TensorRT, Types and Precision, UINT8.
"""

from pathlib import Path

import onnx

__all__ = ["cast_at_the_edges", "rewrite_graph"]

MOVES = frozenset({"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Flatten"})
"""Operators that only move values: they give the same before and after a cast."""


def rewrite_graph(source: Path, target: Path) -> None:
    """Write a graph anew with its casts at the edges.

    Raises:
        ValueError: see `cast_at_the_edges`.
    """
    onnx.save(cast_at_the_edges(onnx.load(source)), target)


def cast_at_the_edges(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give a model with the same answers whose UINT8 inputs are cast first and whose UINT8 outputs are cast last.

    Args:
        model: left as it is.

    Raises:
        ValueError: between an edge and its cast stands something that computes.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    # Types of inner tensors that were noted at the export are no longer true.
    del graph.value_info[:]
    for tensor in graph.input:
        if tensor.type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            _move_cast_to_input(graph, tensor.name)
    for tensor in graph.output:
        if tensor.type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            _move_cast_to_output(graph, tensor.name)
    onnx.checker.check_model(changed)
    return changed


def _move_cast_to_input(graph: onnx.GraphProto, name: str) -> None:
    moves = []
    node = _only_consumer(graph, name)
    while node.op_type in MOVES:
        moves.append(node)
        node = _only_consumer(graph, node.output[0])
    if node.op_type != "Cast":
        raise ValueError(f"input {name} reaches {node.op_type} before a cast")
    if not moves:
        return
    cast, end = node, node.output[0]
    _replace_inputs(moves[0], name, cast.name + "_at_the_edge")
    cast.input[0], cast.output[0] = name, cast.name + "_at_the_edge"
    moves[-1].output[0] = end
    graph.node.remove(cast)
    graph.node.insert(0, cast)


def _move_cast_to_output(graph: onnx.GraphProto, name: str) -> None:
    moves = []
    node = _producer(graph, name)
    while node.op_type in MOVES:
        moves.append(node)
        node = _producer(graph, node.input[0])
    if node.op_type != "Cast":
        raise ValueError(f"output {name} comes out of {node.op_type} instead of a cast")
    if not moves:
        return
    cast, start = node, node.input[0]
    _replace_inputs(moves[-1], cast.output[0], start)
    moves[0].output[0] = cast.name + "_at_the_edge"
    cast.input[0], cast.output[0] = cast.name + "_at_the_edge", name
    graph.node.remove(cast)
    graph.node.append(cast)


def _only_consumer(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    consumers = [node for node in graph.node if name in node.input]
    if len(consumers) != 1:
        raise ValueError(f"{name} is used {len(consumers)} times before a cast")
    return consumers[0]


def _producer(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    for node in graph.node:
        if name in node.output:
            return node
    raise ValueError(f"nothing in the graph gives {name}")


def _replace_inputs(node: onnx.NodeProto, old: str, new: str) -> None:
    for index, name in enumerate(node.input):
        if name == old:
            node.input[index] = new
