"""Rows -> fields: which field each row of values belongs to.

Rows with a label are given. A row without one continues the row above it, or belongs to a field whose label was lost,
or is a stray. The cheapest reading of all rows together is found by dynamic programming over the print order; the costs
weigh the distance between rows against what the text looks like.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ktp_postprocessing.lines import Span

# Rows in print order, counted from the name's row in row pitches; the NIK stands in larger print further above.
ROW_OFFSETS: dict[str, float] = {
    "nik": -1.49,
    "nama": 0.0,
    "tempat_tanggal_lahir": 1.0,
    "jenis_kelamin": 2.0,
    "alamat": 3.0,
    "rt_rw": 4.0,
    "kelurahan_desa": 5.0,
    "kecamatan": 6.0,
    "agama": 7.0,
    "status_perkawinan": 8.0,
    "pekerjaan": 9.0,
    "kewarganegaraan": 10.0,
    "berlaku_hingga": 11.0,
}
FIELDS = tuple(ROW_OFFSETS)
PRINT_ORDER = {name: index for index, name in enumerate(FIELDS)}

_SHORT_WRAPPING_FIELDS = frozenset({"kelurahan_desa", "kecamatan", "agama", "status_perkawinan", "pekerjaan"})
_WRAPPING_FIELDS = frozenset({"nama", "tempat_tanggal_lahir", "alamat"}) | _SHORT_WRAPPING_FIELDS

# Costs, in units of one row pitch out of place; set by hand on the variants in the tests.
_PITCH_COST = 1.2
_MAX_PITCH_COST = 3.0
_STRAY_COST = 3.2
_LOST_LABEL_COST = 0.8
_SKIPPED_FIELD_COST = 0.5  # neither its label nor its value was read
_CONTINUATION_COST = 0.5
_SHORT_CONTINUATION_COST = 1.2
_UNWRAPPED_CONTINUATION_COST = 4.0
_COLON_IN_CONTINUATION_COST = 2.0
_UNLIKE_COST = 2.5
_DIGIT = "[0-9OoDQIlL|iZSsBbGg]"
_BEAM_WIDTH = 24

_LOOKS: dict[str, re.Pattern[str]] = {
    "nik": re.compile(rf"^(?:{_DIGIT}\W?){{13,18}}$"),
    "tempat_tanggal_lahir": re.compile(rf"{_DIGIT}{{2}}\W?{_DIGIT}{{2}}\W?{_DIGIT}{{4}}$"),
    "jenis_kelamin": re.compile(r"LAK|PER?EM|PUAN|MALE"),
    "rt_rw": re.compile(rf"^{_DIGIT}{{1,3}}\s?[/17|lI\\]\s?{_DIGIT}{{1,3}}$|^{_DIGIT}{{6,7}}$"),
    "agama": re.compile(r"ISLA|SLAM|KRIS|KAT|HIND|BUD|HUCU|HU CU|KEPER|CHRIS|CATHO|MOSL"),
    "status_perkawinan": re.compile(r"KAWIN|CERAI|BELUM|HIDUP|MATI|SINGLE|MARR|DIVOR|WIDOW"),
    "kewarganegaraan": re.compile(r"^W.{0,2}[IA1l]$|^WN"),
    "berlaku_hingga": re.compile(rf"SEUM|HIDUP|{_DIGIT}{{2}}\W?{_DIGIT}{{2}}\W?{_DIGIT}{{4}}$"),
}
# Fields that may hold anything but what belongs to another.
_OPEN_FIELDS = frozenset({"nama", "alamat", "kelurahan_desa", "kecamatan", "pekerjaan", "kewarganegaraan"})
_TELLING_FIELDS = ("nik", "rt_rw", "jenis_kelamin", "status_perkawinan", "berlaku_hingga")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One printed row.

    Attributes:
        y: vertical middle, in the card's own directions.
        label: field of the label in it, if one was read.
        value: what stands beside the label.
        blood_type: what stands beside the blood type's label, in the same row.
        starts_with_colon: the value begins with one, so it is no continuation.
    """

    y: float
    label: str | None
    value: Span | None
    blood_type: Span | None
    starts_with_colon: bool


class _Path(NamedTuple):
    """A reading of the rows so far: its cost, the last field's index, the last used row's y, fields of all rows."""

    cost: float
    last: int
    y: float
    fields: tuple[str | None, ...]


def assign_rows(rows: Sequence[Row], pitch: float, nik_y: float) -> dict[str, tuple[Span, ...]]:
    """Give each row to a field.

    Args:
        rows: from top to bottom; labels in print order.
        pitch: distance of neighbouring rows, pixels.
        nik_y: where the NIK's row is or would be.

    Returns:
        Field -> its value's rows from top to bottom; fields without a value are left out.
    """
    rows = [row for row in rows if row.label is not None or row.value is not None]
    # Fields with both their label and a value.
    told = frozenset(row.label for row in rows if row.label is not None and row.value is not None)
    paths = [_Path(0.0, -1, nik_y, ())]
    for row in rows:
        extended: dict[tuple[int, float], _Path] = {}
        for path in paths:
            for following in _extend(path, row, pitch, told):
                key = (following.last, following.y)
                if key not in extended or following.cost < extended[key].cost:
                    extended[key] = following
        paths = sorted(extended.values(), key=lambda path: path.cost)[:_BEAM_WIDTH]
    best = min(paths, key=lambda path: path.cost)
    values: dict[str, tuple[Span, ...]] = {}
    for row, name in zip(rows, best.fields, strict=True):
        if name is not None and row.value is not None:
            values[name] = (*values.get(name, ()), row.value)
        if row.blood_type is not None:
            values["golongan_darah"] = (row.blood_type,)
    return values


def _extend(path: _Path, row: Row, pitch: float, told: frozenset[str]) -> list[_Path]:
    """The path with the row as its label's field, or as a stray, a continuation, and any later field."""
    if row.label is not None:
        place = PRINT_ORDER[row.label]
        if path.last >= place:
            # Only after a row without a label was given too late a field: as bad as dropping that row.
            return [_Path(path.cost + 4 * _STRAY_COST, place, row.y, (*path.fields, row.label))]
        cost = path.cost + _SKIPPED_FIELD_COST * (place - path.last - 1)
        return [_Path(cost, place, row.y, (*path.fields, row.label))]
    text = row.value.text if row.value is not None else ""
    found = [_Path(path.cost + _STRAY_COST, path.last, path.y, (*path.fields, None))]
    if path.last >= 0:
        name = FIELDS[path.last]
        cost = _continuation_cost(name, row, text, told) + _step_cost((row.y - path.y) / pitch - 1)
        found.append(_Path(path.cost + cost, path.last, row.y, (*path.fields, name)))
    origin = ROW_OFFSETS[FIELDS[max(path.last, 0)]]
    for place in range(path.last + 1, len(FIELDS)):
        name = FIELDS[place]
        distance = (row.y - path.y) / pitch - (ROW_OFFSETS[name] - origin)
        cost = _LOST_LABEL_COST + _likeness_cost(name, text) + _step_cost(distance)
        cost += _SKIPPED_FIELD_COST * (place - path.last - 1)
        found.append(_Path(path.cost + cost, place, row.y, (*path.fields, name)))
    return found


def _step_cost(pitches: float) -> float:
    return min(_PITCH_COST * abs(pitches), _MAX_PITCH_COST)


def _continuation_cost(name: str, row: Row, text: str, told: frozenset[str]) -> float:
    cost = _UNWRAPPED_CONTINUATION_COST
    if name in _WRAPPING_FIELDS:
        cost = _SHORT_CONTINUATION_COST if name in _SHORT_WRAPPING_FIELDS else _CONTINUATION_COST
    if row.starts_with_colon:
        cost += _COLON_IN_CONTINUATION_COST
    # What stands elsewhere does not stand here: `D17/10` below an address is no RT/RW where that has a row of its own.
    if any(_LOOKS[other].search(text) for other in _TELLING_FIELDS if other != name and other not in told):
        # A birth date alone on the second row looks like a validity date.
        cost += 0 if name == "tempat_tanggal_lahir" and _LOOKS[name].search(text) else _UNLIKE_COST
    return cost


def _likeness_cost(name: str, text: str) -> float:
    looks = _LOOKS.get(name)
    if looks is not None and looks.search(text):
        return 0.0
    if name in _OPEN_FIELDS:
        return _UNLIKE_COST if any(_LOOKS[other].search(text) for other in _TELLING_FIELDS) else _UNLIKE_COST / 5
    return _UNLIKE_COST
