"""Weights of an exported model back into a trainable one, so that anybody can go on from the committed models.

Export folds every batch normalisation into the convolution before it. Here the fold stays in the convolution, and the
normalisation begins as an identity by the statistics of real batches (weight = deviation, bias = mean + folded bias):
the network says what the exported one says, and its batch statistics are true from the first step on.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from ktp_training.served import PIXEL_ZERO

SETTLING_BATCHES = 12
"""Batches whose statistics the normalisations begin with: a hundred cards, or some five hundred lines."""
LSTM_GATES = (0, 2, 3, 1)
"""Where torch's gates (input, forget, cell, output) stand in ONNX's order (input, output, forget, cell)."""

Layer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


class _Weights(NamedTuple):
    """A layer of the exported graph: weight in torch's layout, and bias."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None


def recover_checkpoint(model: str, config: Config, exported: Path, target: Path) -> None:
    """Write a checkpoint to start a training from.

    What serving does not have (the detector's threshold branch, blocks that a newer config adds) keeps its initial
    weights.

    Args:
        model: segmentation, detection or recognition.
        config: the runner's config, whose training data give the statistics.
        exported: model.float.onnx of triton_models/.
        target: the .pth file; its folder is created.

    Raises:
        ValueError: the file belongs to another architecture.
    """
    with DefaultScope.overwrite_default_scope(config.default_scope):
        trained = MODELS.build(config.model)
    trained.init_weights()
    graph = onnx.load(str(exported)).graph
    {"segmentation": _fill_segmentation, "detection": _fill_detection, "recognition": _fill_recognition}[model](
        trained, graph
    )
    with DefaultScope.overwrite_default_scope(config.default_scope):
        _settle(trained, Runner.build_dataloader(config.train_dataloader, seed=0))
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": trained.state_dict(), "meta": {}}, target)


def _layers(graph: onnx.GraphProto) -> dict[str, _Weights]:
    """Convolutions and linear layers by the name of their weight, in the order of the graph."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers = {}
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm") and node.input[1] in values:
            bias = values[node.input[2]] if len(node.input) > 2 else None
            layers[node.input[1]] = _Weights(values[node.input[1]], bias)
    return layers


def _fill_segmentation(trained: nn.Module, graph: onnx.GraphProto) -> None:
    layers = {name.removeprefix("model.").removesuffix(".weight"): found for name, found in _layers(graph).items()}
    _fill_named(trained, layers)


def _fill_detection(trained: nn.Module, graph: onnx.GraphProto) -> None:
    layers = {name.removesuffix(".weight"): found for name, found in _layers(graph).items()}
    narrow, opened, closed = (layers.pop(name) for name in ("narrow.0", "first", "second"))
    layers["det_head.binarize.0"] = narrow
    # ServedDetection turned both transposed convolutions into ones of 1 x 1; (row, column, out, in) -> (in, out, ...).
    middle = closed.weight.shape[1] // 4
    first = opened.weight.reshape(2, 2, middle, -1).transpose(3, 2, 0, 1)
    layers["det_head.binarize.3"] = _Weights(first, _required(opened.bias)[:middle])
    second = closed.weight.reshape(4, 4, 4, middle)[0, :, 0].reshape(2, 2, 1, middle).transpose(3, 2, 0, 1)
    layers["det_head.binarize.6"] = _Weights(second, _required(closed.bias)[:1])
    _fill_named(trained, layers)


def _fill_named(trained: nn.Module, layers: dict[str, _Weights]) -> None:
    first = layers["backbone.conv1.conv"]
    preprocessor = trained.data_preprocessor
    deviation, mean = (part.reshape(-1).numpy() for part in (preprocessor.std, preprocessor.mean))
    # Undoes served.fold_normalisation.
    shift = (first.weight.sum((2, 3)) * (PIXEL_ZERO - mean)).sum(1)
    layers["backbone.conv1.conv"] = _Weights(
        first.weight * deviation.reshape(1, 3, 1, 1), _required(first.bias) - shift
    )
    modules = dict(_layer_modules(trained))
    for name, found in layers.items():
        if name not in modules:
            raise ValueError(f"the model has no layer {name}")
        _fill(name, *modules[name], found)


def _fill_recognition(trained: nn.Module, graph: onnx.GraphProto) -> None:
    """By order: this graph's exporter does not keep names."""
    found = list(_layers(graph).values())
    modules = [(name, *pair) for name, pair in _layer_modules(trained.backbone)]
    if len(found) < len(modules):
        modules = [module for module in modules if ".deeper." not in module[0]]
    if len(found) != len(modules):
        raise ValueError(f"the file has {len(found)} convolutions, the model {len(modules)}")
    for (name, layer, normalisation), weights in zip(modules, found, strict=True):
        _fill(name, layer, normalisation, weights)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    recurrent = next(node for node in graph.node if node.op_type == "LSTM")
    inputs, hidden, bias = (values[name] for name in recurrent.input[1:4])
    lstm, classify = trained.decoder.recurrent, trained.decoder.classify
    gates = bias.shape[1] // 2
    for direction, suffix in enumerate(("", "_reverse")):
        for part, value in (
            ("weight_ih", inputs[direction]),
            ("weight_hh", hidden[direction]),
            ("bias_ih", bias[direction, :gates]),
            ("bias_hh", bias[direction, gates:]),
        ):
            blocks = np.split(value, 4)
            _copy(part, getattr(lstm, f"{part}_l0{suffix}"), np.concatenate([blocks[gate] for gate in LSTM_GATES]))
    last = [node for node in graph.node if node.op_type == "MatMul"][-1]
    _copy("classify.weight", classify.weight, values[last.input[1]].T)
    _copy("classify.bias", classify.bias, values["model.decoder.classify.bias"])


def _layer_modules(module: nn.Module) -> Iterator[tuple[str, tuple[Layer, nn.BatchNorm2d | None]]]:
    """Every layer with the normalisation behind it: the one registered next."""
    modules = [entry for entry in module.named_modules() if isinstance(entry[1], (*Layer.__args__, nn.BatchNorm2d))]
    for index, (name, layer) in enumerate(modules):
        if not isinstance(layer, nn.BatchNorm2d):
            following = modules[index + 1][1] if index + 1 < len(modules) else None
            yield name, (layer, following if isinstance(following, nn.BatchNorm2d) else None)


def _fill(name: str, layer: Layer, normalisation: nn.BatchNorm2d | None, found: _Weights) -> None:
    _copy(name, layer.weight, found.weight)
    if layer.bias is not None:
        # A folded normalisation's shift stays with the normalisation.
        _copy(name, layer.bias, np.zeros_like(found.bias) if normalisation is not None else _required(found.bias))
    if normalisation is not None:
        with torch.no_grad():
            normalisation.running_mean.zero_()
            normalisation.running_var.fill_(1.0)
            normalisation.weight.fill_((1.0 + normalisation.eps) ** 0.5)
        _copy(name, normalisation.bias, _required(found.bias))


def _copy(name: str, target: Tensor, value: NDArray[np.float32]) -> None:
    if tuple(target.shape) != value.shape:
        raise ValueError(f"{name}: the file has {value.shape}, the model {tuple(target.shape)}")
    with torch.no_grad():
        target.copy_(torch.from_numpy(value.copy()))


def _required(bias: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if bias is None:
        raise ValueError("a layer of the file has no bias")
    return bias


def _settle(trained: nn.Module, loader: torch.utils.data.DataLoader) -> None:
    """Give every normalisation the statistics of real batches without changing what the network says."""
    sums: dict[nn.BatchNorm2d, list[Tensor]] = {}
    normalisations = [module for module in trained.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [normalisation.register_forward_hook(_counting(sums)) for normalisation in normalisations]
    trained.train()
    for normalisation in normalisations:
        normalisation.eval()
    with torch.no_grad():
        for _, batch in zip(range(SETTLING_BATCHES), loader, strict=False):
            trained(**trained.data_preprocessor(batch, training=True), mode="loss")
        for normalisation, moments in sums.items():
            mean, square = torch.stack(moments).mean(0)
            variance = square - mean**2
            # Keeps y = (x - running_mean) * scale + bias for the new statistics.
            scale = normalisation.weight / (normalisation.running_var + normalisation.eps).sqrt()
            normalisation.bias.add_((mean - normalisation.running_mean) * scale)
            normalisation.weight.copy_(scale * (variance + normalisation.eps).sqrt())
            normalisation.running_mean.copy_(mean)
            normalisation.running_var.copy_(variance)
    for hook in hooks:
        hook.remove()


def _counting(
    sums: dict[nn.BatchNorm2d, list[Tensor]],
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """A forward hook that notes mean and mean square of what goes into a normalisation, channel by channel."""

    def count(module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        values = inputs[0].float()
        moments = torch.stack([values.mean((0, 2, 3)), values.square().mean((0, 2, 3))])
        sums.setdefault(module, []).append(moments)

    return count
