"""PNG structure: what a file declares, and a clean stream with only what its pixels need.

Text, profiles and animation frames are left out before Pillow sees the file, so that nothing hidden in them can cost
memory. The checksums are verified by Pillow on the rest. Source: PNG specification (third edition), sections 5 and 11.
"""

import struct
import zlib
from dataclasses import dataclass

from ktp_preprocessing.errors import ImageCorrupt
from ktp_preprocessing.exif import ExifFacts, read_exif

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_KEPT_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_BIT_DEPTHS_BY_COLOUR = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS_BY_COLOUR = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE_COLOUR = 3
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Start column, start row, column step, row step of the seven passes (section 8.1)."""


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What a PNG file declares.

    Attributes:
        width_px: columns.
        height_px: rows.
        bit_depth: bits per sample: 1, 2, 4, 8 or 16.
        colour_type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        interlaced: Adam7 passes instead of plain rows.
    """

    width_px: int
    height_px: int
    bit_depth: int
    colour_type: int
    interlaced: bool


def read_header(data: bytes) -> PngHeader:
    """Read a PNG file's IHDR chunk.

    Args:
        data: the file, starting with the signature.

    Returns:
        What it declares. Nothing is decoded.

    Raises:
        ImageCorrupt: the chunk is missing, cut, fails its checksum or holds values that do not exist.
    """
    if len(data) < 33 or data[8:16] != b"\0\0\0\x0dIHDR":
        raise ImageCorrupt("the PNG file has no header")
    width_px, height_px, bit_depth, colour_type, compression, filtering, interlace, checksum = struct.unpack_from(
        ">IIBBBBBI", data, 16
    )
    if zlib.crc32(data[12:29]) != checksum:
        raise ImageCorrupt("the PNG file has a damaged header")
    valid = bit_depth in _BIT_DEPTHS_BY_COLOUR.get(colour_type, ()) and compression == filtering == 0
    if not valid or interlace > 1 or width_px == 0 or height_px == 0:
        raise ImageCorrupt("the PNG file has a damaged header")
    return PngHeader(width_px, height_px, bit_depth, colour_type, interlace == 1)


def clean_stream(data: bytes, header: PngHeader) -> tuple[bytes, ExifFacts]:
    """Rebuild a PNG file from the chunks its pixels need.

    Args:
        data: the file.
        header: its header.

    Returns:
        A PNG stream for Pillow, and what its EXIF block says.

    Raises:
        ImageCorrupt: the file ends before its end chunk, or its compressed data do not hold all pixels.
    """
    parts, compressed = [PNG_SIGNATURE], []
    exif = ExifFacts()
    position, has_palette = len(PNG_SIGNATURE), False
    while True:
        if position + 12 > len(data):
            raise ImageCorrupt("the PNG file is truncated")
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        if end > len(data):
            raise ImageCorrupt("the PNG file is truncated")
        if kind in _KEPT_CHUNKS:
            parts.append(data[position:end])
            has_palette = has_palette or kind == b"PLTE"
        if kind == b"IDAT":
            compressed.append(data[position + 8 : end - 4])
        elif kind == b"eXIf":
            exif = read_exif(data[position + 8 : end - 4])
        position = end
        if kind == b"IEND":
            break
    if header.colour_type == _PALETTE_COLOUR and not has_palette:
        raise ImageCorrupt("the PNG file lacks its palette")
    _check_compressed_size(compressed, _filtered_size_bytes(header))
    return b"".join(parts), exif


def _filtered_size_bytes(header: PngHeader) -> int:
    """Bytes that the compressed data must unpack to: all rows of all passes, each with its filter byte."""
    bits_per_pixel = header.bit_depth * _CHANNELS_BY_COLOUR[header.colour_type]
    passes = _ADAM7 if header.interlaced else ((0, 0, 1, 1),)
    size_bytes = 0
    for start_x, start_y, step_x, step_y in passes:
        columns = max(0, -(-(header.width_px - start_x) // step_x))
        rows = max(0, -(-(header.height_px - start_y) // step_y))
        if columns:
            size_bytes += rows * (1 + (columns * bits_per_pixel + 7) // 8)
    return size_bytes


def _check_compressed_size(compressed: list[bytes], needed_bytes: int) -> None:
    """Unpack the data in small pieces, to be sure that every row is there: Pillow accepts less in some layouts."""
    unpacker = zlib.decompressobj()
    unpacked_bytes = 0
    try:
        for piece in compressed:
            rest = piece
            while rest and not unpacker.eof and unpacked_bytes < needed_bytes:
                unpacked_bytes += len(unpacker.decompress(rest, 1 << 20))
                rest = unpacker.unconsumed_tail
    except zlib.error as error:
        raise ImageCorrupt("the PNG file has damaged data") from error
    if unpacked_bytes < needed_bytes:
        raise ImageCorrupt("the PNG file lacks a part of its data")
