"""Which fields lie under places of the card that are hidden, such as by glare.

A field that was read has a place of its own. One that was not, perhaps because it is hidden, is placed by the rows that
were read: a KTP's rows keep their order and distances (`assignment.ROW_OFFSETS`).
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_postprocessing.assignment import ROW_OFFSETS
from ktp_postprocessing.reading import FIELD_NAMES, FieldReading

__all__ = ["find_covered_fields"]

_ROW_OF_FIELD = {name: name for name in ROW_OFFSETS if name in FIELD_NAMES} | {
    "tempat_lahir": "tempat_tanggal_lahir",
    "tanggal_lahir": "tempat_tanggal_lahir",
}
_VALUE_LENGTH_PITCHES = 8.0
"""How far right of the colons a value that was not found may have stood: a middling one; the photo begins at 14."""

_LINE_PITCHES = 0.35
"""Half the height of a line, in row pitches."""

_COVERED_SHARE, _COVERED_PLACE_SHARE = 0.02, 0.15
"""Parts of a field's own quad, and of the place where one was not found, from which on it counts as covered."""

_MIN_ROW_COUNT = 3
"""Rows whose places must be known to tell where the others are."""


def find_covered_fields(fields: Mapping[str, FieldReading], regions: NDArray[np.float64]) -> tuple[str, ...]:
    """Name the fields that hidden regions lie on, in print order.

    Args:
        fields: what was read, by name.
        regions: (N, 4, 2) float64 convex quads in the frame of the fields' quads, in which the card is upright.

    Returns:
        Names out of `FIELD_NAMES`; fields without a row of their own (header, issue, rt, rw) only if they were read.
    """
    if not len(regions):
        return ()
    places = {name: field.quad for name, field in fields.items() if field.quad is not None}
    expected = _expect_places({name: quad for name, quad in places.items() if name in _ROW_OF_FIELD})
    covered = []
    for name in FIELD_NAMES:
        quad = places.get(name, expected.get(name) if name not in fields else None)
        least = _COVERED_SHARE if name in places else _COVERED_PLACE_SHARE
        if quad is not None and _hidden_share(quad, regions) > least:
            covered.append(name)
    return tuple(covered)


def _expect_places(places: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Place every field that has a row, from those that were read; nothing where too few were."""
    offsets = np.array([ROW_OFFSETS[_ROW_OF_FIELD[name]] for name in places])
    if len(set(offsets.tolist())) < _MIN_ROW_COUNT:
        return {}
    middles = np.array([quad.mean(axis=0)[1] for quad in places.values()])
    pitch, first = np.polyfit(offsets, middles, 1)
    left = float(np.median([quad[:, 0].min() for quad in places.values()]))
    right = left + _VALUE_LENGTH_PITCHES * pitch
    quads = {}
    for name, row in _ROW_OF_FIELD.items():
        middle = first + pitch * ROW_OFFSETS[row]
        top, bottom = middle - _LINE_PITCHES * pitch, middle + _LINE_PITCHES * pitch
        quads[name] = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return quads


def _hidden_share(quad: NDArray[np.float64], regions: NDArray[np.float64]) -> float:
    """Share of a quad's area under the regions, [0, 1]."""
    shape = quad.astype(np.float32)
    area = cv2.contourArea(shape)
    hidden = sum(cv2.intersectConvexConvex(shape, region.astype(np.float32))[0] for region in regions)
    return min(hidden / area, 1.0) if area > 0.0 else 0.0
