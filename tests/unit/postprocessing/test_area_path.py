"""The areas of a card, resolved together: what is corrected through its neighbours, and what is left alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_postprocessing.area_path import LEVELS, AreaPath, resolve_areas
from ktp_postprocessing.areas import AreaList

AREAS = AreaList.load()
BANDUNG = ("JAWA BARAT", "KOTA BANDUNG", "SUKASARI", "SUKARASA")
CODES = ["32", "32.73", "32.73.01", "32.73.01.1001"]


def resolve(*texts: str, nik_regency: str = "") -> AreaPath:
    read = {name: text for name, text in zip(LEVELS, texts, strict=False) if text}
    return resolve_areas(read, AREAS, AREAS.get(nik_regency) if nik_regency else None)


def values(path: AreaPath) -> list[str | None]:
    return [path.choices[name].value if name in path.choices else None for name in LEVELS]


def codes(path: AreaPath) -> list[str]:
    return [choice.area.code for choice in path.choices.values()]


def test_a_clean_path_is_found_unchanged() -> None:
    path = resolve(*BANDUNG)
    assert codes(path) == CODES
    assert values(path) == list(BANDUNG)
    assert all(choice.cost == 0 and choice.is_unique for choice in path.choices.values())


@pytest.mark.parametrize(
    "texts",
    [
        ("JAWA BARAT", "KOTA BANDUNG", "SUKASAR1", "5UKARASA"),
        ("JAWABARAT", "KOTABANDUNG", "SUKASARI", "SUKARASA"),
        ("JAWA BARAI", "K0TA BANDUNG", "SUKASARI", "SUKARAS"),
        ("JAWA BARAT", "KOTA BANDUNO", "SUKASARJ", "SUKARASA"),
    ],
)
def test_misread_names_are_corrected_together(texts: tuple[str, ...]) -> None:
    assert values(resolve(*texts)) == list(BANDUNG)


@pytest.mark.parametrize(
    ("texts", "nik_regency"),
    [
        (("", "KOTA BANDUNG", "SUKASARI", "SUKARASA"), ""),
        (("JAWA BARAT", "", "SUKASARI", "SUKARASA"), ""),
        (("JAWA BARAT", "KOTA BANDUNG", "", "SUKARASA"), ""),
        (("JAWA BARAT", "KOTA BANDUNG", "XQXQXQ", "SUKARASA"), ""),
        (("", "", "SUKASARI", "SUKARASA"), "32.73"),
    ],
)
def test_an_unread_level_is_bridged_by_its_neighbours(texts: tuple[str, ...], nik_regency: str) -> None:
    assert codes(resolve(*texts, nik_regency=nik_regency)) == CODES


def test_a_village_alone_tells_nothing() -> None:
    assert resolve("", "", "", "SUKAMAJU").choices == {}
    assert resolve("", "", "SUKASARI", "SUKARASA").choices == {}


def test_the_nik_is_a_weak_reason_that_clear_print_overrules() -> None:
    assert codes(resolve("JAWA BARAT", "KOTA BANDUNG", "SUKASARI", "SUKARASA", nik_regency="12.71")) == CODES
    assert codes(resolve("JAWA BARAT", "BOGOR", "", "", nik_regency="32.01")) == ["32"]


@pytest.mark.parametrize("village", ["SUKARESI", "MEKAR ABADI", "KAMPUNG BARU", "X", "SUKARASA INDAH RAYA"])
def test_a_name_that_the_list_lacks_stays_as_read(village: str) -> None:
    """Every other name is scored as a sure reader would: far behind what was read."""

    def score(_: str, names: Sequence[str]) -> NDArray[np.float64]:
        return np.full(len(names), -20.0)

    texts = dict(zip(LEVELS, (*BANDUNG[:3], village), strict=True))
    path = resolve_areas(texts, AREAS, None, score)
    assert codes(path) == CODES[:3]
    assert values(path)[3] is None


def test_the_readers_likelihoods_decide_between_near_names() -> None:
    def score(_: str, names: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-0.5 if name == "SUKARASA" else -12.0 for name in names])

    texts = dict(zip(LEVELS, (*BANDUNG[:3], "SUKARAQA"), strict=True))
    choice = resolve_areas(texts, AREAS, None, score).choices["kelurahan_desa"]
    assert (choice.value, choice.cost) == ("SUKARASA", 0.5)
    assert choice.margin >= 8


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (("DKI JAKARTA", "JAKARTA BARAT"), "31.73"),
        (("DAERAH KHUSUS JAKARTA", "KOTA ADM. JAKARTA BARAT"), "31.73"),
        (("DI YOGYAKARTA", "KABUPATEN SLEMAN"), "34.04"),
        (("SUMATERA UTARA", "KABUPATEN TOBA SAMOSIR"), "12.12"),
        (("SULAWESI BARAT", "KABUPATEN MAMUJU UTARA"), "76.01"),
        (("MALUKU", "KABUPATEN MALUKU TENGGARA BARAT"), "81.03"),
        (("PAPUA", "KABUPATEN MERAUKE"), "93.01"),
        (("PAPUA BARAT", "KOTA SORONG"), "96.71"),
        (("KALIMANTAN TIMUR", "KOTA TARAKAN"), "65.71"),
    ],
)
def test_aliases_former_names_and_former_provinces(texts: tuple[str, str], code: str) -> None:
    path = resolve(*texts)
    assert values(path)[:2] == list(texts)
    assert codes(path)[1] == code


def test_twins_of_a_name_are_told_to_be_twins() -> None:
    twins = []
    for province in AREAS.provinces():
        for regency in AREAS.children(province.code):
            for district in AREAS.children(regency.code):
                names = [village.name for village in AREAS.children(district.code)]
                twins += [(province, regency, district, name) for name in names if names.count(name) > 1]
    assert twins
    for *parents, name in twins[:20]:
        choice = resolve(*(area.name for area in parents), name).choices["kelurahan_desa"]
        assert choice.value == name
        assert not choice.is_unique


@given(st.lists(st.text(max_size=25) | st.sampled_from([*BANDUNG, "SUKARASA"]), min_size=4, max_size=4))
def test_any_texts_give_a_consistent_path(texts: list[str]) -> None:
    path = resolve(*texts)
    for upper, lower in zip(list(path.areas.values()), list(path.areas.values())[1:], strict=False):
        assert lower in AREAS.lexicon(upper.code).owners
    for choice in path.choices.values():
        assert choice.value is None or choice.value in AREAS.printed_names(choice.area)
        assert 0 <= choice.margin <= 20


def test_a_regency_that_resembles_many_others_more_is_told_by_its_district_and_village() -> None:
    """A finger covers both rows of the header."""

    def score(field: str, names: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-8.4 if name == "KABUPATEN KARIMUN" else -4.5 if len(name) < 15 else -20.0 for name in names])

    texts = ("KE IAU", "KABUPATE JUN", "KUNDUR UTARA", "PERAYUN")
    path = resolve_areas(dict(zip(LEVELS, texts, strict=True)), AREAS, AREAS.get("21.02"), score)
    assert codes(path)[:3] == ["21", "21.02", "21.02.07"]
    assert values(path)[2:] == ["KUNDUR UTARA", "PERAYUN"]
