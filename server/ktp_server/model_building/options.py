"""For which Triton server a repository is made, and how."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = ["BuildOptions", "Platform", "Precision"]


class Platform(StrEnum):
    """Which Triton server the repository is for."""

    PYTHON = "python"
    """Only the Python backend: an adapter runs ONNX Runtime on the CPU."""
    ONNXRUNTIME = "onnxruntime"
    """The onnxruntime backend on a GPU, with TensorRT as its accelerator."""

    TENSORRT = "tensorrt"
    """The tensorrt backend: plan files, made on the very kind of GPU that will run them."""


class Precision(StrEnum):
    """How a model calculates."""

    INT8 = "int8"
    """Quantised: by the file for CPUs, or by TensorRT's calibration."""
    FLOAT = "float"
    """By the float file: FP32 on CPUs, FP16 on GPUs."""


DEFAULT_PRECISIONS = {
    Platform.PYTHON: Precision.INT8,
    Platform.ONNXRUNTIME: Precision.FLOAT,
    Platform.TENSORRT: Precision.FLOAT,
}


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a repository is made.

    Attributes:
        platform: for which server.
        precision: INT8 or FLOAT; by default INT8 on CPUs and FLOAT on GPUs.
        instance_count: executions of each model at a time.
        thread_count: for PYTHON: threads in one execution.
        calibration: for TENSORRT in INT8: pictures of cards that tell which values occur.
        engine_cache: for ONNXRUNTIME: folder on the GPU server where TensorRT keeps what it built, so that only the
            first start takes minutes.
        keeps_queue_policy: the source's queue policy and priority levels stay. Since release 24.04 Triton waits up to
            500 ms between batches with either; see docs/triton.md.
    """

    platform: Platform
    precision: Precision | None = None
    instance_count: int = 1
    thread_count: int = 1
    calibration: tuple[Path, ...] = ()
    engine_cache: str = "/var/cache/ktp-ocr"
    keeps_queue_policy: bool = False

    def __post_init__(self) -> None:
        if self.chosen_precision is not Precision.INT8:
            return
        if self.platform is Platform.ONNXRUNTIME:
            raise ValueError("precision int8 is for the platforms python and tensorrt")
        if self.platform is Platform.TENSORRT and not self.calibration:
            raise ValueError("precision int8 needs pictures to calibrate with on the platform tensorrt")

    @property
    def chosen_precision(self) -> Precision:
        """The precision, or the platform's default."""
        return self.precision or DEFAULT_PRECISIONS[self.platform]

    @property
    def source_file_name(self) -> str:
        """The file of the source repository that is run, or that plans are built from."""
        quantised = self.platform is Platform.PYTHON and self.chosen_precision is Precision.INT8
        return "model.onnx" if quantised else "model.float.onnx"
