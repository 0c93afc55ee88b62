"""Every setting of the server, in one frozen class.

`ktp_server.configuration` reads the values from the command line, the environment and a YAML file, and checks them at
the start; from there they are passed down, and nothing imports them. The flags of `ktp-ocr serve` and
docs/configuration.md are made of this class: a field with its description is all that a new setting needs. No setting
holds a secret; it names the file that does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ktp_preprocessing.requirements import RequirementAction, RequirementRule, RequirementRules
from ktp_server.setting_kinds import (
    Address,
    Addresses,
    Bound,
    Count,
    Fraction,
    Names,
    OptionalAddress,
    Url,
    count_bulk_places,
    count_execution_threads,
    count_executions,
    count_open_calls,
    count_places,
    count_threads,
)
from ktp_server.verdicts import CHECK_NAMES

__all__ = ["SECTIONS", "Settings"]


SECTIONS: Mapping[str, str] = {
    "listen_address": "Serving",
    "log_level": "Observability",
    "tls_certificate": "Security",
    "http_address": "HTTP gateway",
    "max_in_flight_count": "Limits",
    "workers": "Processes, engine and threads",
    "card_score_min": "Reading",
    "image_max_bytes": "Requirements on images",
    "sharpness_min": "Image quality",
}
"""The titles under which documents and `--help` list the settings, by the first setting of each."""


class Settings(BaseModel):
    """All settings.

    Kubernetes sets KTP_OCR_PORT and KTP_OCR_SERVICE_... for a service called ktp-ocr: no setting may be called so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    listen_address: Address = Field(
        default="127.0.0.1:50051",
        description="host:port of the gRPC server; port 0 takes a free one. Beyond loopback it is open to the network.",
    )
    model_repository: Path | None = Field(
        default=None, description="Folder of the models; by default the one that came with the installation."
    )
    templates: Path | None = Field(
        default=None,
        description="Folder of CSV tables laid over the bundled ones; a mistake stops the start. SIGHUP reads it anew.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity that is logged. No level logs field values or images."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="How a log line looks: text for people, json with one object a line for machines."
    )
    metrics_address: Address | None = Field(
        default=None,
        description="host:port that serves Prometheus metrics to whoever reaches it; the gateway has them at /metrics.",
    )
    otlp_endpoint: Url | None = Field(
        default=None,
        description="URL of an OpenTelemetry collector that gets traces over gRPC; needs the extra ktp-ocr[otel].",
    )
    trace_fraction: Fraction = Field(
        default=1.0,
        description="Share of requests that are traced when the caller does not say; each costs about 1 ms of CPU.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="PEM file of the server's certificate and its chain; with it and tls_key only TLS is spoken.",
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of the certificate's private key, without a passphrase."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file of authorities; callers must then show a certificate that one of them has signed.",
    )
    api_keys: Path | None = Field(
        default=None,
        description="File of hashed API keys, as `ktp-ocr keys` writes it; callers must then show one of them.",
    )
    rate_limit_per_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Images a second for each API key that has no rate of its own; beyond it RATE_LIMITED.",
    )
    insecure: bool = Field(
        default=False,
        description="Serve beyond loopback without knowing the callers: whoever reaches the port can read cards.",
    )
    http_address: OptionalAddress = Field(
        default="127.0.0.1:8080",
        description="host:port of the HTTP APIs and the page; port 0 takes a free one, `none` turns them off.",
    )
    http_connection_count: Count = Field(
        default=512, description="HTTP connections at a time; more are closed as soon as they are opened."
    )
    http_read_timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=30.0,
        description="Time for a request's head to arrive, and again for its body; longer serves slower networks.",
    )
    http_buffer_bytes: Annotated[int, Field(ge=8 * 1024 * 1024)] = Field(
        default=256 * 1024 * 1024,
        description="Memory for the bodies of all HTTP requests in work; beyond it they are refused with OVERLOADED.",
    )
    max_in_flight_count: Count = Field(
        default_factory=count_places,
        description="Images of single calls in work at a time; beyond it OVERLOADED. More lets accepted calls wait.",
    )
    bulk_in_flight_count: Count = Field(
        default_factory=count_bulk_places,
        description="Images of all RecognizeCards streams in work at a time; the others wait and delay no single call.",
    )
    stream_in_flight_count: Count = Field(
        default=8,
        description="Images taken from one RecognizeCards stream and not yet answered; more lets one crowd out others.",
    )
    open_call_count: Count = Field(
        default_factory=count_open_calls,
        description="Calls open at a time, still arriving ones too, and streams up to half of it; else OVERLOADED.",
    )
    max_message_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=16 * 1024 * 1024,
        description="Largest gRPC message; keep it above image_max_bytes, so that too large images get a typed error.",
    )
    default_deadline_s: Annotated[float, Field(gt=0)] = Field(
        default=30.0,
        description="Deadline of calls that bring none; work is dropped when its deadline passes.",
    )
    upload_timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=20.0,
        description="Time for a call's request to arrive in full; slower ones end with DEADLINE_EXCEEDED.",
    )
    max_streams_per_connection: Count = Field(
        default=256, description="Calls open at a time on one connection; further ones wait at the caller."
    )
    keepalive_interval_s: Annotated[float, Field(ge=1)] = Field(
        default=60.0, description="A connection that is silent so long is pinged. Shorter finds dead callers sooner."
    )
    keepalive_timeout_s: Annotated[float, Field(ge=1)] = Field(
        default=20.0,
        description="A connection that leaves a ping unanswered so long is closed, and its calls cancelled.",
    )
    ping_interval_min_s: Annotated[float, Field(ge=0)] = Field(
        default=10.0, description="Connections whose caller pings more often than this are closed (ENHANCE_YOUR_CALM)."
    )
    connection_age_max_s: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Connections older than this are renewed, which spreads callers over servers anew; 0 keeps them.",
    )
    drain_grace_s: Annotated[float, Field(ge=0)] = Field(
        default=20.0, description="Time for accepted calls to finish after SIGTERM; what is not done then is cancelled."
    )
    workers: Count = Field(
        default=1,
        description="Server processes on one port; they share places and threads; one that dies is replaced.",
    )
    cpu_worker_count: Count = Field(
        default_factory=count_threads,
        description="Threads for decoding, rectifying and reading fields; more than the cores gains nothing.",
    )
    engine_worker_count: Count = Field(
        default_factory=count_executions,
        description="Model executions at a time. More raises throughput with many callers, and each one's latency.",
    )
    engine_thread_count: Count = Field(
        default_factory=count_execution_threads,
        description="Threads in one model execution. More speeds up a lone request but costs throughput under load.",
    )
    engine_queue_limit: Count = Field(
        default=512,
        description="Requests that may wait for one model, never more than its config.pbtxt allows (512); beyond it "
        "they are refused with OVERLOADED.",
    )
    engine: Literal["embedded", "triton"] = Field(
        default="embedded",
        description="Where the models run: embedded in this process (ONNX Runtime), or on triton servers.",
    )
    triton_addresses: Addresses = Field(
        default=("127.0.0.1:8001",),
        description="host:port of the gRPC endpoint of each Triton server; requests go to the least busy one.",
    )
    triton_shared_memory: bool = Field(
        default=False,
        description="Tensors travel by system shared memory: faster, but every Triton server must run on this host.",
    )
    triton_reload_models: bool = Field(
        default=True,
        description="Ask Triton to load a model anew that stopped answering; needs its explicit model control.",
    )
    triton_wait_s: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="How long the start waits for a Triton server; then it fails and says what is wrong."
    )
    card_score_min: Fraction = Field(
        default=0.8, description="Least score of a card. Lower finds more cards and takes more other things for cards."
    )
    extra_card_score_min: Fraction = Field(
        default=0.95,
        description="Score from which another card in the picture counts: check single_card, and TOO_MANY_CARDS.",
    )
    several_cards: Literal["reject", "warn"] = Field(
        default="reject",
        description="With several cards: reject with TOO_MANY_CARDS, or warn by single_card and read the largest.",
    )
    proof_count_min: Annotated[int, Field(ge=0)] = Field(
        default=2,
        description="Proofs of a KTP that its text must hold, 3 times as many in another layout; 0 answers all.",
    )
    text_confidence_min: Fraction = Field(
        default=0.005, description="Lines read with less confidence are dropped before the fields are sought."
    )
    image_max_bytes: Count = Field(
        default=2 * 1024 * 1024, description="Largest image file; larger ones are refused with IMAGE_TOO_LARGE."
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
        default=0.5,
        description="Least score of sharpness; 0.5 is 1.6 px of blur, the card 624 px wide; higher fails softer ones.",
    )
    brightness_min: Fraction = Field(
        default=0.5,
        description="Least score of brightness; 0.5 is print 3.7 times as strong as noise; higher fails more.",
    )
    specularity_min: Fraction = Field(
        default=0.5,
        description="Least score of specularity; 0.5 is glare on 8 % of the values' area; higher fails smaller spots.",
    )
    completeness_min: Fraction = Field(
        default=0.8, description="Least score of completeness; 0.8 is 2 % of the card out of the picture."
    )
    tilt_min: Fraction = Field(default=0.5, description="Least score of tilt; 0.5 is a card seen from 45 degrees.")
    colour_min: Fraction = Field(
        default=0.5, description="Least score of colour; higher complains of paler pictures along with copies."
    )
    moire_min: Fraction = Field(
        default=0.5, description="Least score of moire; higher suspects more pictures of showing a screen."
    )
    ktp_likeness_min: Fraction = Field(
        default=0.5, description="Least score of ktp_likeness; higher suspects more objects of being no KTP."
    )
    require: Names = Field(
        default=(),
        description="Names of checks that refuse an image which fails them; the others only advise.",
    )

    @field_validator("require")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not set(names) <= set(CHECK_NAMES):
            raise ValueError(f"no such check; there are {', '.join(CHECK_NAMES)}")
        return names

    @model_validator(mode="after")
    def _check_tls_files(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key must be given together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        return self

    @model_validator(mode="after")
    def _check_scores(self) -> Self:
        if self.extra_card_score_min < self.card_score_min:
            raise ValueError("extra_card_score_min must not be below card_score_min")
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


def _rule(bound: str) -> RequirementRule:
    threshold, action = bound.split(" ")
    return RequirementRule(float(threshold), RequirementAction(action.upper()))
