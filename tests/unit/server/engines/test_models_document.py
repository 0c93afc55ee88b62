"""The table of tensors in triton_models/README.md says what the configurations say."""

import re
from collections.abc import Iterator

from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.engines.triton_contract import TRITON_DTYPE_NAMES

ROW = re.compile(
    r"^\| (?:`(?P<model>\w+)` )?\| (?P<way>in|out) `(?P<tensor>\w+)` \| (?P<type>\w+) \| (?P<shape>[^|]+) \|"
)
FREE_EXTENTS = ("W", "W / 2")
"""How the table writes an extent that varies: the width of a line, and its time steps."""

Row = tuple[str, str, str, str, tuple[int, ...]]


def rows_of_the_table() -> Iterator[Row]:
    model = ""
    for line in (find_model_repository() / "README.md").read_text(encoding="utf-8").splitlines():
        if row := ROW.match(line):
            model = row["model"] or model
            extents = row["shape"].strip().split(" × ")
            shape = tuple(-1 if extent in FREE_EXTENTS else int(extent) for extent in extents)
            yield model, row["way"], row["tensor"], row["type"], shape


def rows_of_the_configurations() -> Iterator[Row]:
    for name, spec in read_model_repository(find_model_repository()).items():
        for way, tensors in (("in", spec.inputs), ("out", spec.outputs)):
            for tensor in tensors:
                yield name, way, tensor.name, TRITON_DTYPE_NAMES[tensor.dtype], tensor.shape


def test_the_table_of_tensors_is_complete_and_true() -> None:
    assert list(rows_of_the_table()) == list(rows_of_the_configurations())
