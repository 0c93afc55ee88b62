"""Template matching: what is corrected and, above all, what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_postprocessing.areas import AreaList
from ktp_postprocessing.matching import AREA_LIST, CLOSED_LIST, OPEN_LIST, match_template, weigh_edits
from ktp_postprocessing.vocabularies import Vocabularies

AREAS = AreaList.load()
TABLES = Vocabularies.load()
OCCUPATIONS = TABLES.occupations.printed
RELIGIONS = TABLES.religions.printed


@pytest.mark.parametrize("text", RELIGIONS + OCCUPATIONS)
def test_a_listed_value_is_itself(text: str) -> None:
    entries = RELIGIONS + OCCUPATIONS
    match = match_template(text, (), entries, OPEN_LIST)
    assert match is not None
    assert (match.value, match.cost) == (text, 0.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KATH0LIK", "KATHOLIK"),
        ("KAT0LIK", "KATOLIK"),
        ("1SLAM", "ISLAM"),
        ("KRlSTEN", "KRISTEN"),
        ("KONGHUGU", "KONGHUCU"),
    ],
)
def test_a_misread_value_goes_to_the_nearest_printed_form(text: str, value: str) -> None:
    match = match_template(text, (), RELIGIONS, CLOSED_LIST)
    assert match is not None
    assert match.value == value


def test_a_confident_reading_is_not_edited_into_another_spelling() -> None:
    villages = ("KEBUN JERUK", "DURI KEPA", "KELAPA DUA")
    sure, doubtful = (0.99,) * 11, (0.5,) * 11
    assert match_template("KEBON JERUK", sure, villages, AREA_LIST) is None
    match = match_template("KEBON JERUK", doubtful, villages, AREA_LIST)
    assert match is not None
    assert match.value == "KEBUN JERUK"


def test_two_near_entries_leave_the_text_as_read() -> None:
    assert match_template("SUKAMAXU", (0.5,) * 8, ("SUKAMAJU", "SUKAMAKU"), AREA_LIST) is None


def test_a_glued_text_is_split_and_a_split_one_is_not_glued() -> None:
    glued = match_template("SUKAMAJUKIDUL", (), ("SUKAMAJU KIDUL", "SUKAMAJU"), AREA_LIST)
    assert glued is not None
    assert glued.value == "SUKAMAJU KIDUL"
    assert match_template("SUKA MAJU", (), ("SUKAMAJU",), AREA_LIST) is None


def test_a_village_that_is_not_in_the_list_is_almost_never_changed() -> None:
    """Each village of a province, read right but with its own entry removed, stays as it is."""
    changed = total = 0
    for regency in AREAS.children("33")[:12]:
        for district in AREAS.children(regency.code):
            names = [village.name for village in AREAS.children(district.code)]
            for name in names[:4]:
                others = [other for other in names if other != name]
                total += 1
                changed += match_template(name, (0.97,) * len(name), others, AREA_LIST) is not None
    assert total > 500
    assert changed / total < 0.005


@given(st.text(max_size=20), st.lists(st.floats(0, 1), max_size=20))
def test_any_text_is_matched_without_failing(text: str, confidences: list[float]) -> None:
    match = match_template(text, confidences, OCCUPATIONS, OPEN_LIST)
    assert match is None or match.value in OCCUPATIONS


@given(st.text("ABCDEOI01 ", max_size=8), st.text("ABCDEOI01 ", max_size=8))
def test_edits_cost_nothing_only_between_equal_texts(text: str, entry: str) -> None:
    cost = weigh_edits(text, (0.5,) * len(text), entry)
    assert (cost == 0) == (text == entry)
