"""Build hook of hatchling: generates the gRPC stubs and puts what the server needs into the wheel.

The stubs are written beside their .proto files (git ignores them), so that an editable install finds them through the
import root `proto/`, and are copied into a wheel as the namespace package `ktp.ocr.v1`. A wheel also carries the model
repository, which an editable install reads from the checkout.
"""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTO_ROOT = "proto"
MODEL_REPOSITORY = "triton_models"
MODEL_FILE_SUFFIXES = (".pbtxt", ".onnx", ".txt")
STUB_PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generate_stubs(root: Path) -> None:
    """Run protoc over every .proto file below `root`/proto.

    Args:
        root: the repository's root folder.

    Raises:
        RuntimeError: protoc refused a file; it has already printed the line.
    """
    proto_root = root / PROTO_ROOT
    sources = sorted(str(path) for path in proto_root.rglob("*.proto"))
    # googleapis-common-protos and grpcio-tools carry the imported google/rpc and google/protobuf files.
    google_rpc_root = str(files("google.rpc").joinpath("status.proto")).removesuffix("google/rpc/status.proto")
    well_known_root = str(files("grpc_tools").joinpath("_proto"))
    arguments = [
        "protoc",
        f"--proto_path={proto_root}",
        f"--proto_path={google_rpc_root}",
        f"--proto_path={well_known_root}",
        f"--python_out={proto_root}",
        f"--pyi_out={proto_root}",
        f"--grpc_python_out={proto_root}",
        f"--mypy_grpc_out={proto_root}",
    ]
    # Typed service stubs come from the mypy-protobuf plugin, a requirement of the build: its script lies beside the
    # interpreter or, in an isolated build environment, on PATH.
    plugin = Path(sys.executable).with_name("protoc-gen-mypy_grpc")
    if plugin.exists():
        arguments.append(f"--plugin=protoc-gen-mypy_grpc={plugin}")
    if protoc.main([*arguments, *sources]) != 0:
        raise RuntimeError("protoc could not compile the contract in proto/; see the message above")


class StubBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves its own generic open in hooks
    """Generates the stubs before every build and lists the files that a wheel takes from outside the packages."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the stubs; for a real wheel, add them and the models.

        Args:
            version: "standard" for a real wheel, "editable" for a development install.
            build_data: hatchling's table of the build, changed in place.
        """
        root = Path(self.root)
        generate_stubs(root)
        if version == "editable":
            return
        build_data["artifacts"].extend(f"/{PROTO_ROOT}/**/{pattern}" for pattern in STUB_PATTERNS)
        included: dict[str, str] = build_data["force_include"]
        proto_root = root / PROTO_ROOT
        for pattern in (*STUB_PATTERNS, "*.proto", "py.typed"):
            for path in sorted(proto_root.rglob(pattern)):
                included[str(path)] = path.relative_to(proto_root).as_posix()
        for path in sorted((root / MODEL_REPOSITORY).rglob("*")):
            if path.suffix in MODEL_FILE_SUFFIXES:
                included[str(path)] = f"ktp_server/{path.relative_to(root).as_posix()}"
