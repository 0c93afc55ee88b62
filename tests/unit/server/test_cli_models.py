"""`ktp-ocr models`: repositories are made and checked from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ktp_server.cli import app
from tests.contract.tiny_models import write_repository

runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_build_then_check(tmp_path: Path) -> None:
    source, out = write_repository(tmp_path / "source"), tmp_path / "out"
    built = runner.invoke(app, ["models", "build", "--platform", "python", "--models", str(source), "--out", str(out)])
    assert built.exit_code == 0, built.output
    assert (out / "double/1/model.py").is_file()
    checked = runner.invoke(app, ["models", "check", str(out)])
    assert checked.exit_code == 0, checked.output
    assert checked.output == built.output
    assert "y [1, 1]" in checked.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "nowhere"], "nowhere holds no model"),
        (["build", "--platform", "tensorrt", "--precision", "int8", "--out", "x"], "pictures to calibrate with"),
        (["build", "--platform", "onnxruntime", "--precision", "int8", "--out", "x"], "for the platforms"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: list[str], message: str) -> None:
    outcome = runner.invoke(app, ["models", *arguments])
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr
