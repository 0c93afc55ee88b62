"""What comes out: fields with their provenance, and findings."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.normalised import NormalisedValues

FIELD_NAMES = (
    "provinsi",
    "kabupaten_kota",
    "nik",
    "nama",
    "tempat_lahir",
    "tanggal_lahir",
    "jenis_kelamin",
    "golongan_darah",
    "alamat",
    "rt_rw",
    "rt",
    "rw",
    "kelurahan_desa",
    "kecamatan",
    "agama",
    "status_perkawinan",
    "pekerjaan",
    "kewarganegaraan",
    "berlaku_hingga",
    "tempat_terbit",
    "tanggal_terbit",
)
"""All fields, in print order."""

BOUND_FIELDS = (
    "nik",
    "tanggal_lahir",
    "jenis_kelamin",
    "rt_rw",
    "agama",
    "status_perkawinan",
    "berlaku_hingga",
)
"""Fields whose values are withheld unless they fit a grammar or a list: any text makes a name, few make a NIK."""


class Correction(StrEnum):
    """How a value came from the text that was read; the strongest step counts."""

    NONE = "none"
    NORMALISED = "normalised"
    TEMPLATE = "template"
    CROSS_CHECK = "cross_check"


class Severity(StrEnum):
    """How much a finding weighs. None is a reason to reject a card by itself."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, eq=False)
class FieldReading:
    """One field.

    Attributes:
        value: as printed, after correction; single spaces.
        raw_value: as read, without the leading colon; rows joined by a space.
        confidence: [0, 1], that `value` is what is printed.
        correction: how `value` came from `raw_value`.
        quad: (4, 2) float64 around the value, in the lines' frame; None if it was not read from a place of its own.
    """

    value: str
    raw_value: str
    confidence: float
    correction: Correction
    quad: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the card that does not agree.

    Attributes:
        code: upper case with underscores, stable; see `checks`.
        severity: how much it weighs.
        message: one plain sentence without field values.
        fields: names of the fields concerned.
    """

    code: str
    severity: Severity
    message: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardReading:
    """A card.

    Attributes:
        fields: name -> reading, in print order; only fields that were read. The names are `FIELD_NAMES`.
        findings: disagreements, see `checks`.
        area_codes: name of an area field -> dotted code of the area it was matched to.
        normalised: what the fields mean, in forms that programs compare.
        unread: (4, 2) float64 quads where values should stand that no line was given for, in the lines' frame; see
            `unread`.
    """

    fields: dict[str, FieldReading]
    findings: tuple[Finding, ...]
    area_codes: dict[str, str]
    normalised: NormalisedValues = field(default_factory=NormalisedValues)
    unread: tuple[NDArray[np.float64], ...] = ()

    @property
    def proof_count(self) -> int:
        """How many things were read that stand on a KTP and hardly elsewhere: bound fields, and areas of the list.

        Another card has a name and an address too, a readable KTP has ten or more of these.
        """
        return sum(name in self.fields for name in BOUND_FIELDS) + len(self.area_codes)
