"""Where a setting's value comes from, and what an invalid one says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ktp_server.cli import app
from ktp_server.configuration import SettingsError, flag_name, load_configuration
from ktp_server.settings import Settings

runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("KTP_OCR_"):
            monkeypatch.delenv(name)


def write_config(folder: Path, text: str) -> Path:
    path = folder / "ktp-ocr.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_order_and_origin_of_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_config(
        tmp_path, "engine_queue_limit: 3\nmax_in_flight_count: 4\ndrain_grace_s: 5.5\nlog_level: DEBUG\n"
    )
    monkeypatch.setenv("KTP_OCR_MAX_IN_FLIGHT_COUNT", "40")
    monkeypatch.setenv("KTP_OCR_DRAIN_GRACE_S", "50")
    configuration = load_configuration(path, {"drain_grace_s": "500", "log_level": None})
    settings, origins = configuration.settings, configuration.origins
    assert (settings.engine_queue_limit, origins["engine_queue_limit"]) == (3, f"file {path}")
    assert (settings.max_in_flight_count, origins["max_in_flight_count"]) == (
        40,
        "environment KTP_OCR_MAX_IN_FLIGHT_COUNT",
    )
    assert (settings.drain_grace_s, origins["drain_grace_s"]) == (500.0, "flag --drain-grace-s")
    assert settings.log_level == "DEBUG"
    assert (settings.card_score_min, origins["card_score_min"]) == (0.8, "default")


def test_file_can_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_CONFIG", str(write_config(tmp_path, "engine_queue_limit: 3\n")))
    assert load_configuration().settings.engine_queue_limit == 3


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_API_KEYS", "")
    assert load_configuration().settings.api_keys is None


def test_lists_are_words_with_commas_or_lists_of_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ("tilt", "sharpness")
    assert load_configuration(flags={"require": "tilt, sharpness"}).settings.require == wanted
    assert load_configuration(write_config(tmp_path, "require: [tilt, sharpness]\n")).settings.require == wanted
    monkeypatch.setenv("KTP_OCR_REQUIRE", "tilt,sharpness")
    assert load_configuration().settings.require == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("card_score_min", "1.5"),
        ("engine_queue_limit", "many"),
        ("jpeg_quality_min", "80"),
        ("jpeg_quality_min", "80 ignore"),
        ("require", "beauty"),
        ("max_in_flight_count", "0"),
        ("listen_address", "no port"),
        ("log_level", "LOUD"),
        ("rate_limit_per_s", "0"),
        ("listen_address", "127.0.0.1:65536"),
        ("http_address", "nowhere"),
        ("triton_addresses", "127.0.0.1:8001,localhost"),
        ("otlp_endpoint", "https://user:s3cret@collector:4317"),
        ("unheard_of", "1"),
    ],
)
def test_invalid_value_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name}(\.\d+)? \(flag {flag_name(name)}\): "):
        load_configuration(flags={name: value})


def test_invalid_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_CPU_WORKER_COUNT", "-1")
    with pytest.raises(SettingsError, match=r"cpu_worker_count \(environment KTP_OCR_CPU_WORKER_COUNT\)"):
        load_configuration()


@pytest.mark.parametrize(
    ("name", "taught"),
    [
        ("listen_address", r"expected host:port, such as 127\.0\.0\.1:50051"),
        ("http_address", "expected host:port"),
        ("metrics_address", "expected host:port"),
        ("triton_addresses", "expected host:port"),
        ("otlp_endpoint", "expected a URL"),
        ("jpeg_quality_min", "such as `80 warn`"),
        ("log_level", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("engine", "'embedded' or 'triton'"),
    ],
)
def test_invalid_value_is_told_what_is_expected(name: str, taught: str) -> None:
    with pytest.raises(SettingsError, match=taught):
        load_configuration(flags={name: "?"})


def test_what_is_set_by_name_wins_and_is_named_so() -> None:
    configuration = load_configuration(flags={"tilt_min": "0.2"}, assignments={"tilt_min": "0.3"})
    assert (configuration.settings.tilt_min, configuration.origins["tilt_min"]) == (0.3, "flag --set")
    with pytest.raises(SettingsError, match=r"unheard_of \(flag --set\): no such setting"):
        load_configuration(assignments={"unheard_of": "1"})


def test_misspelt_variables_are_told_but_not_those_of_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_RATE_LIMIT_PER_SEC", "s3cret")
    for name in ("SERVICE_HOST", "SERVICE_PORT_GRPC", "PORT", "PORT_50051_TCP_ADDR", "TRITON_SERVICE_HOST"):
        monkeypatch.setenv(f"KTP_OCR_{name}", "tcp://10.0.0.1:50051")
    (warning,) = load_configuration().warnings()
    assert "KTP_OCR_RATE_LIMIT_PER_SEC" in warning
    assert "is KTP_OCR_RATE_LIMIT_PER_S meant?" in warning
    assert "s3cret" not in warning
    outcome = runner.invoke(app, ["config"])
    assert warning in outcome.stderr
    assert "s3cret" not in outcome.output


@given(st.text(st.characters(categories=["L", "N"]), min_size=12).map(lambda text: f"s3cret-{text}"))
def test_an_invalid_value_is_never_repeated(value: str) -> None:
    for name in ("listen_address", "engine_queue_limit", "insecure", "file_size_min", "require"):
        with pytest.raises(SettingsError) as caught:
            load_configuration(flags={name: value})
        assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("listen_address: '127.0.0.1:1\n", r"ktp-ocr\.yaml, line \d+, column \d+: this is not YAML"),
        ("- engine_queue_limit\n", r"ktp-ocr\.yaml: expected lines of the form"),
        ("engine_que_limit: 3\n", r"engine_que_limit \(file .*ktp-ocr\.yaml\): no such setting; is engine_queue_limit"),
        ("engine_queue_limit: [3]\n", r"engine_queue_limit \(file .*ktp-ocr\.yaml\): "),
        ("!!python/object/apply:os.getcwd []\n", "this is not YAML"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_configuration(write_config(tmp_path, text))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.yaml does not exist"):
        load_configuration(tmp_path / "nothing.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_configuration(tmp_path)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_configuration(write_config(tmp_path, "# nothing yet\n")).settings == Settings()


def printed_config(*arguments: str) -> str:
    outcome = runner.invoke(app, ["config", *arguments])
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_config_shows_values_and_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_LOG_LEVEL", "DEBUG")
    shown = printed_config("--listen", "127.0.0.1:7", "--set", "tilt_min=0.25").splitlines()
    lines = {words[0]: words[1:] for words in (line.replace("│", " ").split() for line in shown) if words}
    assert lines["log_level"] == ["DEBUG", "environment", "KTP_OCR_LOG_LEVEL"]
    assert lines["listen_address"] == ["127.0.0.1:7", "flag", "--listen-address"]
    assert lines["tilt_min"] == ["0.25", "flag", "--set"]
    assert lines["drain_grace_s"] == ["20.0", "default"]


def test_printed_yaml_is_a_file_that_says_the_same(tmp_path: Path) -> None:
    flags = ("--require", "tilt,sharpness", "--listen-address", "[::1]:0", "--insecure", "--templates", "a: b # c")
    path = write_config(tmp_path, printed_config("--format", "yaml", *flags))
    read = load_configuration(path)
    assert (
        read.settings
        == load_configuration(
            flags={
                "require": "tilt,sharpness",
                "listen_address": "[::1]:0",
                "insecure": True,
                "templates": "a: b # c",
            }
        ).settings
    )
    assert read.settings.templates == Path("a: b # c")


def test_printed_json_holds_value_and_origin() -> None:
    document = yaml.safe_load(printed_config("--format", "json", "--no-insecure"))
    assert document["insecure"] == {"value": False, "origin": "flag --insecure"}
    assert set(document) == set(Settings.model_fields)


def test_every_setting_has_a_flag() -> None:
    shown = runner.invoke(app, ["serve", "--help"], env={"COLUMNS": "400"}).output
    assert [name for name in Settings.model_fields if flag_name(name) not in shown] == []


def test_help_names_the_kind_of_value() -> None:
    words = [
        line.split() for line in runner.invoke(app, ["serve", "--help"], env={"COLUMNS": "400"}).output.splitlines()
    ]
    kinds = {line[1]: line[2] for line in words if len(line) > 2}
    assert {
        name: kinds[f"--{name}"] for name in ("rate-limit-per-s", "tls-key", "require", "workers", "log-format")
    } == {
        "rate-limit-per-s": "NUMBER",
        "tls-key": "PATH",
        "require": "TEXT",
        "workers": "NUMBER",
        "log-format": "text|json",
    }


def test_a_flag_reaches_the_setting() -> None:
    assert "card_score_min (flag --card-score-min)" in runner.invoke(app, ["serve", "--card-score-min", "2"]).output


def test_a_server_logs_misspelt_variables_at_its_start() -> None:
    """Told to listen on the network without keys, it ends before it loads anything."""
    script = "import sys; from ktp_server.cli import main; sys.argv = ['ktp-ocr', 'serve', *sys.argv[1:]]; main()"
    flags = ("--listen", "0.0.0.0:0", "--http-address", "none", "--log-format", "json")
    environment = os.environ | {"KTP_OCR_WORKER": "4"}
    run = subprocess.run(
        [sys.executable, "-c", script, *flags], capture_output=True, text=True, env=environment, check=False
    )
    assert run.returncode == 2
    line = json.loads(run.stderr.splitlines()[0])
    assert line["level"] == "WARNING"
    assert "KTP_OCR_WORKER names no setting and has no effect; is KTP_OCR_WORKERS meant?" in line["message"]
