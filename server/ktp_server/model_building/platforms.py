"""What a model's configuration looks like on each kind of Triton server.

Tensors, batching and parameters stay as they are in the source; only what names the backend, the file, the devices and
the accelerator changes, and the queue policy and the priority levels go unless they are asked for.
"""

from collections.abc import Mapping, Sequence

from tritonclient.grpc import model_config_pb2

from ktp_server.model_building.options import BuildOptions, Platform
from ktp_server.model_building.profiles import ShapeProfile, span_profiles

__all__ = ["PLAN_FILE_NAME", "WORKSPACE_BYTES", "adapt_config"]

THREAD_COUNT_KEY = "intra_op_thread_count"
PLAN_FILE_NAME = "model.plan"
WORKSPACE_BYTES = 1 << 30
"""GPU memory that TensorRT may use while it tries out kernels; ONNX Runtime's own default."""
QUEUE_POLICY_FIELDS = ("priority_levels", "default_priority_level", "default_queue_policy", "priority_queue_policy")
"""What keeps Triton from handing a batch on before an instance is idle. Source: Triton core, scheduler_utils.cc."""


def adapt_config(
    source: model_config_pb2.ModelConfig, options: BuildOptions, profiles: Sequence[ShapeProfile], digest: str
) -> model_config_pb2.ModelConfig:
    """Give a model's configuration for a target.

    Args:
        source: the configuration in the source repository.
        options: the target.
        profiles: the shapes that TensorRT is to tune for.
        digest: tells the graph from others of the same name.
    """
    config = model_config_pb2.ModelConfig()
    config.CopyFrom(source)
    for field in ("platform", "default_model_filename", "cc_model_filenames", "instance_group", "optimization"):
        config.ClearField(field)
    if not options.keeps_queue_policy and config.HasField("dynamic_batching"):
        for field in QUEUE_POLICY_FIELDS:
            config.dynamic_batching.ClearField(field)
    config.backend = str(options.platform)
    runs_on_cpu = options.platform is Platform.PYTHON
    kind = model_config_pb2.ModelInstanceGroup.KIND_CPU if runs_on_cpu else model_config_pb2.ModelInstanceGroup.KIND_GPU
    instances = config.instance_group.add(count=options.instance_count, kind=kind)
    if options.platform is Platform.PYTHON:
        config.parameters[THREAD_COUNT_KEY].string_value = str(options.thread_count)
    elif options.platform is Platform.ONNXRUNTIME:
        _accelerate(config, options.engine_cache, digest, span_profiles(profiles))
    else:
        config.platform = "tensorrt_plan"
        config.default_model_filename = PLAN_FILE_NAME
        # Without it Triton runs every width in the first profile, which is made for the narrowest.
        instances.profile.extend(str(index) for index in range(len(profiles)))
    return config


def _accelerate(config: model_config_pb2.ModelConfig, engine_cache: str, digest: str, shapes: ShapeProfile) -> None:
    """Let ONNX Runtime hand the graph to TensorRT. Source: Triton, onnxruntime_backend, README.

    Without the range of shapes TensorRT would build the engine anew, for minutes, whenever a batch or a line exceeds
    all before it. ONNX Runtime uses one range only, and takes an engine in the cache for that of a graph with the same
    operators, whatever its weights. Source: ONNX Runtime, TensorRT execution provider.
    """
    accelerator = config.optimization.execution_accelerators.gpu_execution_accelerator.add(name="tensorrt")
    for key, value in (
        ("precision_mode", "FP16"),
        ("max_workspace_size_bytes", str(WORKSPACE_BYTES)),
        ("trt_engine_cache_enable", "1"),
        ("trt_engine_cache_path", f"{engine_cache}/{config.name}-{digest}"),
        ("trt_timing_cache_enable", "1"),
        ("trt_timing_cache_path", engine_cache),
        ("trt_profile_min_shapes", _write_shapes(shapes.smallest)),
        ("trt_profile_opt_shapes", _write_shapes(shapes.best)),
        ("trt_profile_max_shapes", _write_shapes(shapes.largest)),
    ):
        accelerator.parameters[key] = value


def _write_shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes.items())
