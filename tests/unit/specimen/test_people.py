from datetime import date

import numpy as np
import pytest

from ktp_postprocessing.areas import AreaList
from ktp_postprocessing.reading import FIELD_NAMES
from ktp_specimen.people import Person, PersonRecipe, invent_person

PRINTED_FIELDS = set(FIELD_NAMES) - {"rt", "rw"}  # halves of rt_rw


def people(count: int, recipe: PersonRecipe | None = None) -> list[Person]:
    return [invent_person(np.random.default_rng([9, i]), recipe or PersonRecipe()) for i in range(count)]


def test_the_same_seed_invents_the_same_person() -> None:
    assert people(5) == people(5)


def test_nik_of_a_specimen_agrees_with_the_card_and_is_never_issued() -> None:
    for person in people(100):
        nik, fields = person.fields["nik"], person.fields
        day, month, year = (int(part) for part in fields["tanggal_lahir"].split("-"))
        woman = fields["jenis_kelamin"] in {"PEREMPUAN", "FEMALE"}
        assert nik[6:12] == f"{day + 40 * woman:02d}{month:02d}{year % 100:02d}"
        assert nik[12:] == "0000"
        assert AreaList.load().get(f"{nik[:2]}.{nik[2:4]}.{nik[4:6]}") is not None


def test_training_people_carry_serials_that_are_issued() -> None:
    serials = {person.fields["nik"][12:] for person in people(60, PersonRecipe(issued_serials=True))}
    assert "0000" not in serials
    assert len(serials) > 50


def test_areas_are_nested() -> None:
    areas = AreaList.load()
    for person in people(40):
        province = next(area for area in areas.provinces() if area.name == person.fields["provinsi"])
        regency = next(a for a in areas.children(province.code) if a.name == person.fields["kabupaten_kota"])
        districts = [a for a in areas.children(regency.code) if a.name == person.fields["kecamatan"]]
        assert any(v.name == person.fields["kelurahan_desa"] for d in districts for v in areas.children(d.code))


def test_every_variant_of_the_card_occurs() -> None:
    drawn = people(600)
    assert {name for person in drawn for name in person.fields} == PRINTED_FIELDS
    assert any(person.fields["provinsi"] == "DKI JAKARTA" for person in drawn)
    assert any(person.foreign and person.fields["kewarganegaraan"] != "WNI" for person in drawn)
    assert any(person.religion_label == "Kepercayaan" for person in drawn)
    assert any(person.fields["berlaku_hingga"] != "SEUMUR HIDUP" and not person.foreign for person in drawn)
    assert any("golongan_darah" not in person.fields for person in drawn)
    assert any(" " not in person.fields["nama"] for person in drawn)
    assert max(len(person.fields["nama"]) for person in drawn) <= 60


def test_holders_are_of_age_when_the_card_is_issued() -> None:
    for person in people(200):
        born, issued = (
            date(*map(int, reversed(person.fields[name].split("-")))) for name in ("tanggal_lahir", "tanggal_terbit")
        )
        assert issued.year - born.year >= 17


@pytest.mark.parametrize("name", ["nama", "kelurahan_desa", "pekerjaan"])
def test_odd_text_strays_from_the_lists(name: str) -> None:
    usual = {person.fields.get(name) for person in people(80)}
    odd = {person.fields.get(name) for person in people(80, PersonRecipe(odd_text=1.0))}
    assert len(odd - usual) > 70
