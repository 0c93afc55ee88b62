"""TensorRT plans: built, and compared with ONNX Runtime on the GPU that will run them.

Needs NVIDIA's TensorRT 10 with its Python bindings and pycuda, as in NVIDIA's TensorRT container: import it only where
plans are built. Source: NVIDIA TensorRT 10 documentation, Python API.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pycuda.driver as cuda
import tensorrt as trt

from ktp_server.engines.port import Tensor, TensorBatch
from ktp_server.engines.repository import ModelRepositoryError
from ktp_server.engines.spec import ModelSpec
from ktp_server.model_building.deviations import find_deviations
from ktp_server.model_building.options import Precision
from ktp_server.model_building.platforms import WORKSPACE_BYTES
from ktp_server.model_building.profiles import ShapeProfile, calibration_items, plan_profiles
from ktp_server.model_building.samples import Sample
from ktp_server.model_building.uint8_edges import cast_at_the_edges

__all__ = ["PlanRequest", "build_plan"]

LOGGER = trt.Logger(trt.Logger.WARNING)
"""TensorRT keeps a pointer to it for as long as the process lives."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a plan is built from.

    Attributes:
        spec: the model.
        graph: its float ONNX file.
        precision: FLOAT is FP16 here; INT8 is calibrated with the samples, and FP16 where that is faster.
        samples: real inputs with ONNX Runtime's answers; the plan is compared with each.
    """

    spec: ModelSpec
    graph: Path
    precision: Precision
    samples: Sequence[Sample]


def build_plan(request: PlanRequest) -> bytes:
    """Build a plan for this machine's GPU and compare it with ONNX Runtime.

    Returns:
        The contents of a model.plan.

    Raises:
        ModelRepositoryError: TensorRT refuses the graph, or the plan answers differently.
    """
    with _primary_context():
        plan = _build(request)
        _verify(request, plan)
    return plan


@contextmanager
def _primary_context() -> Iterator[None]:
    """Let TensorRT and pycuda share the device's one context."""
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    try:
        yield
    finally:
        context.pop()


def _build(request: PlanRequest) -> bytes:
    spec = request.spec
    builder = trt.Builder(LOGGER)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, LOGGER)
    if not parser.parse(cast_at_the_edges(onnx.load(request.graph)).SerializeToString()):
        problems = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise ModelRepositoryError(f"{request.graph}: TensorRT cannot read it: {problems}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.set_flag(trt.BuilderFlag.FP16)
    for shapes in plan_profiles(spec):
        config.add_optimization_profile(_to_profile(builder, shapes))
    if request.precision is Precision.INT8:
        items = calibration_items([sample.inputs for sample in request.samples])
        shape = {name: tensor.shape for name, tensor in items[0].tensors.items()}
        config.set_flag(trt.BuilderFlag.INT8)
        config.int8_calibrator = _make_calibrator(items)
        config.set_calibration_profile(_to_profile(builder, ShapeProfile(shape, shape, shape)))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelRepositoryError(f"{request.graph}: TensorRT could not build a plan; its log above says why")
    return bytes(plan)


def _to_profile(builder: trt.Builder, shapes: ShapeProfile) -> trt.IOptimizationProfile:
    profile = builder.create_optimization_profile()
    for name, best in shapes.best.items():
        profile.set_shape(name, shapes.smallest[name], best, shapes.largest[name])
    return profile


def _make_calibrator(items: Sequence[TensorBatch]) -> trt.IInt8EntropyCalibrator2:
    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]  # TensorRT ships no types
        """Feeds one item after the other."""

        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._waiting = iter(items)
            # Device memory of the last item: TensorRT reads it after the method has returned.
            self._memory: dict[str, cuda.DeviceAllocation] = {}

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]) -> list[int] | None:
            item = next(self._waiting, None)
            if item is None:
                return None
            self._memory = {name: cuda.to_device(np.ascontiguousarray(item.tensors[name])) for name in names}
            return [int(self._memory[name]) for name in names]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            # Every build calibrates anew: a cache of another model or other pictures would be taken without a word.
            del cache

    return Calibrator()


def _verify(request: PlanRequest, plan: bytes) -> None:
    runtime = trt.Runtime(LOGGER)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise ModelRepositoryError(f"{request.graph}: the plan that was built cannot be loaded")
    profiles = plan_profiles(request.spec)
    context = engine.create_execution_context()
    stream = cuda.Stream()
    for sample in request.samples:
        context.set_optimization_profile_async(_profile_index(profiles, sample.inputs), stream.handle)
        found = _run(request.spec, context, stream, sample.inputs)
        deviations = find_deviations(sample.outputs, found)
        if deviations:
            raise ModelRepositoryError(f"{request.spec.name}: the plan answers otherwise: {'; '.join(deviations)}")


def _profile_index(profiles: Sequence[ShapeProfile], inputs: TensorBatch) -> int:
    """The profile whose extents, the batch axis aside, are those of the inputs."""
    for index, profile in enumerate(profiles):
        if all(tensor.shape[1:] == profile.best[name][1:] for name, tensor in inputs.tensors.items()):
            return index
    raise ModelRepositoryError(f"no profile for {[tensor.shape for tensor in inputs.tensors.values()]}")


def _run(spec: ModelSpec, context: trt.IExecutionContext, stream: cuda.Stream, inputs: TensorBatch) -> TensorBatch:
    memory = {}
    for name, tensor in inputs.tensors.items():
        context.set_input_shape(name, tensor.shape)
        memory[name] = cuda.to_device(np.ascontiguousarray(tensor))
    outputs: dict[str, Tensor] = {}
    for output in spec.outputs:
        outputs[output.name] = np.empty(tuple(context.get_tensor_shape(output.name)), dtype=output.dtype)
        memory[output.name] = cuda.mem_alloc(outputs[output.name].nbytes)
    for name, allocation in memory.items():
        context.set_tensor_address(name, int(allocation))
    if not context.execute_async_v3(stream.handle):
        raise ModelRepositoryError(f"{spec.name}: the plan cannot be run")
    stream.synchronize()
    for name, array in outputs.items():
        cuda.memcpy_dtoh(array, memory[name])
    return TensorBatch(outputs)
