"""Tables for people: numbers that are compared and copied stay whole and plain."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from ktp_server.presentation import render_checks, render_fields
from ktp_server.results import Correction, FieldResult, NormalisedValues, RequirementResult
from tests.contract.scripted_reader import QUAD, ScriptedReader


def shown(table: RenderableType, width: int) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(table)
    return output.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_a_nik_and_a_village_code_are_never_broken(width: int) -> None:
    fields = {
        "nik": FieldResult("3171014508900001", "3171014508900001", 1.0, Correction.NONE, QUAD),
        "kelurahan_desa": FieldResult("SERA", "SERA", 1.0, Correction.NONE, QUAD),
        "rt": FieldResult("021", "021/007", 1.0, Correction.NORMALISED, QUAD),
        "status_perkawinan": FieldResult("CERAI HIDUP BELUM TERCATAT", "CERAI", 1.0, Correction.TEMPLATE, QUAD),
    }
    text = shown(render_fields(fields, NormalisedValues(village_code="81.08.12.2003")), width)
    assert "3171014508900001" in text
    assert "81.08.12.2003" in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("measured", "written"), [(2097152.0, "2,097,152"), (1.2288, "1.23"), (570.706, "570.71"), (80.0, "80"), (0, "0")]
)
async def test_measured_numbers_are_plain(measured: float, written: str) -> None:
    result = await ScriptedReader().assess_quality(b"A")
    requirement = RequirementResult("file_size_max", 2097152.0, measured, passed=True, rejects=True)
    (row,) = (
        line
        for line in shown(render_checks(replace(result, requirements=(requirement,))), 80).splitlines()
        if line.startswith("file_size_max")
    )
    assert [cell.strip() for cell in row.split("│")][1:3] == [written, "2,097,152"]
