"""Checks as gates: which of a card's checks must pass before it is read."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Protocol

from ktp_preprocessing.requirements import RequirementRules
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.results import QUALITY_NAMES, QualityScoreResult, RequirementResult

__all__ = ["CHECK_NAMES", "check_names", "require_checks"]

CHECK_NAMES = (*QUALITY_NAMES, *(rule.name for rule in fields(RequirementRules)))
"""Every check that can be required."""


class _Checked(Protocol):
    """A card whose checks are known."""

    @property
    def quality(self) -> Mapping[str, QualityScoreResult]: ...

    @property
    def requirements(self) -> tuple[RequirementResult, ...]: ...


def check_names(names: Collection[str]) -> None:
    """Make sure that checks exist.

    Raises:
        RecognitionError: REQUEST_INVALID, telling the place of the first that does not, and quoting nothing: whatever a
            caller puts there must not travel on in messages and logs.
    """
    place = next((place for place, name in enumerate(names, start=1) if name not in CHECK_NAMES), None)
    if place is not None:
        message = f"name {place} in require is no check; there are {', '.join(CHECK_NAMES)}"
        raise RecognitionError(ErrorReason.REQUEST_INVALID, message, field="require")


def require_checks(card: _Checked, names: Collection[str]) -> None:
    """Refuse a card that fails a required check.

    Args:
        card: the card.
        names: checks that must pass, of `CHECK_NAMES`; a requirement that cannot be measured passes.

    Raises:
        RecognitionError: QUALITY_REJECTED, listing every one that failed.
    """
    failures = [f"{name}: {score.reason}" for name, score in card.quality.items() if name in names and not score.passed]
    failures += [
        f"{item.name}: {item.measured:g} was measured, the bound is {item.threshold:g}"
        for item in card.requirements
        if item.name in names and not item.passed
    ]
    if failures:
        raise RecognitionError(ErrorReason.QUALITY_REJECTED, "; ".join(failures))
