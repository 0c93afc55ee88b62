"""Every setting of the server, in one frozen class.

A value comes from, strongest first: the command line, the environment (`KTP_OCR_` + name in capitals), a TOML file, the
default here. They are read once, checked at the start, and passed down; nothing imports them.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ktp_preprocessing.requirements import RequirementAction, RequirementRule, RequirementRules
from ktp_server.verdicts import CHECK_NAMES

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "SettingsError", "load_settings"]

ENVIRONMENT_PREFIX = "KTP_OCR_"
CONFIG_FILE_VARIABLE = "KTP_OCR_CONFIG"

CORE_COUNT = os.cpu_count() or 1

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Bound = Annotated[str, Field(pattern=r"^\d{1,10}(\.\d{1,6})? (warn|reject)$")]
"""A requirement: its bound, and what a failure leads to."""


class SettingsError(Exception):
    """A setting is invalid; the message names it."""


class Settings(BaseSettings):
    """All settings.

    Kubernetes sets KTP_OCR_PORT and KTP_OCR_SERVICE_... for a service called ktp-ocr: no setting may be called so.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    listen_address: str = Field(
        default="127.0.0.1:50051",
        pattern=r"^.+:\d{1,5}$",
        description="host:port of the gRPC server; port 0 takes a free one. Beyond loopback it is open to the network.",
    )
    model_repository: Path | None = Field(
        default=None, description="Folder of the models; by default the one that came with the installation."
    )
    templates: Path | None = Field(
        default=None,
        description="Folder of CSV tables laid over the bundled ones; a mistake stops the start. SIGHUP reads it anew.",
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least severity that is logged. No level logs field values or images.",
    )
    max_in_flight_count: Count = Field(
        default=64,
        description="Images in work at a time, up to 36 MB each; beyond it calls are refused at once with OVERLOADED.",
    )
    stream_in_flight_count: Count = Field(
        default=8,
        description="Images of one RecognizeCards stream in work at a time; more lets one stream crowd out others.",
    )
    max_message_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=16 * 1024 * 1024,
        description="Largest gRPC message; keep it above image_max_bytes, so that too large images get a typed error.",
    )
    default_deadline_s: Annotated[float, Field(gt=0)] = Field(
        default=30.0,
        description="Deadline of calls that bring none; work is dropped when its deadline passes.",
    )
    drain_grace_s: Annotated[float, Field(ge=0)] = Field(
        default=20.0, description="Time for accepted calls to finish after SIGTERM; what is not done then is cancelled."
    )
    cpu_worker_count: Count = Field(
        default=CORE_COUNT,
        description="Threads for decoding, rectifying and reading fields; more than the cores gains nothing.",
    )
    engine_worker_count: Count = Field(
        default=min(CORE_COUNT, 2),
        description="Model executions at a time. More raises throughput with many callers, and each one's latency.",
    )
    engine_thread_count: Count = Field(
        default=max(CORE_COUNT // 2, 1),
        description="Threads in one model execution. More speeds up a lone request but costs throughput under load.",
    )
    engine_queue_limit: Count = Field(
        default=512, description="Requests that may wait for one model; beyond it they are refused with OVERLOADED."
    )
    image_max_bytes: Count = Field(
        default=2 * 1024 * 1024, description="Largest image file; larger ones are refused with IMAGE_TOO_LARGE."
    )
    card_score_min: Fraction = Field(
        default=0.8, description="Least score of a card. Lower finds more cards and takes more other things for cards."
    )
    extra_card_score_min: Fraction = Field(
        default=0.95, description="Least score at which a second card makes the image fail with TOO_MANY_CARDS."
    )
    text_confidence_min: Fraction = Field(
        default=0.02, description="Lines read with less confidence are dropped before the fields are sought."
    )
    file_size_min: Bound = Field(
        default="102400 warn", description="Bytes of the file; smaller ones are thumbnails, or a messenger shrank them."
    )
    short_side_min: Bound = Field(
        default="300 reject", description="Pixels of the image's shorter side; below, print cannot be read."
    )
    long_side_min: Bound = Field(default="400 reject", description="Pixels of the image's longer side, likewise.")
    short_side_below: Bound = Field(
        default="3000 reject",
        description="The image's shorter side must have fewer pixels. Higher costs memory: 3 bytes a pixel and image.",
    )
    long_side_below: Bound = Field(default="4000 reject", description="The image's longer side, likewise.")
    megapixels_min: Bound = Field(
        default="2 warn", description="Millions of pixels; fewer come from screenshots and weak cameras."
    )
    jpeg_quality_min: Bound = Field(
        default="80 warn", description="JPEG quality, 1 to 100; below, artefacts begin to change letters."
    )
    card_short_side_min: Bound = Field(
        default="300 reject", description="Pixels of the card's shorter sides in the image; below, CARD_TOO_SMALL."
    )
    card_long_side_min: Bound = Field(default="400 reject", description="Pixels of the card's longer sides, likewise.")
    sharpness_min: Fraction = Field(
        default=0.5, description="Least score of sharpness that passes; higher complains of softer pictures."
    )
    brightness_min: Fraction = Field(
        default=0.5, description="Least score of brightness; higher complains of darker and of washed-out pictures."
    )
    specularity_min: Fraction = Field(
        default=0.5, description="Least score of specularity; higher complains of smaller spots of glare."
    )
    completeness_min: Fraction = Field(
        default=0.8, description="Least score of completeness; 0.8 is 2 % of the card out of the picture."
    )
    tilt_min: Fraction = Field(default=0.5, description="Least score of tilt; 0.5 is a card seen from 45 degrees.")
    colour_min: Fraction = Field(
        default=0.5, description="Least score of colour; higher complains of paler pictures along with copies."
    )
    require: tuple[str, ...] = Field(
        default=(),
        description="Checks that refuse an image which fails them, as a JSON list of names; the others only advise.",
    )

    @model_validator(mode="after")
    def _check_scores(self) -> Self:
        if self.extra_card_score_min < self.card_score_min:
            raise ValueError("extra_card_score_min must not be below card_score_min")
        unknown = sorted(set(self.require) - set(CHECK_NAMES))
        if unknown:
            raise ValueError(f"require: no such check: {', '.join(unknown)}; there are {', '.join(CHECK_NAMES)}")
        self.requirement_rules().decode_limits()
        return self

    def requirement_rules(self) -> RequirementRules:
        """Give the requirements on files, images and cards."""
        return RequirementRules(
            file_size_min=_rule(self.file_size_min),
            file_size_max=RequirementRule(self.image_max_bytes, RequirementAction.REJECT),
            short_side_min=_rule(self.short_side_min),
            long_side_min=_rule(self.long_side_min),
            short_side_below=_rule(self.short_side_below),
            long_side_below=_rule(self.long_side_below),
            megapixels_min=_rule(self.megapixels_min),
            jpeg_quality_min=_rule(self.jpeg_quality_min),
            card_short_side_min=_rule(self.card_short_side_min),
            card_long_side_min=_rule(self.card_long_side_min),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the base class calls by these names
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, strongest first; a .env file and secret files are not read."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _rule(bound: str) -> RequirementRule:
    threshold, action = bound.split(" ")
    return RequirementRule(float(threshold), RequirementAction(action.upper()))


def load_settings(config_file: Path | None = None, overrides: Mapping[str, str | None] | None = None) -> Settings:
    """Read the settings from all sources.

    Args:
        config_file: TOML file; by default the one named by KTP_OCR_CONFIG, if any.
        overrides: values from the command line by setting name; None leaves a setting to the other sources.

    Raises:
        SettingsError: a value is invalid, a name is unknown, or the file cannot be read; the message names the setting.
    """
    named_file = os.environ.get(CONFIG_FILE_VARIABLE)
    path = config_file if config_file is not None else Path(named_file) if named_file else None
    if path is not None and not path.is_file():
        raise SettingsError(f"configuration file {path} does not exist")

    class _Settings(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return _Settings(**given)  # type: ignore[arg-type]  # strings are parsed and checked inside
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"configuration file {path}: {error}") from error


def _explain(error: ValidationError, path: Path | None) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        place = f"{name} (environment: {ENVIRONMENT_PREFIX}{name.upper()})" if name else f"configuration file {path}"
        lines.append(f"{place}: {problem['msg']}")
    return "invalid setting: " + "; ".join(lines)
