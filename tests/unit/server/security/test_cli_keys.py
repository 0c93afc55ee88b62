"""`ktp-ocr keys`: a key is shown once, and kept nowhere."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ktp_server.cli import app
from ktp_server.security.key_file import Keyring


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", **environment}).invoke(app, ["keys", *arguments])


def test_the_printed_key_opens(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    outcome = run("add", "teller", "--file", str(path), "--rate", "2.5")
    assert outcome.exit_code == 0
    key = Keyring(path).find(outcome.stdout.removesuffix("\n"))
    assert key is not None
    assert (key.name, key.rate_per_s) == ("teller", 2.5)
    secret = outcome.stdout.strip().partition(".")[2]
    assert secret not in path.read_text()
    assert secret not in outcome.stderr


def test_keys_are_listed_by_name_and_revoked(tmp_path: Path) -> None:
    path = str(tmp_path / "keys.txt")
    for name in ("teller", "kiosk"):
        assert run("add", name, KTP_OCR_API_KEYS=path).exit_code == 0
    assert run("revoke", "teller", "--file", path).exit_code == 0
    listed = run("list", "--file", path)
    assert "kiosk" in listed.output
    assert "teller" not in listed.output
    assert "$" not in listed.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "a b"], "a key's name is made of letters"),
        (["add", "kiosk"], "a key called kiosk is there"),
        (["add", "teller", "--rate", "0"], "a key's rate must be above 0"),
        (["revoke", "teller"], "no key called teller"),
        (["list", "--file", "/nonexistent/keys.txt"], "/nonexistent/keys.txt cannot be read"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    path = str(tmp_path / "keys.txt")
    run("add", "kiosk", "--file", path)
    outcome = run(*arguments, KTP_OCR_API_KEYS=path)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert outcome.stdout == ""
