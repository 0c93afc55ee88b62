"""What a model's configuration looks like on each kind of Triton server.

Tensors, batching, priorities and parameters stay as they are in the source; only what names the backend, the file, the
devices and the accelerator changes.
"""

from dataclasses import dataclass
from enum import StrEnum

from tritonclient.grpc import model_config_pb2

__all__ = ["BuildOptions", "Platform", "Precision", "adapt_config"]

THREAD_COUNT_KEY = "intra_op_thread_count"
WORKSPACE_BYTES = 1 << 30
"""GPU memory that TensorRT may use while it tries out kernels; ONNX Runtime's own default."""


class Platform(StrEnum):
    """Which Triton server the repository is for."""

    PYTHON = "python"
    """Only the Python backend: an adapter runs ONNX Runtime on the CPU."""
    ONNXRUNTIME = "onnxruntime"
    """The onnxruntime backend on a GPU, with TensorRT as its accelerator."""


class Precision(StrEnum):
    """Which of a model's two files runs on a CPU."""

    INT8 = "int8"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a repository is made.

    Attributes:
        platform: for which server.
        precision: for PYTHON: the quantised or the float file.
        instance_count: executions of each model at a time.
        thread_count: for PYTHON: threads in one execution.
        engine_cache: for ONNXRUNTIME: folder on the GPU server where TensorRT keeps what it built, so that only the
            first start takes minutes.
    """

    platform: Platform
    precision: Precision = Precision.INT8
    instance_count: int = 1
    thread_count: int = 1
    engine_cache: str = "/var/cache/ktp-ocr"

    @property
    def source_file_name(self) -> str:
        """The file of the source repository that is run."""
        quantised = self.platform is Platform.PYTHON and self.precision is Precision.INT8
        return "model.onnx" if quantised else "model.float.onnx"


def adapt_config(source: model_config_pb2.ModelConfig, options: BuildOptions) -> model_config_pb2.ModelConfig:
    """Give a model's configuration for a target.

    Args:
        source: the configuration in the source repository.
        options: the target.
    """
    config = model_config_pb2.ModelConfig()
    config.CopyFrom(source)
    for field in ("platform", "default_model_filename", "cc_model_filenames", "instance_group", "optimization"):
        config.ClearField(field)
    config.backend = str(options.platform)
    runs_on_cpu = options.platform is Platform.PYTHON
    kind = model_config_pb2.ModelInstanceGroup.KIND_CPU if runs_on_cpu else model_config_pb2.ModelInstanceGroup.KIND_GPU
    config.instance_group.add(count=options.instance_count, kind=kind)
    if options.platform is Platform.PYTHON:
        config.parameters[THREAD_COUNT_KEY].string_value = str(options.thread_count)
    else:
        _accelerate(config, options.engine_cache)
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
