"""EXIF orientation: how a camera was held, read from the TIFF structure inside JPEG and PNG files.

Only this one tag is read, by a parser that ignores anything it does not understand: EXIF blocks are often damaged, and
a damaged one is no reason to refuse a picture.
"""

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

ORIENTATION_TAG = 0x0112
"""Source: TIFF 6.0, section 8; EXIF 2.32, table 3."""

UPRIGHT_ORIENTATION = 1

_SHORT_FIELD_TYPE = 3
_MAX_ENTRY_COUNT = 1000
"""Entries looked through; real first directories hold fewer than 50."""


def read_orientation(tiff: bytes) -> int:
    """Read the orientation tag of the first image directory.

    Args:
        tiff: a TIFF structure, from its byte-order mark on.

    Returns:
        1 to 8 as EXIF defines them; 1 (upright) where the tag is absent or damaged.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return UPRIGHT_ORIENTATION
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    if directory + 2 > len(tiff):
        return UPRIGHT_ORIENTATION
    (entry_count,) = struct.unpack_from(order + "H", tiff, directory)
    for index in range(min(entry_count, _MAX_ENTRY_COUNT)):
        offset = directory + 2 + 12 * index
        if offset + 12 > len(tiff):
            break
        tag, field_type, _, value = struct.unpack_from(order + "HHIH", tiff, offset)
        if tag == ORIENTATION_TAG:
            valid = field_type == _SHORT_FIELD_TYPE and 1 <= value <= 8
            return int(value) if valid else UPRIGHT_ORIENTATION
    return UPRIGHT_ORIENTATION


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
