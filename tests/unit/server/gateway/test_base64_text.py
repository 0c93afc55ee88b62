"""Base64 in every spelling."""

import base64
import textwrap
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.base64_text import decode_base64, restore_plus_signs

IMAGES = st.binary(min_size=1, max_size=4000)


@given(IMAGES, st.booleans(), st.booleans(), st.sampled_from(["", "data:image/jpeg;base64,", " DATA:;base64,\n"]))
def test_what_was_encoded_is_decoded(image: bytes, url_safe: bool, padded: bool, prefix: str) -> None:
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(image).decode()
    text = text if padded else text.rstrip("=")
    assert decode_base64(prefix + text, "img") == image
    assert decode_base64(prefix + "\r\n".join(textwrap.wrap(text, 76)), "img") == image


@given(st.text(max_size=200))
def test_other_text_is_refused_by_its_fields_name(text: str) -> None:
    failure = None
    try:
        decode_base64(text, "img")
    except RecognitionError as error:
        failure = (error.reason, error.field, error.message)
    empty, wrong = [(ErrorReason.REQUEST_INVALID, "img", f"img is {what}") for what in ("empty", "not base64")]
    assert failure in {None, empty, wrong}


@given(IMAGES)
def test_plus_signs_survive_a_form_that_did_not_escape_them(image: bytes) -> None:
    text = base64.b64encode(image).decode()
    [(_, unescaped)] = parse_qsl(f"img={text}")
    assert decode_base64(restore_plus_signs(unescaped), "img") == image
    [(_, escaped)] = parse_qsl(urlencode({"img": text}))
    assert decode_base64(restore_plus_signs(escaped), "img") == image


@given(IMAGES, st.sampled_from([64, 76]))
def test_text_wrapped_at_spaces_gains_no_plus_signs(image: bytes, width: int) -> None:
    text = " ".join(textwrap.wrap(base64.b64encode(image).decode(), width))
    assert decode_base64(restore_plus_signs(f" {text} "), "img") == image


@pytest.mark.parametrize("text", ["", "   ", "=", "data:image/png;base64,"])
def test_nothing_is_told_to_be_empty(text: str) -> None:
    with pytest.raises(RecognitionError, match="img is empty"):
        decode_base64(text, "img")
