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

LINE_LENGTH_MIN = 60
"""Shortest lines into which programs wrap base64. In an image's base64 plus signs stand 64 characters apart on average,
and never all at one distance."""


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

    Text that was wrapped at spaces, into lines of one length, is left alone.

    Args:
        text: value of a form's field.
    """
    first, *others = text.strip(" ").split(" ")
    if others and len(first) >= LINE_LENGTH_MIN and {len(piece) for piece in others[:-1]} <= {len(first)}:
        return text
    restored = text.replace(" ", "+")
    # A space at an end is a plus sign only where it completes the last group of four.
    return restored if len(restored.rpartition(",")[2]) % 4 == 0 else text.strip(" ").replace(" ", "+")
