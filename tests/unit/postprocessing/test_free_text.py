"""Names and addresses: what is set right, and what stays as read."""

import numpy as np
import pytest

from ktp_postprocessing.free_text import read_address, read_name, to_free_case
from ktp_postprocessing.lines import Span, TextLine, make_spans


def make_span(text: str, doubtful: str = "") -> Span:
    quad = np.array([[0.0, 0], [200, 0], [200, 12], [0, 12]])
    confidences = tuple(0.6 if character in doubtful else 0.9995 for character in text)
    (span,) = make_spans([TextLine(text, 0.99, quad, confidences)])
    return span


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("SITI, S.Kep., Ns", "SITI, S.Kep., Ns"),
        ("JL MAWAR No.5", "JL MAWAR No.5"),
        ("SlTl AMlNAH", "SITI AMINAH"),
        ("SuSILO", "SUSILO"),
        ("Al HABSYI", "AI HABSYI"),
    ],
)
def test_only_titles_and_numbers_are_in_mixed_case(text: str, printed: str) -> None:
    assert to_free_case(text) == printed


@pytest.mark.parametrize(
    ("text", "printed"),
    [("DSN, MAWAR", "DSN. MAWAR"), ("BLOK A1O NO. 3", "BLOK A10 NO. 3"), ("KUTIL4NG", "KUTILANG")],
)
def test_a_doubtful_mark_or_digit_takes_its_usual_form(text: str, printed: str) -> None:
    assert read_address(make_span(text, doubtful=",O4")).value == printed


def test_a_comma_between_degrees_comes_back() -> None:
    assert read_name(make_span("DEWI, S.H. M.KN", doubtful=". ")).value == "DEWI, S.H., M.KN"


@pytest.mark.parametrize("text", ["DSN, MAWAR", "KAV. 55 (G3)", "JL. MELATI NO.145", "JL. MELATI NO. 145", "GG. O2"])
def test_an_address_that_was_read_clearly_stays(text: str) -> None:
    assert read_address(make_span(text)).value == text


@pytest.mark.parametrize("text", ["Y", "M. IQBAL, S.H.", "NUR'AINI", "ABD. ROHMAN", "ANNA-MARIA", "XQZ WUFFLO"])
def test_a_rare_name_that_was_read_clearly_stays(text: str) -> None:
    assert read_name(make_span(text)).value == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("JL. ANGGREK NO. 14OA", "JL. ANGGREK NO. 140A"),
        ("JL GATOT NO : S9A", "JL GATOT NO : 59A"),
        ("J. SALAK NO. 21", "JL. SALAK NO. 21"),
        ("BLOK S9", "BLOK S9"),
    ],
)
def test_a_doubtful_house_number_or_street_takes_its_usual_form(text: str, printed: str) -> None:
    assert read_address(make_span(text, doubtful="JOS.9")).value == printed


@pytest.mark.parametrize("text", ["JL CENDRAWASIH NO220/12", "JL. SALAK NO12"])
def test_a_number_glued_to_its_word_stays(text: str) -> None:
    assert read_address(make_span(text, doubtful="O")).value == text


@pytest.mark.parametrize(
    ("text", "printed"), [("MAYA NINGSIH. ST", "MAYA NINGSIH, ST"), ("ABD. S. RAHMAN", "ABD. S. RAHMAN")]
)
def test_a_comma_before_a_degree_comes_back(text: str, printed: str) -> None:
    assert read_name(make_span(text, doubtful=".")).value == printed
