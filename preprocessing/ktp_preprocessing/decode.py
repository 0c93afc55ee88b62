"""Decoding: bytes of unknown origin -> RGB pixels, or a typed error.

    bytes ─ size limit ─ format ─ header ─ dimension limits ─ completeness ─ pixels ─ EXIF orientation

Nothing is allocated for pixels before the header has passed the limits. The decoders only see a stream rebuilt from the
parts that pixels need, and are told the format: JPEG goes through libjpeg-turbo, PNG and BMP through Pillow, never in a
tolerant mode.
"""

import io
import math
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ktp_preprocessing import bmp, jpeg, png
from ktp_preprocessing.errors import (
    ImageCorrupt,
    ImageDimensionsOutOfRange,
    ImageError,
    ImageFormatUnsupported,
    ImageTooLarge,
)
from ktp_preprocessing.exif import ExifFacts, apply_orientation
from ktp_preprocessing.jpeg_pixels import decode_jpeg
from ktp_preprocessing.jpeg_quality import estimate_quality

__all__ = ["DecodeLimits", "DecodedImage", "ImageFormat", "decode_image"]

MAX_PIXEL_COUNT = 64_000_000
"""Ceiling for configured limits: 192 MB of RGB, below the size from which Pillow warns (89 million pixels)."""

_Decoded = tuple[NDArray[np.uint8], ExifFacts, int | None]
"""Pixels as stored, what EXIF says, JPEG quality."""

_FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)

_FOREIGN_FORMATS = (
    ("GIF", 0, (b"GIF87a", b"GIF89a")),
    ("TIFF", 0, (b"II*\0", b"MM\0*")),
    ("PDF", 0, (b"%PDF",)),
    ("WebP", 8, (b"WEBP",)),
    ("HEIC", 4, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1")),
    ("AVIF", 4, (b"ftypavi",)),
    ("JPEG 2000", 4, (b"jP  ",)),
)
"""Formats that are named in the refusal, because people send them: name, offset of the magic bytes, the bytes."""

_DECODER_ERRORS = (
    AssertionError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's plugins raise on damaged data."""


class ImageFormat(StrEnum):
    """Formats on the allow-list."""

    JPEG = "JPEG"
    PNG = "PNG"
    BMP = "BMP"


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Bounds within which an image is decoded.

    The dimension limits hold in either orientation: the shorter side is compared with the short limit, the longer side
    with the long one.

    Attributes:
        max_bytes: largest file; the default is the 2 MB of the job API, as 2 MiB.
        min_short_px: smallest shorter side.
        min_long_px: smallest longer side.
        below_short_px: the shorter side must be below this.
        below_long_px: the longer side must be below this.

    Raises:
        ValueError: a limit is not positive, or the largest image would exceed `MAX_PIXEL_COUNT`.
    """

    max_bytes: int = 2 * 1024 * 1024
    min_short_px: int = 300
    min_long_px: int = 400
    below_short_px: int = 3000
    below_long_px: int = 4000

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.min_short_px, self.min_long_px) < 1:
            raise ValueError("max_bytes, min_short_px and min_long_px must be at least 1")
        if self.below_short_px < 2 or self.below_long_px < 2:
            raise ValueError("below_short_px and below_long_px must be at least 2")
        if (self.below_short_px - 1) * (self.below_long_px - 1) > MAX_PIXEL_COUNT:
            raise ValueError(f"below_short_px x below_long_px must not exceed {MAX_PIXEL_COUNT} pixels")


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A whole image.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, turned as its EXIF orientation asks, alpha composited on white.
        format: the file's format.
        size_bytes: size of the file.
        jpeg_quality: 1 to 100, estimated from the quantisation table; None for other formats.
        focal_length: of the camera, in units of the image's longer side; None where the file does not tell.
    """

    pixels: NDArray[np.uint8]
    format: ImageFormat
    size_bytes: int
    jpeg_quality: int | None
    focal_length: float | None = None


def decode_image(data: bytes, limits: DecodeLimits | None = None) -> DecodedImage:
    """Decode an image file.

    Args:
        data: the file's bytes, of unknown origin.
        limits: bounds; the defaults where None.

    Returns:
        The whole image. Data after the image's end are ignored.

    Raises:
        ImageTooLarge: more bytes than allowed.
        ImageFormatUnsupported: no JPEG, PNG or BMP, or a variant that is refused.
        ImageDimensionsOutOfRange: the header declares fewer or more pixels than allowed.
        ImageCorrupt: truncated or damaged data; nothing is ever filled in.
    """
    bounds = limits if limits is not None else DecodeLimits()
    if len(data) > bounds.max_bytes:
        raise ImageTooLarge(f"the image has {len(data)} bytes; at most {bounds.max_bytes} are allowed")
    image_format = identify_format(data)
    decode = {ImageFormat.JPEG: _decode_jpeg, ImageFormat.PNG: _decode_png, ImageFormat.BMP: _decode_bmp}[image_format]
    stored, exif, jpeg_quality = decode(data, bounds)
    pixels = apply_orientation(stored, exif.orientation)
    height_px, width_px = pixels.shape[:2]
    _check_dimensions(width_px, height_px, bounds)
    return DecodedImage(pixels, image_format, len(data), jpeg_quality, _focal_length(exif, width_px, height_px))


def _decode_jpeg(data: bytes, limits: DecodeLimits) -> _Decoded:
    """Decode a JPEG file."""
    header = jpeg.read_header(data)
    _check_dimensions(header.width_px, header.height_px, limits)
    stream = jpeg.clean_stream(data, header)
    pixels = decode_jpeg(stream, len(header.component_ids), inks_are_inverted=header.inks_are_inverted)
    table = header.luminance_table
    return pixels, header.exif, None if table is None else estimate_quality(table)


def _decode_png(data: bytes, limits: DecodeLimits) -> _Decoded:
    """Decode a PNG file."""
    header = png.read_header(data)
    _check_dimensions(header.width_px, header.height_px, limits)
    stream, exif = png.clean_stream(data, header)
    return _decode_with_pillow(stream, ImageFormat.PNG), exif, None


def _decode_bmp(data: bytes, limits: DecodeLimits) -> _Decoded:
    """Decode a BMP file."""
    header = bmp.read_header(data)
    _check_dimensions(header.width_px, header.height_px, limits)
    bmp.check_complete(data, header)
    return _decode_with_pillow(data, ImageFormat.BMP), ExifFacts(), None


def _focal_length(exif: ExifFacts, width_px: int, height_px: int) -> float | None:
    """Turn the focal length on 35 mm film into units of the longer side."""
    if exif.film_focal_length_mm is None:
        return None
    return exif.film_focal_length_mm / _FILM_DIAGONAL_MM * math.hypot(width_px, height_px) / max(width_px, height_px)


def identify_format(data: bytes) -> ImageFormat:
    """Tell an image's format by its first bytes.

    Args:
        data: the file's bytes.

    Returns:
        One of the formats on the allow-list.

    Raises:
        ImageFormatUnsupported: anything else, named where it is a well-known format.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data.startswith(png.PNG_SIGNATURE):
        return ImageFormat.PNG
    if data.startswith(b"BM"):
        return ImageFormat.BMP
    if not data:
        raise ImageFormatUnsupported("the image is empty")
    for name, offset, magics in _FOREIGN_FORMATS:
        if data.startswith(magics, offset):
            raise ImageFormatUnsupported(f"{name} is not supported; send JPEG, PNG or BMP")
    raise ImageFormatUnsupported("this is not an image of a supported format; send JPEG, PNG or BMP")


def _check_dimensions(width_px: int, height_px: int, limits: DecodeLimits) -> None:
    """Compare the sides with the limits, in either orientation."""
    short_px, long_px = min(width_px, height_px), max(width_px, height_px)
    if short_px < limits.min_short_px or long_px < limits.min_long_px:
        raise ImageDimensionsOutOfRange(
            f"the image has {width_px} x {height_px} pixels; "
            f"at least {limits.min_short_px} x {limits.min_long_px} are needed"
        )
    if short_px >= limits.below_short_px or long_px >= limits.below_long_px:
        raise ImageDimensionsOutOfRange(
            f"the image has {width_px} x {height_px} pixels; "
            f"it must be below {limits.below_long_px} x {limits.below_short_px}"
        )


def _decode_with_pillow(clean: bytes, image_format: ImageFormat) -> NDArray[np.uint8]:
    """Decode a checked stream to (H, W, 3) uint8 RGB."""
    try:
        with Image.open(io.BytesIO(clean), formats=[image_format.value]) as image:
            image.load()
            return _rgb_pixels(image, image_format)
    except ImageError:
        raise
    except _DECODER_ERRORS as error:
        raise ImageCorrupt(f"the {image_format} data are damaged or cut off") from error


def _rgb_pixels(image: Image.Image, image_format: ImageFormat) -> NDArray[np.uint8]:
    """Convert whatever mode Pillow decoded to RGB; transparent parts show white."""
    if image.mode in ("I;16", "I;16B", "I"):
        return _rgb_from_deep_grey(image)
    if image.has_transparency_data and not _alpha_is_unused(image, image_format):
        layered = image.convert("RGBA")
        image = Image.new("RGB", layered.size, (255, 255, 255))
        image.paste(layered, mask=layered.getchannel("A"))
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _rgb_from_deep_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Convert 16-bit grey to RGB: the high byte is the 8-bit value (PNG specification, 13.12)."""
    deep = np.asarray(image).astype(np.int32)
    grey = np.clip(deep >> 8, 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[deep == transparent] = 255
    return np.repeat(grey[:, :, None], 3, axis=2)


def _alpha_is_unused(image: Image.Image, image_format: ImageFormat) -> bool:
    """Tell whether a BMP's alpha channel is all zero: many writers leave it so and mean opaque."""
    return image_format is ImageFormat.BMP and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)
