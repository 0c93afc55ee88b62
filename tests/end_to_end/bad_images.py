"""Images that must be refused, each with the reason; all are made here, none is stored."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from ktp_server.errors import ErrorReason


def _encode(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], name: str, mode: str | None = None) -> bytes:
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(buffer, format=name)
    return buffer.getvalue()


def _noise(height_px: int = 480, width_px: int = 640) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def _flat(height_px: int, width_px: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height_px, width_px, 3), 128, dtype=np.uint8)


def _png_of_deep_grey() -> bytes:
    image = Image.fromarray(np.full((480, 640), 30000, dtype=np.uint16))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _png_header(width_px: int, height_px: int) -> bytes:
    """A PNG whose header promises a size, with hardly any data behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def _png_with_broken_checksum() -> bytes:
    data = bytearray(_encode(_flat(480, 640), "PNG"))
    position = data.index(b"IDAT") + 8
    data[position] ^= 0xFF
    return bytes(data)


def _truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


NO_CARD = ErrorReason.CARD_NOT_FOUND
CORRUPT = ErrorReason.IMAGE_CORRUPT
UNSUPPORTED = ErrorReason.IMAGE_FORMAT_UNSUPPORTED
DIMENSIONS = ErrorReason.IMAGE_DIMENSIONS_OUT_OF_RANGE

BAD_IMAGES: dict[str, tuple[Callable[[], bytes], ErrorReason]] = {
    "empty": (lambda: b"", ErrorReason.REQUEST_INVALID),
    "text": (lambda: b"NIK 0000000000000000\n" * 50, UNSUPPORTED),
    "html": (lambda: b"<!doctype html><html><body>Not Found</body></html>", UNSUPPORTED),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='640' height='480'/>", UNSUPPORTED),
    "zero bytes": (lambda: bytes(5000), UNSUPPORTED),
    "pdf": (lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", UNSUPPORTED),
    "gif": (lambda: _encode(_flat(480, 640), "GIF"), UNSUPPORTED),
    "tiff": (lambda: _encode(_flat(480, 640), "TIFF"), UNSUPPORTED),
    "webp": (lambda: _encode(_flat(480, 640), "WEBP"), UNSUPPORTED),
    "truncated jpeg": (lambda: _truncated(_encode(_noise(), "JPEG")), CORRUPT),
    "jpeg signature alone": (lambda: b"\xff\xd8\xff\xe0", CORRUPT),
    "truncated png": (lambda: _truncated(_encode(_noise(), "PNG")), CORRUPT),
    "png with a broken checksum": (_png_with_broken_checksum, CORRUPT),
    "truncated bmp": (lambda: _truncated(_encode(_flat(480, 640), "BMP")), CORRUPT),
    "1 x 1": (lambda: _encode(_flat(1, 1), "PNG"), DIMENSIONS),
    "299 x 400": (lambda: _encode(_flat(299, 400), "PNG"), DIMENSIONS),
    "4000 x 3000": (lambda: _encode(_flat(3000, 4000), "JPEG"), DIMENSIONS),
    "20000 x 20000 header": (lambda: _png_header(20000, 20000), DIMENSIONS),
    "3 MB": (
        lambda: _encode(_noise(1000, 1000), "PNG")[:3_000_000].ljust(3_000_000, b"\0"),
        ErrorReason.IMAGE_TOO_LARGE,
    ),
    "black": (lambda: _encode(np.zeros((480, 640, 3), dtype=np.uint8), "JPEG"), NO_CARD),
    "noise": (lambda: _encode(_noise(), "JPEG"), NO_CARD),
    "cmyk jpeg without a card": (lambda: _encode(_flat(480, 640), "JPEG", "CMYK"), NO_CARD),
    "16-bit png without a card": (_png_of_deep_grey, NO_CARD),
}
"""Name -> how to make it, and the reason of its refusal."""
