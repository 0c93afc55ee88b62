"""The bundled area list: complete, and written as cards print it."""

import pytest

from ktp_postprocessing.areas import AreaList

AREAS = AreaList.load()


def test_the_list_is_complete() -> None:
    provinces = AREAS.provinces()
    regencies = [area for province in provinces for area in AREAS.children(province.code)]
    districts = [area for regency in regencies for area in AREAS.children(regency.code)]
    villages = [area for district in districts for area in AREAS.children(district.code)]
    counts = tuple(len(level) for level in (provinces, regencies, districts, villages))
    assert counts == (38, 514, 7285, 83762)
    assert len({area.code for area in villages}) == 83762
    assert all(area.name == " ".join(area.name.upper().split()) for area in regencies + districts + villages)


def test_regencies_are_kabupaten_below_71_and_kota_above() -> None:
    for province in AREAS.provinces():
        for regency in AREAS.children(province.code):
            is_city = int(regency.code[3:]) >= 71
            expected = "JAKARTA" if province.code == "31" else "KOTA"
            assert regency.name.startswith(expected if is_city else "KABUPATEN")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("31", "DKI JAKARTA"),
        ("34", "DAERAH ISTIMEWA YOGYAKARTA"),
        ("31.73", "JAKARTA BARAT"),
        ("32.01", "KABUPATEN BOGOR"),
        ("32.71", "KOTA BOGOR"),
        ("32.03.20", "CIBINONG"),
        ("35.29.22", "RA'AS"),
        ("11.01.01.2001", "KEUDE BAKONGAN"),
    ],
)
def test_names_are_as_printed(code: str, name: str) -> None:
    area = AREAS.get(code)
    assert area is not None
    assert area.name == name


@pytest.mark.parametrize("code", ["", "00", "99.99", "11.01.01.9999", "11.01.01.2001.1", "x"])
def test_an_unknown_code_has_neither_area_nor_children(code: str) -> None:
    assert AREAS.get(code) is None
    if code:
        assert AREAS.children(code) == ()


def test_former_names_and_codes_lead_to_the_present_area() -> None:
    toba = AREAS.get("12.12")
    assert toba is not None
    assert "KABUPATEN TOBA SAMOSIR" in AREAS.printed_names(toba)
    assert AREAS.current_regency_code("91.01") == "93.01"
    assert AREAS.current_regency_code("32.01") == "32.01"
