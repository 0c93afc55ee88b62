"""Bodies of every form and of none: an image comes out, or a typed refusal that quotes nothing."""

import base64
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.gateway.uploads import FORM_TYPE, JSON_TYPE, Upload, media_type, parse_upload

IMAGES = st.binary(min_size=1, max_size=2000)
MULTIPART = "multipart/form-data; boundary=frontier"


@given(IMAGES, st.lists(st.sampled_from(["tilt", "sharpness"]), max_size=3))
async def test_json(image: bytes, require: list[str]) -> None:
    body = {"image": base64.b64encode(image).decode(), "request_id": "a", "require": require}
    upload = await parse_upload(json.dumps(body).encode(), JSON_TYPE)
    assert upload == Upload(image, "a", tuple(require))


@given(IMAGES)
async def test_form(image: bytes) -> None:
    body = urlencode({"img": base64.b64encode(image), "other": "1"}).encode()
    assert await parse_upload(body, f"{FORM_TYPE}; charset=utf-8") == Upload(image)


@given(IMAGES.filter(lambda image: b"--frontier" not in image))
async def test_multipart(image: bytes) -> None:
    part = b'--frontier\r\nContent-Disposition: form-data; name="x"; filename="y"\r\n\r\n'
    assert await parse_upload(part + image + b"\r\n--frontier--\r\n", MULTIPART) == Upload(image)


@given(IMAGES)
async def test_anything_else_is_the_image_itself(image: bytes) -> None:
    assert await parse_upload(image, "image/png") == Upload(image)


CONTENT_TYPES = [JSON_TYPE, FORM_TYPE, MULTIPART, "multipart/form-data", "multipart/form-data; boundary="]
ALMOST_BODIES = st.text(alphabet='{}[]":,imageg=&%0aAé\r\n-frontier', max_size=200).map(str.encode)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@given(body=st.binary(max_size=300) | ALMOST_BODIES)
async def test_no_body_breaks_the_parser(content_type: str, body: bytes) -> None:
    reason = None
    try:
        await parse_upload(body, content_type)
    except RecognitionError as error:
        reason = error.reason
    assert reason in {None, ErrorReason.REQUEST_INVALID}


@given(st.text(max_size=100))
def test_any_content_type_has_a_media_type(content_type: str) -> None:
    header = content_type.encode("latin-1", "ignore").decode("latin-1")
    assert media_type(header) == media_type(header).lower()
