"""The command line, as far as it needs no models."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ktp_server.cli import app
from ktp_server.configuration import environment_name
from ktp_server.settings import Settings

runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("arguments", "taught"),
    [
        ([], ["serve", "read", "demo", "specimen", "fields", "nik", "templates", "KTP_OCR_", "ktp-ocr demo"]),
        (["serve"], ["--listen", "--models", "--templates", "--config", "--set", "SIGTERM", "SIGHUP"]),
        (["fields"], ["--json", "--templates", '"quad"', "standard input", "Exit status"]),
        (["nik"], ["--json", "--templates", "16 digits", "Papua"]),
        (["templates"], ["build", "check"]),
        (["config"], ["--format", "--config", "where each value comes from"]),
        (["keys"], ["add", "list", "revoke"]),
        (["models"], ["build", "check", "docs/triton.md"]),
        (["models", "build"], ["--platform", "--out", "--precision", "--calibrate", "leaves nothing"]),
        (["keys", "add"], ["--file", "--rate", "KTP_OCR_API_KEYS", "this once"]),
        (["templates", "build"], ["--out", "make templates"]),
        (["check"], ["--json", "Exit status", "without reading"]),
        (["read"], ["--json", "Exit status", "folders"]),
        (["call"], ["--json", "--target", "--timeout", "--tls-ca", "--key-file", "Exit status"]),
        (["batch"], ["--out", "--target", "--concurrency", ".parquet", "goes on", "Exit status"]),
        (["specimen"], ["--seed", "--count", "--out", "--stratum"]),
        (["demo"], ["--out", "annotated"]),
    ],
)
def test_help_teaches(arguments: list[str], taught: list[str]) -> None:
    outcome = runner.invoke(app, [*arguments, "--help"])
    assert outcome.exit_code == 0
    assert [word for word in taught if word not in outcome.output] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--set", "engine_queue_limit=none"], "engine_queue_limit"),
        (["serve", "--set", "engine_queue_limit"], "expected NAME=VALUE"),
        (["serve", "--listen", "nowhere"], "listen_address"),
        (["read", "--models", "/nonexistent", "a.jpg"], "/nonexistent holds no model"),
        (["call", "--target", "localhost:1", "--tls-ca", "/nonexistent", "a.jpg"], "/nonexistent: No such file"),
        (["call", "--target", "localhost:1", "--tls-key", "a.key", "a.jpg"], "--tls-certificate and --tls-key must"),
        (["call", "--target", "localhost:1", "--tls-ca", __file__, "a.jpg"], "test_cli.py holds no PEM certificate"),
        (["gateway", "--target", "localhost:1", "--ca", "/nonexistent"], "/nonexistent: No such file"),
        (["gateway", "--target", "localhost:1", "--ca", __file__], "--ca"),
        (["gateway", "--target", "localhost:1", "--key", "a.key"], "--certificate and --key must"),
        (["check", "a.jpg", "--pictures", "/proc/none"], "ktp-ocr: /proc/none: No such file"),
        (["demo", "/nonexistent.jpg"], "ktp-ocr: /nonexistent.jpg: No such file"),
        (["batch", ".", "--out", "out.xlsx", "--target", "localhost:1"], "the name must end with"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: list[str], message: str) -> None:
    outcome = runner.invoke(app, arguments)
    assert outcome.exit_code == 2
    assert message in outcome.output
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize("command", ["read", "check"])
def test_a_folder_without_images_is_no_success(command: str, tmp_path: Path) -> None:
    outcome = runner.invoke(app, [command, str(tmp_path)])
    assert outcome.exit_code == 2
    assert "no image files were found" in outcome.output


def test_help_tells_no_value_of_the_environment() -> None:
    """A secret that someone has put into the environment stays there."""
    environment = {environment_name(name): "s3cret" for name in Settings.model_fields}
    for command in ("serve", "config", "gateway"):
        shown = runner.invoke(app, [command, "--help"], env=environment)
        assert shown.exit_code == 0
        assert "s3cret" not in shown.output
