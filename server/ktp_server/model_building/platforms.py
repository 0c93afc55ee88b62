"""What a model's configuration looks like on each kind of Triton server.

Tensors, batching, priorities and parameters stay as they are in the source; only what names the backend, the file, the
devices and the accelerator changes.
"""

from tritonclient.grpc import model_config_pb2

from ktp_server.model_building.options import BuildOptions, Platform

__all__ = ["PLAN_FILE_NAME", "WORKSPACE_BYTES", "adapt_config"]

THREAD_COUNT_KEY = "intra_op_thread_count"
PLAN_FILE_NAME = "model.plan"
WORKSPACE_BYTES = 1 << 30
"""GPU memory that TensorRT may use while it tries out kernels; ONNX Runtime's own default."""


def adapt_config(
    source: model_config_pb2.ModelConfig, options: BuildOptions, profile_count: int = 1
) -> model_config_pb2.ModelConfig:
    """Give a model's configuration for a target.

    Args:
        source: the configuration in the source repository.
        options: the target.
        profile_count: optimisation profiles of its plan, for TENSORRT.
    """
    config = model_config_pb2.ModelConfig()
    config.CopyFrom(source)
    for field in ("platform", "default_model_filename", "cc_model_filenames", "instance_group", "optimization"):
        config.ClearField(field)
    config.backend = str(options.platform)
    runs_on_cpu = options.platform is Platform.PYTHON
    kind = model_config_pb2.ModelInstanceGroup.KIND_CPU if runs_on_cpu else model_config_pb2.ModelInstanceGroup.KIND_GPU
    instances = config.instance_group.add(count=options.instance_count, kind=kind)
    if options.platform is Platform.PYTHON:
        config.parameters[THREAD_COUNT_KEY].string_value = str(options.thread_count)
    elif options.platform is Platform.ONNXRUNTIME:
        _accelerate(config, options.engine_cache)
    else:
        config.platform = "tensorrt_plan"
        config.default_model_filename = PLAN_FILE_NAME
        # Without it Triton runs every width in the first profile, which is made for the narrowest.
        instances.profile.extend(str(index) for index in range(profile_count))
    return config


def _accelerate(config: model_config_pb2.ModelConfig, engine_cache: str) -> None:
    """Let ONNX Runtime hand the graph to TensorRT. Source: Triton, onnxruntime_backend, README."""
    accelerator = config.optimization.execution_accelerators.gpu_execution_accelerator.add(name="tensorrt")
    for key, value in (
        ("precision_mode", "FP16"),
        ("max_workspace_size_bytes", str(WORKSPACE_BYTES)),
        ("trt_engine_cache_enable", "1"),
        ("trt_engine_cache_path", f"{engine_cache}/{config.name}"),
        ("trt_timing_cache_enable", "1"),
        ("trt_timing_cache_path", engine_cache),
    ):
        accelerator.parameters[key] = value
