"""Hostile and odd image files, generated: what each is, and what the decoder must answer."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from ktp_preprocessing.errors import (
    ImageCorrupt,
    ImageDimensionsOutOfRange,
    ImageError,
    ImageFormatUnsupported,
    ImageTooLarge,
)
from tests.unit.preprocessing import image_files as files

PICTURE = files.picture()
RGB = Image.fromarray(PICTURE)
JPEG, PROGRESSIVE = files.jpeg(), files.jpeg(progressive=True)
PNG, BMP = files.encode(RGB, "PNG"), files.bmp(PICTURE)
PNG_HEADER = files.png_header(480, 360, 8, 2)
PNG_ROWS = files.png_rows(PICTURE)


@dataclass(frozen=True)
class HostileFile:
    """One file.

    Attributes:
        name: what is odd about it.
        data: its bytes.
        error: how it is refused; None where it must decode to the picture's size.
    """

    name: str
    data: bytes
    error: type[ImageError] | None = None


def hostile_files() -> list[HostileFile]:
    """All of them, in a fixed order."""
    return [*_odd_jpeg(), *_bad_jpeg(), *_odd_png(), *_bad_png(), *_bmp(), *_foreign()]


def _saved(
    image: Image.Image, kind: str, icc: bytes | None = None, subsampling: int = 2, restart_rows: int = 0
) -> bytes:
    buffer = io.BytesIO()
    profile = {"icc_profile": icc} if icc is not None else {}
    if kind == "JPEG":
        image.save(buffer, kind, subsampling=subsampling, restart_marker_rows=restart_rows, **profile)
    else:
        image.save(buffer, kind, **profile)
    return buffer.getvalue()


def _icc_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _odd_jpeg() -> Iterator[HostileFile]:
    yield HostileFile("jpeg progressive", PROGRESSIVE)
    for subsampling in (0, 1, 2):
        yield HostileFile(f"jpeg subsampling {subsampling}", _saved(RGB, "JPEG", subsampling=subsampling))
    for mode in ("L", "CMYK"):
        yield HostileFile(f"jpeg {mode}", _saved(RGB.convert(mode), "JPEG"))
    yield HostileFile("jpeg with restart markers", _saved(RGB, "JPEG", restart_rows=1))
    yield HostileFile("jpeg with a colour profile", _saved(RGB, "JPEG", icc=_icc_profile()))
    yield HostileFile(
        "jpeg with a false profile", files.with_segment(JPEG, 0xE2, b"ICC_PROFILE\0\1\1" + b"\xff" * 5000)
    )
    yield HostileFile("jpeg with a preview inside", files.with_segment(JPEG, 0xE1, b"Exif\0\0" + JPEG[:3000]))
    yield HostileFile("jpeg with a comment of markers", files.with_segment(JPEG, 0xFE, b"\xff\xd9\xff\xda" * 200))
    yield HostileFile("jpeg with many comments", JPEG[:2] + (b"\xff\xfe\x00\x02" * 5000) + JPEG[2:])
    yield HostileFile("jpeg with fill bytes", JPEG[:2] + b"\xff" * 1000 + JPEG[2:])
    yield HostileFile("jpeg and a zip file", JPEG + b"PK\3\4" + bytes(200))
    yield HostileFile("jpeg and a script", JPEG + b"<script>alert(1)</script>")
    yield HostileFile("jpeg and a second jpeg", JPEG + PROGRESSIVE)
    yield HostileFile("jpeg and a pdf file", JPEG + b"%PDF-1.7\n%%EOF")
    for order in ("<", ">"):
        tiff = files.exif_orientation(3, order=order)
        yield HostileFile(f"jpeg upside down {order}", files.with_segment(JPEG, 0xE1, b"Exif\0\0" + tiff))
    endless = b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 100
    yield HostileFile("jpeg with endless exif", files.with_segment(JPEG, 0xE1, b"Exif\0\0" + endless))


def _bad_jpeg() -> Iterator[HostileFile]:
    for percent in (1, 30, 70, 99):
        cut = JPEG[: len(JPEG) * percent // 100]
        yield HostileFile(f"jpeg cut at {percent} %", cut, ImageCorrupt)
        yield HostileFile(f"jpeg cut at {percent} % and closed", cut + b"\xff\xd9", ImageCorrupt)
    for percent in (30, 70, 99):
        cut = PROGRESSIVE[: len(PROGRESSIVE) * percent // 100].rstrip(b"\xff")
        yield HostileFile(f"progressive jpeg cut at {percent} %", cut, ImageCorrupt)
        yield HostileFile(f"progressive jpeg cut at {percent} % and closed", cut + b"\xff\xd9", ImageCorrupt)
    scan = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    yield HostileFile("jpeg of 100 scans", PROGRESSIVE[:-2] + scan * 100 + b"\xff\xd9", ImageFormatUnsupported)
    for marker, kind in (
        (0xC9, "arithmetic"),
        (0xCA, "progressive arithmetic"),
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
    ):
        yield HostileFile(f"jpeg {kind}", files.with_frame_marker(JPEG, marker), ImageFormatUnsupported)
    yield HostileFile("jpeg claims 65500 px", files.with_jpeg_size(JPEG, 65_500, 65_500), ImageDimensionsOutOfRange)
    yield HostileFile("jpeg claims more rows", files.with_jpeg_size(JPEG, 480, 2000), ImageCorrupt)
    yield HostileFile("jpeg of no rows", files.with_jpeg_size(JPEG, 480, 0), ImageCorrupt)
    yield HostileFile("jpeg of markers only", b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100 + b"\xff\xd9", ImageCorrupt)
    yield HostileFile("jpeg of fill bytes only", b"\xff\xd8" + b"\xff" * 100_000, ImageCorrupt)
    tables = JPEG.index(b"\xff\xdb")
    yield HostileFile("jpeg without its tables", JPEG[:tables] + JPEG[JPEG.index(b"\xff\xc0") :], ImageCorrupt)


def _odd_png() -> Iterator[HostileFile]:
    for mode in ("L", "P", "1", "RGBA", "LA", "I;16"):
        image = Image.fromarray(PICTURE[:, :, 1].astype(np.uint16) * 257) if mode == "I;16" else RGB.convert(mode)
        yield HostileFile(f"png {mode}", files.encode(image, "PNG"))
    buffer = io.BytesIO()
    RGB.save(buffer, "PNG", save_all=True, append_images=[Image.fromarray(255 - PICTURE)] * 3)
    yield HostileFile("png animated", buffer.getvalue())
    yield HostileFile("png with a colour profile", _saved(RGB, "PNG", icc=_icc_profile()))
    bomb = zlib.compress(bytes(20_000_000))
    yield HostileFile(
        "png with a profile bomb", files.png(PNG_HEADER, PNG_ROWS, files.png_chunk(b"iCCP", b"x\0\0" + bomb))
    )
    yield HostileFile(
        "png with a text bomb", files.png(PNG_HEADER, PNG_ROWS, files.png_chunk(b"zTXt", b"x\0\0" + bomb))
    )
    yield HostileFile("png with rows to spare", files.png(PNG_HEADER, PNG_ROWS + bytes(20_000_000)))
    yield HostileFile("png with unknown chunks", files.png(PNG_HEADER, PNG_ROWS, files.png_chunk(b"heLo", bytes(999))))
    yield HostileFile("png and a zip file", PNG + b"PK\3\4" + bytes(200))


def _bad_png() -> Iterator[HostileFile]:
    for percent in (10, 60, 99):
        yield HostileFile(f"png cut at {percent} %", PNG[: len(PNG) * percent // 100], ImageCorrupt)
    yield HostileFile(
        "png claims 2 billion px", files.png_header(2**31 - 1, 2**31 - 1, 16, 6), ImageDimensionsOutOfRange
    )
    yield HostileFile("png of no columns", files.png(files.png_header(0, 360, 8, 2), PNG_ROWS), ImageCorrupt)
    yield HostileFile("png with a false checksum", PNG[:40] + bytes([PNG[40] ^ 1]) + PNG[41:], ImageCorrupt)
    yield HostileFile("png with half its rows", files.png(PNG_HEADER, PNG_ROWS[: len(PNG_ROWS) // 2]), ImageCorrupt)
    yield HostileFile("png without its palette", files.png(files.png_header(480, 360, 8, 3), PNG_ROWS), ImageCorrupt)
    yield HostileFile("png of an unknown depth", files.png(files.png_header(480, 360, 5, 2), PNG_ROWS), ImageCorrupt)
    yield HostileFile("png of an unknown filter", files.png(PNG_HEADER, b"\7" + PNG_ROWS[1:]), ImageCorrupt)


def _bmp() -> Iterator[HostileFile]:
    for bit_depth in (24, 32):
        for top_down in (False, True):
            data = files.bmp(PICTURE, bit_depth=bit_depth, top_down=top_down)
            yield HostileFile(f"bmp {bit_depth} bits {top_down}", data)
    yield HostileFile("bmp run-length coded", files.run_length_bmp(files.RUN_ROW * 360 + b"\0\1"))
    yield HostileFile("bmp run-length coded, cut", files.run_length_bmp(files.RUN_ROW * 100 + b"\0\1"), ImageCorrupt)
    yield HostileFile("bmp cut", BMP[:-1000], ImageCorrupt)
    wide = struct.pack("<IiiHHI", 40, 2**31 - 1, -(2**31), 1, 24, 0)
    yield HostileFile("bmp claims 2 billion px", b"BM" + bytes(12) + wide + bytes(40), ImageDimensionsOutOfRange)
    inside = struct.pack("<IiiHHI", 40, 480, 360, 1, 24, 4)
    yield HostileFile("bmp around a jpeg", b"BM" + bytes(12) + inside + bytes(20) + JPEG, ImageFormatUnsupported)


def _foreign() -> Iterator[HostileFile]:
    for name, head in (
        ("gif", b"GIF89a"),
        ("webp", b"RIFF\x10\0\0\0WEBPVP8 "),
        ("tiff", b"II*\0"),
        ("heic", b"\0\0\0\x18ftypheic"),
        ("avif", b"\0\0\0\x18ftypavif"),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("script", b"#!/bin/sh\n"),
    ):
        yield HostileFile(name, head + bytes(200), ImageFormatUnsupported)
    yield HostileFile("pdf around a jpeg", b"%PDF-1.7\n" + JPEG, ImageFormatUnsupported)
    yield HostileFile("gif around a jpeg", b"GIF89a" + JPEG, ImageFormatUnsupported)
    yield HostileFile("nothing", b"", ImageFormatUnsupported)
    yield HostileFile("zeros beyond the size limit", bytes(3 * 1024 * 1024), ImageTooLarge)
