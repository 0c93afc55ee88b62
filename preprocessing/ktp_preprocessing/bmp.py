"""BMP structure: what a file declares, checked against the bytes that are there.

Source: Microsoft, "Bitmap storage" (BITMAPCOREHEADER to BITMAPV5HEADER).
"""

import struct
from dataclasses import dataclass

from ktp_preprocessing.errors import ImageCorrupt, ImageFormatUnsupported

_CORE_HEADER_BYTES = 12
_INFO_HEADER_BYTES = frozenset({40, 52, 56, 64, 108, 124})
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_BIT_DEPTHS_BY_COMPRESSION = {
    _RGB: (1, 4, 8, 16, 24, 32),
    _RLE8: (8,),
    _RLE4: (4,),
    _BITFIELDS: (16, 32),
}


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """What a BMP file declares.

    Attributes:
        width_px: columns.
        height_px: rows (top-down files declare a negative height).
        bit_depth: bits per pixel.
    """

    width_px: int
    height_px: int
    bit_depth: int


def read_header(data: bytes) -> BmpHeader:
    """Read a BMP file's headers.

    Args:
        data: the file, starting with `BM`.

    Returns:
        What it declares. Nothing is decoded.

    Raises:
        ImageFormatUnsupported: a header or compression that is not decoded here, such as an embedded JPEG.
        ImageCorrupt: the headers are cut or hold values that do not exist.
    """
    if len(data) < 26:
        raise ImageCorrupt("the BMP file is truncated")
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes == _CORE_HEADER_BYTES:
        width_px, height_px, _, bit_depth = struct.unpack_from("<HHHH", data, 18)
        compression = _RGB
    elif header_bytes in _INFO_HEADER_BYTES:
        if len(data) < 14 + header_bytes:
            raise ImageCorrupt("the BMP file is truncated")
        width_px, height_px, _, bit_depth, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise ImageFormatUnsupported("this kind of BMP header is not supported")
    if compression not in _BIT_DEPTHS_BY_COMPRESSION:
        raise ImageFormatUnsupported("this kind of compressed BMP is not supported")
    if bit_depth not in _BIT_DEPTHS_BY_COMPRESSION[compression] or width_px <= 0 or height_px == 0:
        raise ImageCorrupt("the BMP file has a damaged header")
    return BmpHeader(width_px, abs(height_px), bit_depth)


def check_complete(data: bytes, header: BmpHeader) -> None:
    """Check that the file holds all its pixels, where their size is known beforehand.

    Args:
        data: the file.
        header: its header.

    Raises:
        ImageCorrupt: it ends too early. Run-length coded files are left to the decoder.
    """
    (offset, header_bytes) = struct.unpack_from("<II", data, 10)
    compression = struct.unpack_from("<I", data, 30)[0] if header_bytes != _CORE_HEADER_BYTES else _RGB
    if compression in (_RLE8, _RLE4):
        return
    row_bytes = (header.width_px * header.bit_depth + 31) // 32 * 4
    if offset < 14 + header_bytes or offset + row_bytes * header.height_px > len(data):
        raise ImageCorrupt("the BMP file is truncated")
