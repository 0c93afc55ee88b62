"""Decoding: what is no whole image of an allowed format and size gets its typed error."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ktp_preprocessing.decode import DecodeLimits, decode_image
from ktp_preprocessing.errors import (
    ImageCorrupt,
    ImageDimensionsOutOfRange,
    ImageError,
    ImageFormatUnsupported,
    ImageTooLarge,
)
from tests.unit.preprocessing import image_files as files

PICTURE = files.picture()
GREY = PICTURE[:, :, 1]
BASELINE = files.jpeg()
PROGRESSIVE = files.jpeg(progressive=True)
PNG_FILE = files.encode(Image.fromarray(PICTURE), "PNG")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello, this is text", "JPEG, PNG or BMP"),
        (b"GIF89a" + bytes(500), "GIF"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(100), "WebP"),
        (b"II*\0" + bytes(100), "TIFF"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
        (b"%PDF-1.7\n" + BASELINE, "PDF"),
        (b"\xff\xd8", "JPEG, PNG or BMP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "JPEG, PNG or BMP"),
        (files.with_frame_marker(BASELINE, 0xC9), "arithmetic"),
        (files.with_frame_marker(BASELINE, 0xC3), "lossless"),
        (files.with_frame(BASELINE, b"\x0c" + struct.pack(">HHB", 360, 480, 1) + b"\1\x11\0"), "12 bits"),
        (files.with_frame(BASELINE, b"\x08" + struct.pack(">HHB", 360, 480, 2) + bytes(6)), "2 components"),
        (b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 480, 360, 1, 24, 4) + bytes(40), "compressed BMP"),
        (b"BM" + bytes(12) + struct.pack("<I", 999) + bytes(99), "BMP header"),
    ],
)
def test_unsupported_formats(data: bytes, word: str) -> None:
    with pytest.raises(ImageFormatUnsupported, match=word) as caught:
        decode_image(data)
    assert caught.value.reason == "IMAGE_FORMAT_UNSUPPORTED"


@pytest.mark.parametrize(
    "data",
    [
        files.png_header(20_000, 20_000, 8, 2) + files.png_chunk(b"IEND", b""),
        files.png_header(2**31 - 1, 2**31 - 1, 16, 6),
        files.png(files.png_header(1, 1, 8, 2), b"\0\0\0\0"),
        files.with_jpeg_size(BASELINE, 65_500, 65_500),
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 2**31 - 1, -(2**31), 1, 24, 0) + bytes(40),
        files.jpeg(files.picture(480, 299)),
        files.jpeg(files.picture(399, 399)),
        files.jpeg(files.picture(4000, 400), quality=20),
        files.jpeg(files.picture(3000, 3000), quality=5),
    ],
)
def test_dimensions_out_of_range(data: bytes) -> None:
    with pytest.raises(ImageDimensionsOutOfRange):
        decode_image(data)


@pytest.mark.parametrize(("width_px", "height_px"), [(400, 300), (300, 400), (3999, 320), (320, 3999)])
def test_dimensions_at_the_limits_in_either_orientation(width_px: int, height_px: int) -> None:
    assert decode_image(files.jpeg(files.picture(width_px, height_px))).pixels.shape == (height_px, width_px, 3)


def test_file_size_limit_comes_first() -> None:
    limit = len(BASELINE)
    assert decode_image(BASELINE, DecodeLimits(max_bytes=limit)).size_bytes == limit
    with pytest.raises(ImageTooLarge):
        decode_image(BASELINE, DecodeLimits(max_bytes=limit - 1))
    with pytest.raises(ImageTooLarge):
        decode_image(b"text" * 1_000_000)


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE, PNG_FILE, files.bmp(PICTURE)])
@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3, 0.6, 0.9, 0.99])
def test_truncated_files_are_corrupt(data: bytes, fraction: float) -> None:
    with pytest.raises(ImageCorrupt):
        decode_image(data[: int(len(data) * fraction)])


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE])
def test_jpeg_without_its_end_marker_is_corrupt(data: bytes) -> None:
    with pytest.raises(ImageCorrupt):
        decode_image(data[:-2])


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_truncated_jpeg_closed_with_an_end_marker_is_corrupt(fraction: float) -> None:
    with pytest.raises(ImageCorrupt):
        decode_image(BASELINE[: int(len(BASELINE) * fraction)] + b"\xff\xd9")


def test_progressive_jpeg_without_its_last_scans_is_corrupt() -> None:
    last_scan = PROGRESSIVE.rindex(b"\xff\xda")
    with pytest.raises(ImageCorrupt):
        decode_image(PROGRESSIVE[:last_scan] + b"\xff\xd9")


@pytest.mark.parametrize("quality", [50, 90])
@pytest.mark.parametrize("scan", range(10))
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_progressive_jpeg_with_one_scan_cut_is_corrupt(quality: int, scan: int, kept: float) -> None:
    noise = np.random.default_rng(3).normal(0.0, 40.0, PICTURE.shape)  # so that every scan has something to say
    data = files.jpeg(np.clip(PICTURE + noise, 0, 255).astype(np.uint8), quality=quality, progressive=True)
    starts = [place for place in range(len(data)) if data.startswith(b"\xff\xda", place)]
    assert len(starts) == 10
    start = starts[scan] + 2 + int.from_bytes(data[starts[scan] + 2 : starts[scan] + 4], "big")
    stop = next(place for place in range(start, len(data)) if data[place] == 0xFF and data[place + 1] != 0)
    cut = start + int((stop - start) * kept)
    with pytest.raises(ImageCorrupt):
        decode_image(data[:cut].rstrip(b"\xff") + data[stop:])


def test_jpeg_that_lost_a_restart_interval_is_corrupt() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "JPEG", restart_marker_rows=1)
    data = buffer.getvalue()
    assert decode_image(data).pixels.shape == (360, 480, 3)
    second, third = data.index(b"\xff\xd1"), data.index(b"\xff\xd2")
    with pytest.raises(ImageCorrupt):
        decode_image(data[:second] + data[third:])


def test_jpeg_with_endless_scans_is_refused() -> None:
    scan = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageFormatUnsupported, match="scans"):
        decode_image(PROGRESSIVE[:-2] + scan * 40 + b"\xff\xd9")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x01",
        b"\xff\xd8\xff\xda\x00\x02\xff\xd9",
        files.with_jpeg_size(BASELINE, 480, 0),
        files.with_frame(BASELINE, b"\x08\x01\x68\x01\xe0\x03"),
        files.with_segment(BASELINE, 0xC0, b"\x08\x01\x68\x01\xe0\x01\x01\x11\0"),
        b"\x89PNG\r\n\x1a\n",
        files.png_header(480, 360, 8, 2)[:-1] + b"\0",
        files.png_header(480, 360, 3, 2),
        files.png_header(480, 360, 8, 2) + files.png_chunk(b"IEND", b""),
        files.png(files.png_header(480, 360, 8, 2), files.png_rows(PICTURE[:200])),
        files.png(files.png_header(480, 360, 8, 3), files.png_rows(GREY)),
        PNG_FILE[:200] + bytes([PNG_FILE[200] ^ 0xFF]) + PNG_FILE[201:],
        b"BM",
        files.bmp(PICTURE)[:-1],
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 480, 360, 1, 7, 0) + bytes(40),
    ],
)
def test_damaged_files_are_corrupt(data: bytes) -> None:
    with pytest.raises(ImageCorrupt):
        decode_image(data)


def test_png_bomb_costs_no_memory() -> None:
    """36 million pixels of zeros in 36 KB, declared as a small picture: only the declared rows are unpacked."""
    rows = bytes(36_000_000)
    decoded = decode_image(files.png(files.png_header(480, 360, 8, 2), rows))
    assert decoded.pixels.max() == 0


@pytest.mark.parametrize("field", ["max_bytes", "min_short_px", "min_long_px", "below_short_px", "below_long_px"])
def test_limits_must_be_positive(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        DecodeLimits(**{field: 0})


def test_limits_have_a_ceiling() -> None:
    with pytest.raises(ValueError, match="exceed"):
        DecodeLimits(below_short_px=20_000, below_long_px=20_000)


SMALL = files.picture(40, 30)
SMALL_FILES = [
    files.jpeg(SMALL),
    files.jpeg(SMALL, progressive=True),
    files.encode(Image.fromarray(SMALL).convert("CMYK"), "JPEG"),
    files.with_segment(files.jpeg(SMALL), 0xE1, b"Exif\0\0" + files.exif_orientation(6)),
    files.encode(Image.fromarray(SMALL), "PNG"),
    files.encode(Image.fromarray(SMALL).convert("P"), "PNG"),
    files.png(files.png_header(40, 30, 16, 0), files.png_rows(SMALL[:, :, 0].astype(np.uint16))),
    files.bmp(SMALL),
    files.bmp(SMALL, bit_depth=32, top_down=True),
    files.encode(Image.fromarray(SMALL).convert("P"), "BMP"),
]
SMALL_LIMITS = DecodeLimits(max_bytes=100_000, min_short_px=1, min_long_px=1, below_short_px=500, below_long_px=500)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(SMALL_FILES),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
    st.integers(0, 5000),
    st.binary(max_size=20),
)
def test_mutated_files_decode_or_raise_an_image_error(
    data: bytes, changes: list[tuple[int, int]], cut: int, insertion: bytes
) -> None:
    mutated = bytearray(data)
    for position, value in changes:
        mutated[position % len(mutated)] = value
    place = cut % len(mutated)
    mutated[place:place] = insertion
    try:
        decoded = decode_image(bytes(mutated), SMALL_LIMITS)
    except ImageError:
        return
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.ndim == 3
    assert max(decoded.pixels.shape[:2]) < 500


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b""]), st.binary(max_size=300))
def test_arbitrary_bytes_raise_an_image_error(magic: bytes, rest: bytes) -> None:
    with pytest.raises(ImageError):
        decode_image(magic + rest, SMALL_LIMITS)
