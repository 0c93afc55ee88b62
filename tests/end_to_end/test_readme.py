"""The README's commands are run as they are written."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from ktp_benchmarks.server_process import COMMAND, ServerProcess
from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import card_frame_quad
from ktp_specimen.strata import Stratum
from tests.end_to_end.conftest import SpecimenSet

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def readme_commands(program: str) -> list[str]:
    """Indented command lines of the README that start with a program, comments taken off.

    Those of keys and TLS need a server of their own: see test_readme_security.py.
    """
    text = re.sub(r"^## Keys and TLS$.*?(?=^## )", "", README.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [
        line.split("  #")[0].strip() for line in re.findall(rf"^    ({re.escape(program)} .*)$", text, re.MULTILINE)
    ]


def readme_answer() -> object:
    """The README's example of a JSON line."""
    (example,) = re.findall(r"^```json\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return json.loads(example)


def keys(example: object) -> set[str]:
    """Every key of a JSON text, with those above it; `...` stands for more of them."""
    return {
        path
        for key, below in (example.items() if isinstance(example, dict) else ())
        if key != "..."
        for path in (key, *(f"{key}.{inner}" for inner in keys(below)))
    }


def lines_of_another_ocr(specimens: SpecimenSet) -> list[dict[str, object]]:
    """The true lines of an upright specimen, as an OCR would hand them over."""
    (card,) = specimens.truths[Stratum.CLEAN][0].cards
    to_frame = quad_homography(card.quad, card_frame_quad())
    return [{"text": line.text, "quad": map_points(to_frame, line.quad).tolist()} for line in card.lines]


def test_commands_of_the_command_line(specimens: SpecimenSet, server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(specimens.path(Stratum.CLEAN), tmp_path / "photo.jpg")
    shutil.copy(specimens.path(Stratum.PHONE), tmp_path / "photos" / "one.jpg")
    (tmp_path / "lines.json").write_text(json.dumps(lines_of_another_ocr(specimens)), "utf-8")
    commands = readme_commands(".venv/bin/ktp-ocr")
    assert len(commands) >= 3
    for command in commands:
        # The README's server has the default port; the tests' one a free port.
        arguments = shlex.split(command.replace("127.0.0.1:50051", f"127.0.0.1:{server.port}"))[1:]
        outcome = subprocess.run(
            [COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert outcome.returncode == 0, (command, outcome.stderr)
        if "--json" in arguments:
            (line,) = outcome.stdout.splitlines()
            assert json.loads(line)["status"] == "OK"
            assert keys(readme_answer()) <= keys(json.loads(line))


def test_make_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {command.split()[1] for command in readme_commands("make")}
    assert {"run", "demo", "test", "check"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_make_demo_prints_fields_and_writes_a_picture() -> None:
    picture = ROOT / "out" / "demo.jpg"
    picture.unlink(missing_ok=True)
    outcome = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert "nik" in outcome.stdout
    assert picture.read_bytes().startswith(b"\xff\xd8")
