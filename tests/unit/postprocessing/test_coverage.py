"""Fields under glare are named, whether they were read or not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ktp_postprocessing.assignment import ROW_OFFSETS
from ktp_postprocessing.coverage import find_covered_fields
from ktp_postprocessing.reading import Correction, FieldReading

PITCH, NAME_Y, LEFT = 18.0, 130.0, 160.0


def box(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def field(row: str, left: float = LEFT, right: float = LEFT + 120.0) -> FieldReading:
    y = NAME_Y + ROW_OFFSETS[row] * PITCH
    return FieldReading("X", "X", 0.9, Correction.NONE, box(left, y - 6, right, y + 6))


def card(*missing: str) -> dict[str, FieldReading]:
    rows = {name: name for name in ROW_OFFSETS if name != "tempat_tanggal_lahir"}
    rows |= {"tempat_lahir": "tempat_tanggal_lahir"}
    fields = {name: field(row) for name, row in rows.items() if name not in missing}
    fields["rt"] = FieldReading("001", "001/002", 0.9, Correction.NONE, None)
    return fields


def spot(row: str, left: float = LEFT + 10.0, right: float = LEFT + 90.0) -> NDArray[np.float64]:
    y = NAME_Y + ROW_OFFSETS[row] * PITCH
    return box(left, y - 8, right, y + 8)[np.newaxis]


def test_without_glare_nothing_is_covered() -> None:
    assert find_covered_fields(card(), np.empty((0, 4, 2))) == ()


@pytest.mark.parametrize("name", ["nik", "alamat", "berlaku_hingga"])
def test_a_field_that_was_read_is_named_where_it_stands(name: str) -> None:
    assert find_covered_fields(card(), spot(name)) == (name,)


def test_glare_beside_a_value_covers_nothing() -> None:
    assert find_covered_fields(card(), spot("alamat", LEFT + 130.0, LEFT + 200.0)) == ()


@pytest.mark.parametrize("name", ["nama", "kecamatan", "berlaku_hingga"])
def test_a_field_that_was_not_found_is_placed_by_the_other_rows(name: str) -> None:
    assert find_covered_fields(card(name), spot(name)) == (name,)
    assert find_covered_fields(card(name), spot("agama")) == ("agama",)


def test_names_come_in_print_order() -> None:
    regions = np.concatenate([spot("agama"), spot("nik"), spot("nama")])
    assert find_covered_fields(card(), regions) == ("nik", "nama", "agama")


def test_too_few_rows_say_nothing_of_the_others() -> None:
    fields = {"nik": field("nik"), "nama": field("nama")}
    assert find_covered_fields(fields, spot("alamat")) == ()
    assert find_covered_fields(fields, spot("nama")) == ("nama",)


def test_a_slanted_region_covers_what_lies_under_it_only() -> None:
    y = NAME_Y + ROW_OFFSETS["alamat"] * PITCH
    stripe = np.array([[LEFT, y - 20], [LEFT + 20, y - 20], [LEFT + 60, y + 4], [LEFT + 40, y + 4]])[np.newaxis]
    assert find_covered_fields(card(), stripe) == ("jenis_kelamin", "alamat")
