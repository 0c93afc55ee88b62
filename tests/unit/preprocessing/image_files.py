"""Builders of image files, byte by byte where an encoder would refuse to write what a test needs."""

import io
import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(width_px: int = 480, height_px: int = 360) -> NDArray[np.uint8]:
    """A colourful smooth picture without symmetry: (height_px, width_px, 3) uint8 RGB."""
    rng = np.random.default_rng(11)
    coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def encode(image: Image.Image, image_format: str, *, quality: int = 90, progressive: bool = False) -> bytes:
    """Write an image with Pillow."""
    buffer = io.BytesIO()
    if image_format == "JPEG":
        image.save(buffer, "JPEG", quality=quality, progressive=progressive)
    else:
        image.save(buffer, image_format)
    return buffer.getvalue()


def jpeg(pixels: NDArray[np.uint8] | None = None, *, quality: int = 90, progressive: bool = False) -> bytes:
    """A JPEG file of the picture."""
    image = Image.fromarray(picture() if pixels is None else pixels)
    return encode(image, "JPEG", quality=quality, progressive=progressive)


def with_segment(jpeg_file: bytes, marker: int, payload: bytes) -> bytes:
    """Insert a segment right after a JPEG file's SOI marker."""
    return jpeg_file[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload + jpeg_file[2:]


def exif_orientation(orientation: int, *, order: str = ">") -> bytes:
    """A TIFF structure that holds the orientation tag only."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "IH", 8, 1) + entry + b"\0\0\0\0"


def exif_focal_length(film_mm: int, *, order: str = ">") -> bytes:
    """A TIFF structure that holds the focal length on 35 mm film only, in the EXIF directory."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    pointer = struct.pack(order + "HHII", 0x8769, 4, 1, 26) + b"\0\0\0\0"
    entry = struct.pack(order + "HHIHH", 0xA405, 3, 1, film_mm, 0) + b"\0\0\0\0"
    return mark + struct.pack(order + "IH", 8, 1) + pointer + struct.pack(order + "H", 1) + entry


def with_frame_marker(jpeg_file: bytes, marker: int) -> bytes:
    """Replace a baseline JPEG file's SOF0 marker by another frame marker."""
    return jpeg_file.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)


def with_frame(jpeg_file: bytes, payload: bytes) -> bytes:
    """Replace the whole frame header of a baseline JPEG file."""
    frame = jpeg_file.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", jpeg_file, frame + 2)
    header = b"\xff\xc0" + struct.pack(">H", len(payload) + 2) + payload
    return jpeg_file[:frame] + header + jpeg_file[frame + 2 + length :]


def with_jpeg_size(jpeg_file: bytes, width_px: int, height_px: int) -> bytes:
    """Replace the dimensions that a baseline JPEG file declares."""
    frame = jpeg_file.index(b"\xff\xc0")
    return jpeg_file[: frame + 5] + struct.pack(">HH", height_px, width_px) + jpeg_file[frame + 9 :]


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_header(width_px: int, height_px: int, bit_depth: int, colour_type: int, interlace: int = 0) -> bytes:
    """The signature and IHDR chunk of a PNG file."""
    fields = struct.pack(">IIBBBBB", width_px, height_px, bit_depth, colour_type, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", fields)


def png(header: bytes, rows: bytes, *extra_chunks: bytes) -> bytes:
    """A PNG file from its header, its filtered rows and chunks to stand before the data."""
    return header + b"".join(extra_chunks) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def png_rows(samples: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Rows of a non-interlaced PNG with filter type none; 16-bit samples in big-endian order."""
    wide = samples.astype(">u2") if samples.dtype == np.uint16 else samples
    return b"".join(b"\0" + row.tobytes() for row in wide)


def bmp(pixels: NDArray[np.uint8], *, bit_depth: int = 24, top_down: bool = False) -> bytes:
    """An uncompressed BMP file with a BITMAPINFOHEADER; 24 or 32 bits (alpha zero)."""
    height_px, width_px = pixels.shape[:2]
    bgr = pixels[:, :, ::-1] if top_down else pixels[::-1, :, ::-1]
    if bit_depth == 32:
        bgr = np.concatenate([bgr, np.zeros_like(bgr[:, :, :1])], axis=2)
    padding = bytes(-bgr.shape[1] * bgr.shape[2] % 4)
    body = b"".join(row.tobytes() + padding for row in bgr)
    signed_height = -height_px if top_down else height_px
    info = struct.pack("<IiiHHIIiiII", 40, width_px, signed_height, 1, bit_depth, 0, len(body), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + info + body


RUN_ROW = bytes((240, 1, 240, 2, 0, 0))
"""A run-length coded row of 480 pixels: half of palette entry 1, half of entry 2."""


def run_length_bmp(runs: bytes) -> bytes:
    """A 480 x 360 BMP file with 8-bit run-length coding and a grey palette."""
    info = struct.pack("<IiiHHIIiiII", 40, 480, 360, 1, 8, 1, len(runs), 0, 0, 256, 0)
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    offset = 54 + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + info + palette + runs
