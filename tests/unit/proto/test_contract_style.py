"""The contract's style: a comment on every element, buf's STANDARD names."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.rpc import status_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parents[3] / "proto"
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PASCAL_CASE = re.compile(r"([A-Z][a-z0-9]*)+")

MESSAGE, ENUM, SERVICE = 4, 5, 6
"""Field numbers of FileDescriptorProto, of which paths in SourceCodeInfo are made. Source: descriptor.proto."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[descriptor_pb2.FileDescriptorProto]:
    out = tmp_path_factory.mktemp("descriptors") / "set.pb"
    roots = [ROOT, Path(status_pb2.__file__).parents[2], Path(protoc.__file__).parent / "_proto"]
    command = [sys.executable, "-m", "grpc_tools.protoc", *[f"--proto_path={root}" for root in roots]]
    sources = sorted(str(path) for path in ROOT.rglob("*.proto"))
    subprocess.run([*command, "--include_source_info", f"--descriptor_set_out={out}", *sources], check=True)
    return list(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


def elements(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Path and name of everything that needs a comment."""
    for index, message in enumerate(file.message_type):
        yield (MESSAGE, index), message.name
        for number, field in enumerate(message.field):
            yield (MESSAGE, index, 2, number), f"{message.name}.{field.name}"
        for number, oneof in enumerate(message.oneof_decl):
            if not oneof.name.startswith("_"):
                yield (MESSAGE, index, 8, number), f"{message.name}.{oneof.name}"
    for index, enum in enumerate(file.enum_type):
        yield (ENUM, index), enum.name
        for number, value in enumerate(enum.value):
            yield (ENUM, index, 2, number), value.name
    for index, service in enumerate(file.service):
        yield (SERVICE, index), service.name
        for number, method in enumerate(service.method):
            yield (SERVICE, index, 2, number), f"{service.name}.{method.name}"


def test_every_element_has_a_comment(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    missing = []
    for file in files:
        comments = {tuple(place.path): place.leading_comments.strip() for place in file.source_code_info.location}
        missing += [name for path, name in elements(file) if len(comments.get(path, "")) < 10]
    assert missing == []


def test_directory_equals_package(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    assert {(file.package, Path(file.name).parent.as_posix()) for file in files} == {("ktp.ocr.v1", "ktp/ocr/v1")}


def test_messages_and_fields_are_named_by_the_rules(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    for message in [message for file in files for message in file.message_type]:
        assert PASCAL_CASE.fullmatch(message.name)
        assert all(SNAKE_CASE.fullmatch(field.name) for field in message.field)
        assert not message.enum_type


def test_enum_values_carry_the_enums_name(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    for enum in [enum for file in files for enum in file.enum_type]:
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
        assert (enum.value[0].name, enum.value[0].number) == (f"{prefix}_UNSPECIFIED", 0)
        assert all(value.name.startswith(f"{prefix}_") for value in enum.value)


def test_calls_have_requests_and_responses_of_their_own(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    methods = [method for file in files for service in file.service for method in service.method]
    assert {method.name for method in methods} == {"RecognizeCard", "RecognizeCards", "AssessQuality"}
    for method in methods:
        assert method.input_type == f".ktp.ocr.v1.{method.name}Request"
        assert method.output_type == f".ktp.ocr.v1.{method.name}Response"


def test_proto_is_no_package() -> None:
    """An __init__.py would make `import proto` shadow the proto-plus library."""
    assert list(ROOT.rglob("__init__.py")) == []
