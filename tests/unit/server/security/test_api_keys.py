"""What a key is, and what a key file may hold."""

import hashlib
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_server.security.api_keys import KeySet, make_api_key, parse_key_lines
from ktp_server.security.errors import SecurityError

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
RATES = st.none() | st.integers(1, 10**9 - 1).map(lambda millis: millis / 1e3)


@given(NAMES, RATES)
def test_a_key_survives_its_line_and_opens(name: str, rate_per_s: float | None) -> None:
    presented, key = make_api_key(name, rate_per_s)
    assert parse_key_lines(key.to_line(), "keys.txt") == [key]
    assert KeySet([key]).find(presented) == key


def test_the_line_gives_nothing_away() -> None:
    presented, key = make_api_key("teller")
    secret = presented.partition(".")[2]
    assert len(secret) == 43
    assert secret not in key.to_line()
    assert secret.encode().hex() not in key.to_line()
    assert make_api_key("teller")[1].salt != key.salt


def test_the_hash_is_the_documented_one() -> None:
    """Source: RFC 7693; the parameters of the module's docstring."""
    presented, key = make_api_key("teller")
    digest = hashlib.blake2b(
        presented.partition(".")[2].encode(), digest_size=32, salt=key.salt, person=b"ktp-ocr-api-key"
    )
    assert key.digest == digest.digest()


@given(st.text())
def test_no_other_text_opens(text: str) -> None:
    presented, key = make_api_key("teller")
    keys = KeySet([key])
    for wrong in (text, f"teller.{text}", f"{presented}{text}x", f"{text}x{presented}", presented[:-1], "teller", "."):
        assert keys.find(wrong) is None


def test_a_secret_opens_under_its_own_name_only() -> None:
    (presented, one), (_, other) = make_api_key("one"), make_api_key("other")
    keys = KeySet([one, other])
    assert keys.find(presented) == one
    assert keys.find(presented.replace("one", "other")) is None


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a:b", "a.b", "a" * 65, "ä", "a\n"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(SecurityError, match="name"):
        make_api_key(name)


@pytest.mark.parametrize("rate_per_s", [0.0, -1.0, float("nan"), float("inf"), 1e9, 1e-9])
def test_a_rate_of_another_size_is_refused(rate_per_s: float) -> None:
    with pytest.raises(SecurityError, match="rate"):
        make_api_key("teller", rate_per_s)


def line_of(name: str) -> str:
    return make_api_key(name)[1].to_line()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("teller", "line 1: expected name:blake2b"),
        (f"# staff\n\n{line_of('a')}\nteller.s3cret-of-somebody\n", "line 4: expected name:blake2b"),
        (line_of("a")[:-1], "line 1: expected"),
        (line_of("a").replace("blake2b", "md5"), "line 1: the algorithm must be blake2b"),
        (f"{line_of('a')}\n{line_of('a')}", "line 2: the name a stands twice"),
        (line_of("a") + ":0", "line 1: the rate must be above 0"),
        (line_of("a") + ":-1", "line 1: expected"),
        (line_of("a") + ":1e9", "line 1: expected"),
    ],
)
def test_a_faulty_line_is_named_and_not_quoted(text: str, message: str) -> None:
    with pytest.raises(SecurityError, match=rf"keys\.txt, {message}") as caught:
        parse_key_lines(text, "keys.txt")
    assert "s3cret" not in str(caught.value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    has_lines = any(line.strip() and not line.startswith("#") for line in text.splitlines())
    with pytest.raises(SecurityError, match=r"keys\.txt, line ") if has_lines else nullcontext():
        assert parse_key_lines(text, "keys.txt") == []
