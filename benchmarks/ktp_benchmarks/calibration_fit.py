"""Fits what confidences mean: per field, a monotone curve from raw confidence to the share that is exact.

Few fields are wrong, and a field by itself says little about its own rare errors. So each field's curve is an isotonic
regression over all fields' samples, weighted: its own count fully, those of fields of the same kind and of all others
only as much as a few hundred samples together. The more samples a field has, the more its curve is its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.calibration import Calibration

Values = NDArray[np.float64]

KINDS: Mapping[str, tuple[str, ...]] = {
    "number": ("nik",),
    "date": ("tanggal_lahir", "tanggal_terbit"),
    "closed list": (
        "jenis_kelamin",
        "golongan_darah",
        "agama",
        "status_perkawinan",
        "kewarganegaraan",
        "berlaku_hingga",
    ),
    "area": ("provinsi", "kabupaten_kota", "kelurahan_desa", "kecamatan"),
    "place": ("tempat_lahir", "tempat_terbit"),
    "free text": ("nama", "alamat", "pekerjaan"),
    "pair of numbers": ("rt_rw",),
}
"""Fields that are read and corrected in the same way, and so err alike."""

FOLLOWERS: Mapping[str, tuple[str, ...]] = {"rt_rw": ("rt", "rw")}
"""Fields that take another one's curve, because they are cut from it."""

KIND_WEIGHT = 200.0
OTHERS_WEIGHT = 100.0
"""How many samples all the fields of the same kind, and all others, count as together."""

PRIOR_HITS = 0.5
PRIOR_COUNT = 1.0
"""Added to each level of a curve: Jeffreys' prior, so that no confidence becomes exactly 0 or 1."""

_LOGIT_LIMIT = 14.0
_KNOT_LOGITS = np.array([-6, -4, -3, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 12, 14.0])


@dataclass(frozen=True, slots=True)
class Sample:
    """One field that came back: the card it is from, its name, its raw confidence, whether it is exact."""

    card: str
    field: str
    raw: float
    exact: bool


def fit_calibration(samples: Sequence[Sample]) -> dict[str, list[tuple[float, float]]]:
    """Fit a curve for every field of KINDS: knots (raw, probability), ascending.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("nothing to fit")
    names = np.array([sample.field for sample in samples])
    logits = to_logit(np.array([sample.raw for sample in samples]))
    exact = np.array([float(sample.exact) for sample in samples])
    curves = {}
    for fields in KINDS.values():
        for field in fields:
            own, kin = names == field, np.isin(names, fields) & (names != field)
            others = ~own & ~kin
            weights = own.astype(float)
            weights[kin] = min(1.0, KIND_WEIGHT / max(1, kin.sum()))
            weights[others] = min(1.0, OTHERS_WEIGHT / max(1, others.sum()))
            curves[field] = _make_knots(logits, exact, weights)
    return curves


def to_json(curves: Mapping[str, Sequence[tuple[float, float]]], provenance: Mapping[str, object]) -> str:
    """Write curves in the form that `Calibration.from_json` reads."""
    groups = {
        field: {"fields": [field, *FOLLOWERS.get(field, ())], "knots": [[round(x, 7), round(y, 5)] for x, y in knots]}
        for field, knots in curves.items()
    }
    lines = [f"    {json.dumps(name)}: {json.dumps(group)}" for name, group in groups.items()]
    return '{\n  "groups": {\n' + ",\n".join(lines) + f'\n  }},\n  "provenance": {json.dumps(provenance)}\n}}\n'


def cross_validate(samples: Sequence[Sample], fold_count: int = 5) -> list[float]:
    """Give each sample the probability that a fit without its card predicts."""
    cards = {card: index % fold_count for index, card in enumerate(dict.fromkeys(sample.card for sample in samples))}
    predicted = [0.0] * len(samples)
    for fold in range(fold_count):
        seen = [sample for sample in samples if cards[sample.card] != fold]
        calibration = Calibration.from_json(to_json(fit_calibration(seen), {}))
        for index, sample in enumerate(samples):
            if cards[sample.card] == fold:
                predicted[index] = calibration.apply(sample.field, sample.raw)
    return predicted


def fit_isotonic(x: Values, y: Values, weights: Values) -> tuple[Values, Values, Values]:
    """Weighted least squares under monotony, by pooling adjacent violators.

    Args:
        x: (n,) ascending.
        y: (n,) observations.
        weights: (n,) positive.

    Returns:
        For each level: the weighted mean of its x, its value, its weight.

    Source: Ayer et al. 1955, An empirical distribution function for sampling with incomplete information.
    """
    levels: list[tuple[float, float, float]] = []  # sums: weight, weight * x, weight * y
    for place, value, weight in zip(x.tolist(), y.tolist(), weights.tolist(), strict=True):
        sums = (weight, weight * place, weight * value)
        while levels and levels[-1][2] * sums[0] >= sums[2] * levels[-1][0]:
            before = levels.pop()
            sums = (before[0] + sums[0], before[1] + sums[1], before[2] + sums[2])
        levels.append(sums)
    total = np.array(levels)
    return total[:, 1] / total[:, 0], total[:, 2] / total[:, 0], total[:, 0]


def to_logit(raw: Values) -> Values:
    """log(p / (1 - p)), clipped to ±14."""
    clipped = np.clip(raw, 1e-9, 1 - 1e-9)
    return np.clip(np.log(clipped / (1 - clipped)), -_LOGIT_LIMIT, _LOGIT_LIMIT)


def _make_knots(logits: Values, exact: Values, weights: Values) -> list[tuple[float, float]]:
    """Fit one curve over logits, where confidences near 1 are spread out, and sample it at the knots."""
    order = np.argsort(logits, kind="stable")
    places, values, sums = fit_isotonic(logits[order], exact[order], weights[order])
    smoothed = (values * sums + PRIOR_HITS) / (sums + PRIOR_COUNT)
    smoothed = np.maximum.accumulate(smoothed)
    raw = 1 / (1 + np.exp(-_KNOT_LOGITS))
    return list(zip(raw.tolist(), np.interp(_KNOT_LOGITS, places, smoothed).tolist(), strict=True))
