"""Names and addresses: what is set right, and what stays as read."""

import numpy as np
import pytest

from ktp_postprocessing.frames import LineFrames
from ktp_postprocessing.free_text import read_address, read_name, to_free_case
from ktp_postprocessing.lines import Span, TextLine, make_spans
from ktp_specimen.names import draw_address, draw_name

QUAD = np.array([[0.0, 0], [200, 0], [200, 12], [0, 12]])
ALPHABET = "".join(map(chr, range(32, 97)))


def make_span(text: str, doubtful: str = "") -> Span:
    confidences = tuple(0.6 if character in doubtful else 0.9995 for character in text)
    (span,) = make_spans([TextLine(text, 0.99, QUAD, confidences)])
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


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("SITI, S.KeD., Ns", "SITI, S.Kep., Ns"),
        ("SITI, S.KED. Ns", "SITI, S.Kep. Ns"),
        ("SITI, S.Ked", "SITI, S.Ked"),
        ("SITI, S.Kep", "SITI, S.Kep"),
    ],
)
def test_nurses_are_no_physicians(text: str, printed: str) -> None:
    assert read_name(make_span(text, doubtful="dD")).value == printed


def test_a_comma_without_a_blank_stays_where_none_was_seen() -> None:
    quite_sure = tuple(0.97 if character == "," else 0.9995 for character in "NI SRI TANJUNG,S.PD")
    (span,) = make_spans([TextLine("NI SRI TANJUNG,S.PD", 0.99, QUAD, quite_sure)])
    assert read_name(span).value == "NI SRI TANJUNG,S.PD"


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


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("YANTO, SH. SE, S.KOM", "YANTO, SH, SE, S.KOM"),
        ("M. HAKIM, M.M.. SE", "M. HAKIM, M.M., SE"),
        ("HENDRIK, S.Pd.. S.PD", "HENDRIK, S.Pd., S.PD"),
        ("MADE: S.PD, MT", "MADE, S.PD, MT"),
        ("RUDI, S.Kep., NS", "RUDI, S.Kep., Ns"),
    ],
)
def test_doubtful_marks_between_degrees_become_commas(text: str, printed: str) -> None:
    assert read_name(make_span(text, doubtful=".: ")).value == printed


@pytest.mark.parametrize("text", ["RAHMAD SE", "DEWI, S.H. M.KN", "ANDI, SH.MH", "ST. MAEMUNAH", "SITI, S.E., M.M."])
def test_degrees_that_were_read_clearly_stay(text: str) -> None:
    assert read_name(make_span(text)).value == text


def make_blurred(text: str, printed: str) -> Span:
    """A line read as `text` whose columns leave a tenth for what is printed, where the two, as long, differ."""
    classes = len(ALPHABET) + 1
    log_probability = np.full((2 * len(text), classes), np.log(1e-7), np.float32)
    log_probability[1::2, -1] = np.log(0.999)
    for column, (read, true) in enumerate(zip(text, printed, strict=True)):
        log_probability[2 * column, ALPHABET.index(true)] = np.log(0.1)
        log_probability[2 * column, ALPHABET.index(read)] = np.log(0.9)
    frames = LineFrames.of_line(log_probability, ALPHABET, range(0, 2 * len(text), 2))
    (span,) = make_spans([TextLine(text, 0.9, QUAD, (0.99,) * len(text), frames)])
    return span


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("LLN. RAYA BOGOR", "JLN. RAYA BOGOR"),
        ("KR. AGUNG", "KP. AGUNG"),
        ("JL. MAWAR GO. 6", "JL. MAWAR GG. 6"),
        ("JL. MAWAR RF.06", "JL. MAWAR RT.06"),
        ("JL. AHMAD NO. 42A, IT. 3", "JL. AHMAD NO. 42A, LT. 3"),
        ("JL. MAWAR NO : SA", "JL. MAWAR NO : 5A"),
        ("JL. GATOI SUBROTO", "JL. GATOT SUBROTO"),
        ("SISINGAMANGARAIA", "SISINGAMANGARAJA"),
        ("DUSUN PIPI7", "DUSUN PIPIT"),
    ],
)
def test_a_doubtful_word_of_addresses_is_read_as_one(text: str, printed: str) -> None:
    assert read_address(make_blurred(text, printed)).value == printed
    assert read_address(make_blurred(text, text)).value == text


def test_a_street_is_parted_from_its_abbreviation() -> None:
    assert read_address(make_span("JLANGGREK NO. 124")).value == "JL ANGGREK NO. 124"
    assert read_address(make_span("JLAGRANA NO. 124")).value == "JLAGRANA NO. 124"


def test_four_strokes_are_no_number() -> None:
    assert read_address(make_span("GG. KENANGA VIIII NO 4")).value == "GG. KENANGA VIII NO 4"


@pytest.mark.parametrize(
    "text", ["KR. AGUNG", "JL. KARTINI NO. 122B", "LO. 6", "JL. MAWAR NO. B1", "GA. II/3", "RAYA 12"]
)
def test_a_rare_word_of_an_address_that_was_read_clearly_stays(text: str) -> None:
    assert read_address(make_span(text)).value == text


def test_drawn_names_and_addresses_that_were_read_clearly_stay() -> None:
    rng = np.random.default_rng(7)
    for _ in range(300):
        name, address = draw_name(rng, female=False), draw_address(rng)
        assert read_name(make_span(name)).value == name
        assert read_address(make_span(address)).value == address
