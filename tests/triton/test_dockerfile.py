"""The image's command line against a real Triton, whose options are its own documentation."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.triton.triton_process import find_installed_server
from tests.unit.deploy.dockerfile_rules import Dockerfile

(TRITON,) = [
    stage
    for stage in Dockerfile.parse((Path(__file__).parents[2] / "Dockerfile.gpu").read_text(encoding="utf-8")).stages
    if stage.name == "triton"
]


@pytest.fixture(scope="module")
def options() -> str:
    """What tritonserver says of its options."""
    command = [str(find_installed_server() / "bin" / "tritonserver"), "--help"]
    shown = subprocess.run(command, check=False, capture_output=True, text=True)
    return shown.stdout + shown.stderr


@pytest.mark.parametrize("option", [word.partition("=")[0] for word in json.loads(TRITON.all("CMD")[0])])
def test_triton_knows_every_option(option: str, options: str) -> None:
    assert f"{option} " in options or f"{option}\n" in options
