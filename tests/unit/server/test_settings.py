"""Where a setting's value comes from, and what an invalid one says."""

from dataclasses import asdict
from pathlib import Path

import pytest

from ktp_preprocessing.quality import QualityThresholds
from ktp_preprocessing.requirements import RequirementAction, RequirementRules
from ktp_preprocessing.view import ViewThresholds
from ktp_server.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"KTP_OCR_{name.upper()}", raising=False)
    monkeypatch.delenv("KTP_OCR_CONFIG", raising=False)


def write_config(folder: Path, text: str) -> Path:
    path = folder / "ktp-ocr.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_bind_loopback() -> None:
    assert load_settings().listen_address == "127.0.0.1:50051"


def test_order_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_config(
        tmp_path, "engine_queue_limit = 3\nmax_in_flight_count = 4\ndrain_grace_s = 5.5\nlog_level = 'DEBUG'\n"
    )
    monkeypatch.setenv("KTP_OCR_MAX_IN_FLIGHT_COUNT", "40")
    monkeypatch.setenv("KTP_OCR_DRAIN_GRACE_S", "50")
    settings = load_settings(path, {"drain_grace_s": "500", "log_level": None})
    assert settings.engine_queue_limit == 3
    assert settings.max_in_flight_count == 40
    assert settings.drain_grace_s == 500.0
    assert settings.log_level == "DEBUG"


def test_file_can_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_CONFIG", str(write_config(tmp_path, "engine_queue_limit = 3\n")))
    assert load_settings().engine_queue_limit == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("card_score_min", "1.5"),
        ("engine_queue_limit", "many"),
        ("jpeg_quality_min", "80"),
        ("jpeg_quality_min", "80 ignore"),
        ("require", '["beauty"]'),
        ("max_in_flight_count", "0"),
        ("listen_address", "no port"),
        ("log_level", "LOUD"),
        ("unheard_of", "1"),
    ],
)
def test_invalid_value_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} \(environment: KTP_OCR_{name.upper()}\)"):
        load_settings(overrides={name: value})


def test_invalid_environment_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTP_OCR_CPU_WORKER_COUNT", "-1")
    with pytest.raises(SettingsError, match="KTP_OCR_CPU_WORKER_COUNT"):
        load_settings()


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="extra_card_score_min must not be below card_score_min"):
        load_settings(overrides={"card_score_min": "0.9", "extra_card_score_min": "0.5"})


def test_broken_file_is_named(tmp_path: Path) -> None:
    path = write_config(tmp_path, "engine_queue_limit == 3\n")
    with pytest.raises(SettingsError, match=r"ktp-ocr\.toml.*line 1"):
        load_settings(path)


def test_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="engine_que_limit"):
        load_settings(write_config(tmp_path, "engine_que_limit = 3\n"))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml does not exist"):
        load_settings(tmp_path / "nothing.toml")


def test_settings_of_a_kubernetes_service_are_not_ours() -> None:
    """Kubernetes injects KTP_OCR_PORT and KTP_OCR_SERVICE_HOST into every pod beside a service called ktp-ocr."""
    assert not {name for name in Settings.model_fields if name == "port" or name.startswith(("service_", "port_"))}


def test_every_setting_says_what_it_does() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_requirements_are_plain_settings() -> None:
    rules = load_settings(None, {"jpeg_quality_min": "70.5 reject"}).requirement_rules()
    assert (rules.jpeg_quality_min.threshold, rules.jpeg_quality_min.action) == (70.5, RequirementAction.REJECT)
    assert rules.megapixels_min == RequirementRules().megapixels_min


def test_defaults_are_those_of_the_stages() -> None:
    settings = load_settings()
    assert settings.requirement_rules() == RequirementRules()
    thresholds = {**asdict(QualityThresholds()), **asdict(ViewThresholds())}
    assert {name: getattr(settings, f"{name}_min") for name in thresholds} == thresholds
