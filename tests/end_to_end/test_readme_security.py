"""The documents' examples of keys and TLS, typed by somebody who has a certificate."""

import contextlib
import io
import json
import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from ktp_benchmarks.server_process import COMMAND
from ktp_specimen.strata import Stratum
from tests.certificates import Authority
from tests.end_to_end.conftest import SpecimenSet, start_process

ROOT = Path(__file__).parents[2]
ANY_ADDRESS = re.compile(r"^0\.0\.0\.0:\d+$")


def commands() -> list[str]:
    """The section's commands, comments taken off."""
    (section,) = re.findall(
        r"^## Keys and TLS$(.*?)^## ", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return [line.split("  #")[0].strip() for line in re.findall(r"^    (.*)$", section, re.MULTILINE)]


def type_in(command: str) -> str:
    """Run a command in a shell; give what it prints."""
    line = command.replace(".venv/bin/ktp-ocr", shlex.quote(COMMAND))
    outcome = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=300, check=False)
    assert outcome.returncode == 0, (command, outcome.stdout, outcome.stderr)
    return outcome.stdout


def run_client_example(target: str) -> str:
    """Run the example of the Python client in docs/api.md; give what it prints."""
    examples = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/api.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (example,) = (text for text in examples if "KtpOcrClient" in text)
    Path("client.py").write_text(example.replace("ocr.internal:50051", target), "utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path("client.py")
    return printed.getvalue()


def test_keys_and_tls(specimens: SpecimenSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    authority = Authority()
    authority.issue().write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(authority.pair.certificate)
    shutil.copy(specimens.path(Stratum.CLEAN), "photo.jpg")
    Path("photos").mkdir()
    shutil.copy("photo.jpg", "photos/one.jpg")
    add, serve, call, curl = commands()
    type_in(add)
    flags = [ANY_ADDRESS.sub("127.0.0.1:0", word) for word in shlex.split(serve)[2:]]
    server = start_process(*flags)
    try:
        assert "nik" in type_in(call.replace("50051", str(server.port)))
        job = json.loads(type_in(curl.replace("8080", str(server.http_port))))
        assert job["job"]["result"]["result"][0]["nik"]
        assert re.fullmatch(r"\d{16}\none\.jpg read\n", run_client_example(f"localhost:{server.port}"))
        key = Path("key.txt").read_text("ascii").strip()
        Path("key.txt").write_text(key[:-1] + ("A" if key[-1] != "A" else "B"), "ascii")
        with pytest.raises(AssertionError, match="error: 401"):
            type_in(curl.replace("8080", str(server.http_port)))
    finally:
        assert server.stop() == 0
