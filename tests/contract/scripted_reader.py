"""A card reader that does what a test tells it by the image's bytes, in place of the pipeline."""

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import date

from ktp_postprocessing.normalised import BloodType, MaritalStatus, NormalisedValues, Religion, Sex
from ktp_server.engines.port import Priority, current_priority
from ktp_server.results import (
    AssessmentResult,
    CardResult,
    Correction,
    FieldResult,
    FindingResult,
    LineResult,
    PoseResult,
    Quad,
    QualityScoreResult,
    RecognitionResult,
    RequirementResult,
    Severity,
)

QUAD: Quad = ((10.0, 20.5), (110.25, 21.0), (109.0, 84.0), (9.0, 83.0))

POSE = PoseResult(pitch_degrees=-7.25, yaw_degrees=3.5, roll_degrees=-12.0, tilt_degrees=8.0)

NORMALISED = NormalisedValues(
    birth_date=date(1990, 1, 5),
    expiry_date=date(2027, 2, 1),
    is_valid_for_life=False,
    sex=Sex.FEMALE,
    blood_type=BloodType.O_NEGATIVE,
    religion=Religion.BELIEF,
    marital_status=MaritalStatus.WIDOWED,
    occupation="IMAM MASJID",
    is_citizen=True,
    rt=0,
    rw=12,
    province_code="32",
    regency_code="32.73",
    district_code="32.73.01",
    village_code="32.73.01.1001",
)


def recognition_of(text: str) -> RecognitionResult:
    """A result that uses everything a result can hold; `text` is the name's value."""
    fields = {
        "nama": FieldResult(text, text.lower(), 0.97, Correction.NORMALISED, QUAD),
        "agama": FieldResult("ISLAM", "1SLAM", 0.8, Correction.TEMPLATE, QUAD),
        "rt": FieldResult("001", "001/002", 0.99, Correction.NONE, None),
        "alamat": FieldResult(None, "###", 0.1, Correction.NONE, QUAD),
        "nik": FieldResult("0", "O", 0.5, Correction.CROSS_CHECK, QUAD),
    }
    finding = FindingResult("NIK_SERIAL_ZERO", Severity.WARNING, "the serial is 0000", ("nik",))
    return RecognitionResult(
        card=CardResult(QUAD, -12.5, 0.99, fields, (finding,), (LineResult("Nama", 0.9, QUAD),), NORMALISED, POSE),
        quality={
            "sharpness": QualityScoreResult(0.9, 0.5, True, ""),
            "brightness": QualityScoreResult(0.2, 0.5, False, "too dark: use more light"),
            "specularity": QualityScoreResult(1.0, 0.5, True, ""),
            "completeness": QualityScoreResult(0.75, 0.8, False, "show all four corners"),
        },
        requirements=(
            RequirementResult("file_size_min", 102400.0, 5.0, False, False),
            RequirementResult("jpeg_quality_min", 80.0, None, True, True),
        ),
        timings_ms={"decode": 1.5, "segmentation": 20.25, "total": 22.0},
        glare_quads=(QUAD,),
        covered_fields=("nama", "alamat"),
    )


class ScriptedReader:
    """Reads images whose bytes are a script.

    - an exception registered under the bytes is raised, a result is given;
    - `wait...` waits for `release`;
    - anything else is the name that is read.

    Attributes:
        started: how often each image was begun.
        cancelled: how often each image was cancelled.
        deadlines_s: deadline of each image.
        priorities: what the engine would be told of each image.
        required: checks that each image must pass.
        available: what it says of its models.
        release: lets waiting images go on.
    """

    def __init__(self) -> None:
        self.failures: dict[bytes, Exception] = {}
        self.results: dict[bytes, RecognitionResult] = {}
        self.started: Counter[bytes] = Counter()
        self.cancelled: Counter[bytes] = Counter()
        self.deadlines_s: dict[bytes, float | None] = {}
        self.priorities: dict[bytes, Priority] = {}
        self.required: dict[bytes, tuple[str, ...]] = {}
        self.available = True
        self.release = asyncio.Event()

    async def recognize(
        self, data: bytes, deadline_s: float | None = None, require: Collection[str] = ()
    ) -> RecognitionResult:
        """See `CardReader`."""
        self.started[data] += 1
        self.required[data] = tuple(require)
        self.deadlines_s[data] = deadline_s
        self.priorities[data] = current_priority()
        if data in self.failures:
            raise self.failures[data]
        if data.startswith(b"wait"):
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled[data] += 1
                raise
        return self.results.get(data) or recognition_of(data.decode())

    async def assess_quality(self, data: bytes, deadline_s: float | None = None) -> AssessmentResult:
        """See `CardReader`."""
        result = await self.recognize(data, deadline_s)
        card = CardResult(result.card.quad, result.card.rotation_degrees, result.card.score, pose=result.card.pose)
        return AssessmentResult(card, result.quality, result.requirements, result.timings_ms, result.glare_quads)
