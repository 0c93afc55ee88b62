"""JPEG pixels: a checked stream -> RGB, by libjpeg-turbo in its strict mode.

Decoders are tolerant: they paint what is missing of a truncated picture in grey and only warn. Here a warning is an
error, whichever scan it comes from, but for one: some cameras leave a few bytes between the picture and its end marker.
Pictures whose colours are sampled in a way that libjpeg-turbo's interface has no name for go through Pillow.
"""

import io

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from ktp_preprocessing.errors import ImageCorrupt, ImageFormatUnsupported

_HARMLESS_WARNING = "extraneous bytes before marker 0xd9"
"""What libjpeg says of bytes before the end marker. It reports its first warning: before it, nothing was amiss."""

_NAMELESS_SAMPLING = "Could not determine subsampling"
_DAMAGED = "the JPEG data are damaged or cut off"
_SCAN_MARKER, _END_MARKER = b"\xff\xda", b"\xff\xd9"

_SCAN_PADDING = b"\x00" * 16
"""Stands where the end marker stood. libjpeg reads up to 8 bytes ahead, so that a whole scan decodes with it, while a
scan with missing blocks uses it up and runs dry."""


def decode_jpeg(stream: bytes, component_count: int, *, inks_are_inverted: bool) -> NDArray[np.uint8]:
    """Decode a checked JPEG stream.

    Args:
        stream: the file with only what its pixels need, see `jpeg.clean_stream`.
        component_count: 1 (grey), 3 (colour) or 4 (CMYK, YCCK).
        inks_are_inverted: whether four components tell light instead of ink, as Adobe's programs write them.

    Returns:
        (H, W, 3) uint8 RGB as stored.

    Raises:
        ImageCorrupt: damaged data, or less than the whole picture.
    """
    if component_count != 4:
        return _decode(stream, "RGB")
    inks = _decode(stream, "CMYK")
    light = inks if inks_are_inverted else 255 - inks
    pixels = np.empty((*light.shape[:2], 3), dtype=np.uint8)
    for channel in range(3):
        pixels[..., channel] = cv2.multiply(light[..., channel], light[..., 3], scale=1.0 / 255.0)
    return pixels


def _decode(stream: bytes, colour_space: str) -> NDArray[np.uint8]:
    """Decode strictly to (H, W, C) uint8."""
    try:
        return np.asarray(simplejpeg.decode_jpeg(stream, colour_space, strict=True), dtype=np.uint8)
    except ValueError as error:
        warning = str(error)
        if _NAMELESS_SAMPLING in warning:
            return _decode_nameless(stream, colour_space)
        if not warning.endswith(_HARMLESS_WARNING):
            raise ImageCorrupt(_DAMAGED) from error
    return np.asarray(simplejpeg.decode_jpeg(stream, colour_space, strict=False), dtype=np.uint8)


def _decode_nameless(stream: bytes, colour_space: str) -> NDArray[np.uint8]:
    """Decode a picture of one scan with Pillow, which notices missing data if no end marker follows."""
    if stream.count(_SCAN_MARKER) != 1:
        raise ImageFormatUnsupported("JPEG with such colour sampling in several scans is not supported")
    try:
        with Image.open(io.BytesIO(stream.removesuffix(_END_MARKER) + _SCAN_PADDING), formats=["JPEG"]) as image:
            pixels = np.array(image.convert(colour_space), dtype=np.uint8)
            inverts = "adobe_transform" in image.info  # Pillow turns such files' light into ink
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageCorrupt(_DAMAGED) from error
    return 255 - pixels if inverts and colour_space == "CMYK" else pixels
