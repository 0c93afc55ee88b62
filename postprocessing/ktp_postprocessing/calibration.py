"""From a field's raw confidence to the probability that its value is exact: monotone curves, fitted on specimens.

The curves are piecewise linear and lie in `data/calibration.json` with their provenance; `make calibrate` fits them.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

_TABLE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Curve:
    """A monotone, piecewise linear map of [0, 1] into [0, 1].

    Attributes:
        raw: raw confidences of the knots, strictly ascending.
        probability: probabilities there, never descending; beyond the outermost knots they stay constant.
    """

    raw: tuple[float, ...]
    probability: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.raw or len(self.raw) != len(self.probability):
            raise ValueError("a curve needs as many probabilities as raw confidences, at least one")
        if not all(0.0 <= value <= 1.0 for value in (*self.raw, *self.probability)):
            raise ValueError("a curve's knots must lie in [0, 1]")
        if any(left >= right for left, right in pairwise(self.raw)):
            raise ValueError("a curve's raw confidences must ascend")
        if any(left > right for left, right in pairwise(self.probability)):
            raise ValueError("a curve's probabilities must not descend")

    def __call__(self, raw: float) -> float:
        """Interpolate."""
        after = bisect_right(self.raw, raw)
        if after == 0:
            return self.probability[0]
        if after == len(self.raw):
            return self.probability[-1]
        left, right = self.raw[after - 1], self.raw[after]
        low, high = self.probability[after - 1], self.probability[after]
        return low + (high - low) * (raw - left) / (right - left)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curves by field name; a field without one keeps its raw confidence."""

    curves: Mapping[str, Curve]

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "Calibration":
        """Read the bundled curves; later calls return the same object."""
        return Calibration.from_json(files("ktp_postprocessing").joinpath("data", _TABLE).read_text("utf-8"))

    @staticmethod
    def from_json(text: str) -> "Calibration":
        """Read curves: `{"groups": {NAME: {"fields": [...], "knots": [[raw, probability], ...]}}}`.

        Raises:
            ValueError, KeyError: the text holds none, a curve is not monotone, or a field is in two groups.
        """
        curves: dict[str, Curve] = {}
        for group in json.loads(text)["groups"].values():
            raw, probability = zip(*group["knots"], strict=True)
            curve = Curve(tuple(map(float, raw)), tuple(map(float, probability)))
            for field in group["fields"]:
                if field in curves:
                    raise ValueError(f"{field} is in two groups")
                curves[field] = curve
        return Calibration(curves)

    @staticmethod
    def identity() -> "Calibration":
        """Leave every confidence as it is."""
        return Calibration({})

    def apply(self, field: str, raw_confidence: float) -> float:
        """Give the probability that a field's value is exact.

        Args:
            field: the field's name.
            raw_confidence: [0, 1].
        """
        curve = self.curves.get(field)
        return raw_confidence if curve is None else curve(raw_confidence)
