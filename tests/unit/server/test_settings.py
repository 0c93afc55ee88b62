"""What the settings class holds, and what it refuses."""

from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from ktp_preprocessing.quality import QualityThresholds
from ktp_preprocessing.requirements import RequirementAction, RequirementRules
from ktp_preprocessing.view import ViewThresholds
from ktp_server.settings import SECTIONS, Settings
from ktp_server.settings_document import section_of


def test_defaults_bind_loopback() -> None:
    assert Settings().listen_address == "127.0.0.1:50051"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"card_score_min": 0.9, "extra_card_score_min": 0.5}, "extra_card_score_min must not be below card_score_min"),
        ({"tls_certificate": "a.pem"}, "tls_certificate and tls_key must be given together"),
        ({"tls_client_ca": "a.pem"}, "tls_client_ca needs tls_certificate and tls_key"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(values)


def test_settings_of_a_kubernetes_service_are_not_ours() -> None:
    """Kubernetes injects KTP_OCR_PORT and KTP_OCR_SERVICE_HOST into every pod beside a service called ktp-ocr."""
    assert not {name for name in Settings.model_fields if name == "port" or name.startswith(("service_", "port_"))}


def test_every_setting_says_what_it_does_and_stands_in_a_section() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert set(SECTIONS) <= set(Settings.model_fields)
    assert all(section_of(name) for name in Settings.model_fields)


def test_what_is_secret_is_named_by_its_file() -> None:
    secretive = [
        name for name in Settings.model_fields if name.endswith(("key", "keys", "secret", "token", "password"))
    ]
    assert {"tls_key", "api_keys"} <= set(secretive)
    assert all(Path in get_args(Settings.model_fields[name].annotation) for name in secretive)


def test_requirements_are_plain_settings() -> None:
    rules = Settings(jpeg_quality_min="70.5 reject").requirement_rules()
    assert (rules.jpeg_quality_min.threshold, rules.jpeg_quality_min.action) == (70.5, RequirementAction.REJECT)
    assert rules.megapixels_min == RequirementRules().megapixels_min


def test_defaults_are_those_of_the_stages() -> None:
    settings = Settings()
    assert settings.requirement_rules() == RequirementRules()
    thresholds = {**asdict(QualityThresholds()), **asdict(ViewThresholds())}
    assert {name: getattr(settings, f"{name}_min") for name in thresholds} == thresholds
