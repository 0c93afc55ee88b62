"""A card's fields, their normalised forms and the findings as plain values for json.dumps."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from enum import Enum

from ktp_server.results import CardResult, FieldResult, FindingResult, NormalisedValues, Quad

__all__ = ["JsonValue", "card_to_json", "fields_to_json", "findings_to_json", "normalised_to_json", "points_to_json"]

JsonValue = str | float | bool | None | Sequence["JsonValue"] | dict[str, "JsonValue"]


def card_to_json(card: CardResult) -> dict[str, JsonValue]:
    """Where the card lies and how it is turned; degrees."""
    pose = None if card.pose is None else {name: round(value, 2) for name, value in asdict(card.pose).items()}
    return {"quad": points_to_json(card.quad), "rotation_degrees": round(card.rotation_degrees, 2), "pose": pose}


def fields_to_json(fields: Mapping[str, FieldResult]) -> dict[str, JsonValue]:
    """Fields by name."""
    return {
        name: {
            "value": field.value,
            "raw_value": field.raw_value,
            "confidence": round(field.confidence, 4),
            "correction": field.correction.value,
            "quad": None if field.quad is None else points_to_json(field.quad),
        }
        for name, field in fields.items()
    }


def normalised_to_json(values: NormalisedValues) -> dict[str, JsonValue]:
    """Those that are there: dates as YYYY-MM-DD, enumerations by their names."""
    return {name: _plain(value) for name, value in asdict(values).items() if value is not None}


def findings_to_json(findings: Sequence[FindingResult]) -> list[JsonValue]:
    """Findings in their order."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity.value,
            "message": finding.message,
            "fields": list(finding.fields),
        }
        for finding in findings
    ]


def points_to_json(quad: Quad) -> list[JsonValue]:
    """Four [x, y], rounded to what a pixel is worth."""
    return [[round(x, 2), round(y, 2)] for x, y in quad]


def _plain(value: str | int | date | Enum) -> JsonValue:
    if isinstance(value, Enum):
        return value.name
    return value.isoformat() if isinstance(value, date) else value
