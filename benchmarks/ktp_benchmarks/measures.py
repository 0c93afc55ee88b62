"""From observations to figures: what is measured, in which unit, for which stratum, and against which target."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_benchmarks.observations import FieldObservation, ImageObservation
from ktp_benchmarks.statistics import Estimate, bootstrap, calibration_error, mean, percentile, share
from ktp_server.errors import ErrorReason

ALL = "all"
SURE = 0.95
"""Confidence from which on a caller would not look again."""

UNSURE = 0.5
"""A wiped-out field that comes back with at least this confidence was invented."""

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a value must reach (`at_least`) or must not exceed."""

    bound: float
    at_least: bool

    def met_by(self, value: float) -> bool:
        """Whether a value meets it."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        section, name: what it is.
        stratum: of which images; `all` for every one.
        unit: `%`, or what the value is counted in; shares are kept in [0, 1].
        estimate: value and interval.
        target: what issue or reader asks for, if anything.
    """

    section: str
    name: str
    stratum: str
    unit: str
    estimate: Estimate
    target: Target | None

    @property
    def met(self) -> bool | None:
        """Whether the value meets the target; None without one."""
        return None if self.target is None else self.target.met_by(self.estimate.value)

    @property
    def certain(self) -> bool:
        """Whether the whole interval lies on the value's side of the target."""
        if self.target is None:
            return True
        return self.target.met_by(self.estimate.low) == self.target.met_by(self.estimate.high)


def _at_least(*bounds: tuple[str, float]) -> dict[str, Target]:
    return {stratum: Target(bound, at_least=True) for stratum, bound in bounds}


def _at_most(*bounds: tuple[str, float]) -> dict[str, Target]:
    return {stratum: Target(bound, at_least=False) for stratum, bound in bounds}


TARGETS = {
    ("segmentation", "mask IoU, mean"): _at_least((ALL, 0.985)),
    ("segmentation", "outline IoU, mean"): _at_least((ALL, 0.985)),
    ("segmentation", "worst corner, 95th percentile"): _at_most((ALL, 0.6)),
    ("segmentation", "text off the horizontal, 95th percentile"): _at_most((ALL, 0.5)),
    ("segmentation", "quarter turn right"): _at_least((ALL, 0.999)),
    ("segmentation", "card missed"): _at_most((ALL, 0.002)),
    ("segmentation", "card found where there is none"): _at_most((ALL, 0.005)),
    ("text detection", "lines found, IoU 0.5"): _at_least((ALL, 0.995)),
    ("text detection", "boxes right, IoU 0.5"): _at_least((ALL, 0.99)),
    ("text detection", "lines with a glyph outside the box"): _at_most((ALL, 0.0)),
    ("recognition", "lines exact"): _at_least(("clean", 0.995), ("phone", 0.995), ("hard", 0.98)),
    ("recognition", "NIK exact"): _at_least(("clean", 0.998), ("phone", 0.998), ("hard", 0.99)),
    ("end to end", "legible fields exact"): _at_least(("clean", 0.997), ("phone", 0.993), ("hard", 0.98)),
    ("end to end", "NIK exact"): _at_least((ALL, 0.995)),
    ("end to end", "whole card exact"): _at_least((ALL, 0.90)),
    ("end to end", "wiped-out fields invented"): _at_most((ALL, 0.0)),
    ("end to end", "scenes without a card told so"): _at_least((ALL, 0.995)),
    ("confidence", "wrong among confidence >= 0.95"): _at_most((ALL, 0.001)),
    ("confidence", "calibration error, all fields"): _at_most((ALL, 0.02)),
}
"""Bounds by section, name and stratum. README.md of this folder repeats them."""

FIELD_CALIBRATION_TARGET = Target(0.02, at_least=False)


def measure(observations: Sequence[ImageObservation]) -> list[Figure]:
    """Compute every figure that the observations allow, section by section, strata before `all`."""
    strata = list(dict.fromkeys(seen.stratum for seen in observations))
    groups = {stratum: [seen for seen in observations if seen.stratum == stratum] for stratum in strata}
    groups[ALL] = list(observations)
    figures: list[Figure] = []
    for measured in (_segmentation, _text_detection, _recognition, _end_to_end, _confidence):
        by_stratum = [(stratum, measured(group)) for stratum, group in groups.items()]
        names = dict.fromkeys(name for _, found in by_stratum for name in found)
        section = measured.__name__.strip("_").replace("_", " ")
        for name in names:
            for stratum, found in by_stratum:
                if name in found:
                    unit, estimate = found[name]
                    target = TARGETS.get((section, name), {}).get(stratum)
                    figures.append(Figure(section, name, stratum, unit, estimate, target))
    return figures


def measure_fields(observations: Sequence[ImageObservation]) -> list[Figure]:
    """Field by field: the share exact in each stratum, and the calibration error over all."""
    strata = [*dict.fromkeys(seen.stratum for seen in observations if seen.fields), ALL]
    names = dict.fromkeys(field.name for seen in observations for field in seen.fields)
    figures = []
    for name in names:
        for stratum in strata:
            chosen = [seen for seen in observations if stratum in (seen.stratum, ALL)]
            fields = [field for field in _printed(chosen) if field.name == name and field.legible]
            if fields:
                exact = share(sum(field.exact for field in fields), len(fields))
                figures.append(Figure("field exact", name, stratum, "%", exact, None))
        rows = _confidence_rows(observations, name)
        if sum(map(len, rows)):
            estimate = bootstrap(rows, calibration_error)
            figures.append(Figure("field calibration error", name, ALL, "", estimate, FIELD_CALIBRATION_TARGET))
    return figures


Measured = dict[str, tuple[str, Estimate]]


def _segmentation(observations: Sequence[ImageObservation]) -> Measured:
    found: Measured = {}
    outlines = [seen.outline for seen in observations if seen.outline is not None]
    if outlines:
        found["mask IoU, mean"] = ("", bootstrap([_row(o.mask_iou) for o in outlines], mean))
        found["outline IoU, mean"] = ("", bootstrap([_row(o.outline_iou) for o in outlines], mean))
        found["worst corner, 95th percentile"] = (
            "% of width",
            bootstrap([_row(o.corner_error) for o in outlines], percentile(95)),
        )
        found["text off the horizontal, 95th percentile"] = (
            "degrees",
            bootstrap([_row(o.text_turn_degrees) for o in outlines], percentile(95)),
        )
    turns = [outline.turns_right for outline in outlines if outline.turns_right is not None]
    _put_share(found, "quarter turn right", turns)
    _put_share(found, "card missed", (not seen.card_found for seen in observations if seen.card_count == 1))
    empty = (seen.card_found for seen in observations if seen.card_count == 0)
    _put_share(found, "card found where there is none", empty)
    return found


def _text_detection(observations: Sequence[ImageObservation]) -> Measured:
    found: Measured = {}
    scores = [seen.boxes for seen in observations if seen.boxes is not None]
    true, boxes, matched = (
        sum(score.true_count for score in scores),
        sum(score.found_count for score in scores),
        sum(score.matched_count for score in scores),
    )
    if true and boxes:
        found["lines found, IoU 0.5"] = ("%", share(matched, true))
        joined = sum(score.joined_count for score in scores)
        found["lines found, or in one box with their label"] = ("%", share(matched + joined, true))
        found["boxes right, IoU 0.5"] = ("%", share(matched, boxes))
    if matched:
        cut, cut_crop = sum(score.cut_count for score in scores), sum(score.cut_crop_count for score in scores)
        found["lines with a glyph outside the box"] = ("%", share(cut, matched))
        found["lines with a glyph outside the crop"] = ("%", share(cut_crop, matched))
    return found


def _recognition(observations: Sequence[ImageObservation]) -> Measured:
    found: Measured = {}
    lines = [line for seen in observations for line in seen.lines]
    _put_share(found, "lines exact", (line.exact for line in lines))
    _put_share(found, "NIK exact", (line.nik_exact for line in lines if line.is_nik))
    return found


def _end_to_end(observations: Sequence[ImageObservation]) -> Measured:
    found: Measured = {}
    printed = _printed(observations)
    _put_share(found, "legible fields exact", (field.exact for field in printed if field.legible))
    _put_share(found, "all fields exact", (field.exact for field in printed))
    _put_share(found, "NIK exact", (field.exact for field in printed if field.name == "nik" and field.legible))
    cards = [seen for seen in observations if seen.fields]
    _put_share(found, "whole card exact", (all(f.exact for f in seen.fields if f.legible) for seen in cards))
    invented_any = (any(not field.truth and field.value for field in seen.fields) for seen in cards)
    _put_share(found, "cards with a field that is not printed", invented_any)
    wiped_out = [field for field in printed if not field.legible]
    invented = (not field.exact and field.confidence >= UNSURE for field in wiped_out)
    _put_share(found, "wiped-out fields invented", invented)
    told = (seen.failure == ErrorReason.CARD_NOT_FOUND.value for seen in observations if seen.card_count == 0)
    _put_share(found, "scenes without a card told so", told)
    return found


def _confidence(observations: Sequence[ImageObservation]) -> Measured:
    found: Measured = {}
    given = [field for seen in observations for field in seen.fields if field.value is not None]
    _put_share(found, "wrong among confidence >= 0.95", (not f.exact for f in given if f.confidence >= SURE))
    _put_share(found, "fields with confidence >= 0.95", (field.confidence >= SURE for field in given))
    rows = _confidence_rows(observations)
    if sum(map(len, rows)):
        found["calibration error, all fields"] = ("", bootstrap(rows, calibration_error))
    return found


def _printed(observations: Iterable[ImageObservation]) -> list[FieldObservation]:
    return [field for seen in observations for field in seen.fields if field.truth]


def _confidence_rows(observations: Sequence[ImageObservation], name: str | None = None) -> list[Rows]:
    """(n, 2) confidence and exactness of each card's fields that came back with a value."""
    return [
        np.array(
            [
                (field.confidence, float(field.exact))
                for field in seen.fields
                if field.value is not None and name in (None, field.name)
            ]
        ).reshape(-1, 2)
        for seen in observations
        if seen.fields
    ]


def _put_share(found: Measured, name: str, hits: Iterable[bool]) -> None:
    listed = list(hits)
    if listed:
        found[name] = ("%", share(sum(listed), len(listed)))


def _row(value: float) -> Rows:
    return np.array([[value]])
