"""Images as base64 text, in the spellings in which callers send them."""

import base64
import binascii
import re

from ktp_server.errors import ErrorReason, RecognitionError

__all__ = ["decode_base64", "restore_plus_signs"]

DATA_URI = re.compile(r"\s*data:[\w.+/;=-]{0,100},", re.ASCII | re.IGNORECASE)
"""Source: RFC 2397."""

URL_SAFE = str.maketrans("-_", "+/")
"""Source: RFC 4648, section 5."""

PADDING = "="


def decode_base64(text: str, field: str) -> bytes:
    """Decode base64, also as a data URI, URL-safe, wrapped into lines, or without padding.

    Args:
        text: as sent.
        field: its name in the request.

    Raises:
        RecognitionError: REQUEST_INVALID, it is empty or no base64.
    """
    prefix = DATA_URI.match(text)
    digits = "".join((text if prefix is None else text[prefix.end() :]).split()).translate(URL_SAFE).rstrip(PADDING)
    if not digits:
        raise RecognitionError(ErrorReason.REQUEST_INVALID, f"{field} is empty", field)
    try:
        return base64.b64decode(digits + PADDING * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise RecognitionError(ErrorReason.REQUEST_INVALID, f"{field} is not base64", field) from None


def restore_plus_signs(text: str) -> str:
    """Undo what a form does to base64 whose plus signs were not escaped: each came as a space.

    Text that was wrapped at spaces, into pieces of one length that make whole groups of four, is left alone.

    Args:
        text: value of a form's field.
    """
    text = text.strip(" ")
    pieces = text.split(" ")
    is_wrapped = len({len(piece) for piece in pieces[:-1]}) == 1 and len("".join(pieces)) % 4 == 0
    return text if is_wrapped else text.replace(" ", "+")
