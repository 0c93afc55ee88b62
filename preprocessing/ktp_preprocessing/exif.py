"""EXIF: how a camera was held and how wide it looked, read from the TIFF structure inside JPEG and PNG files.

Only these two are read, by a parser that ignores anything it does not understand: EXIF blocks are often damaged, and a
damaged one is no reason to refuse a picture.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

UPRIGHT_ORIENTATION = 1

_ORIENTATION_TAG, _EXIF_DIRECTORY_TAG, _FILM_FOCAL_LENGTH_TAG = 0x0112, 0x8769, 0xA405
"""Source: TIFF 6.0, section 8; EXIF 2.32, tables 3 and 8."""

_SHORT_FIELD_TYPE = 3
_MAX_ENTRY_COUNT = 1000
"""Entries looked through; real directories hold fewer than 50."""


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What an EXIF block says.

    Attributes:
        orientation: 1 to 8 as EXIF defines them; 1 (upright) where the tag is absent or damaged.
        film_focal_length_mm: the focal length that sees as much on 35 mm film, by the diagonal; None where not told.
    """

    orientation: int = UPRIGHT_ORIENTATION
    film_focal_length_mm: int | None = None


def read_exif(tiff: bytes) -> ExifFacts:
    """Read the facts from a TIFF structure, given from its byte-order mark on."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return ExifFacts()
    orientation, film_focal_length_mm = UPRIGHT_ORIENTATION, None
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    for tag, field_type, short, offset in _entries(tiff, order, first):
        if tag == _ORIENTATION_TAG and field_type == _SHORT_FIELD_TYPE and 1 <= short <= 8:
            orientation = short
        elif tag == _EXIF_DIRECTORY_TAG:
            film_focal_length_mm = _read_focal_length(tiff, order, offset)
    return ExifFacts(orientation, film_focal_length_mm)


def _read_focal_length(tiff: bytes, order: str, directory: int) -> int | None:
    """Read the focal length for 35 mm film; 0 means unknown (EXIF 2.32, table 8)."""
    for tag, field_type, short, _ in _entries(tiff, order, directory):
        if tag == _FILM_FOCAL_LENGTH_TAG and field_type == _SHORT_FIELD_TYPE:
            return short or None
    return None


def _entries(tiff: bytes, order: str, directory: int) -> Iterator[tuple[int, int, int, int]]:
    """Walk a directory: tag, field type, and the value as a short and as an offset; none where it is damaged."""
    if directory + 2 > len(tiff):
        return
    (entry_count,) = struct.unpack_from(order + "H", tiff, directory)
    for index in range(min(entry_count, _MAX_ENTRY_COUNT)):
        place = directory + 2 + 12 * index
        if place + 12 > len(tiff):
            return
        tag, field_type = struct.unpack_from(order + "HH", tiff, place)
        (short,) = struct.unpack_from(order + "H", tiff, place + 8)
        (offset,) = struct.unpack_from(order + "I", tiff, place + 8)
        yield tag, field_type, short, offset


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn and mirror an image as its EXIF orientation asks.

    Args:
        pixels: (H, W, 3) uint8 as stored.
        orientation: 1 to 8.

    Returns:
        (H, W, 3) or (W, H, 3) uint8 as it should be looked at.
    """
    upright = pixels
    if orientation in (5, 6, 7, 8):
        upright = np.asarray(cv2.transpose(upright), dtype=np.uint8)
    flip_codes = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
    if orientation in flip_codes:
        upright = np.asarray(cv2.flip(upright, flip_codes[orientation]), dtype=np.uint8)
    return upright
