"""Decoding: whole images come out right in every variant, everything else gets its typed error."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ktp_preprocessing.decode import DecodeLimits, ImageFormat, decode_image
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


def mean_error(pixels: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    return float(np.abs(pixels.astype(int) - expected.astype(int)).mean())


# --- whole images ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [35, 80, 95])
def test_jpeg(quality: int, progressive: bool) -> None:
    decoded = decode_image(files.jpeg(quality=quality, progressive=progressive))
    assert decoded.format is ImageFormat.JPEG
    assert decoded.pixels.shape == (360, 480, 3)
    assert decoded.jpeg_quality == quality
    assert mean_error(decoded.pixels, PICTURE) < 3.0


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_in_other_colour_spaces(mode: str) -> None:
    decoded = decode_image(files.encode(Image.fromarray(PICTURE).convert(mode), "JPEG"))
    expected = np.repeat(np.array(Image.fromarray(PICTURE).convert("L"))[:, :, None], 3, 2) if mode == "L" else PICTURE
    assert mean_error(decoded.pixels, expected) < 6.0


def test_ycck_jpeg() -> None:
    """YCCK is CMYK with its first three components turned by the YCbCr transform, as the Adobe marker says."""
    inverted = Image.fromarray(255 - PICTURE).convert("YCbCr")
    luma_chroma_black = Image.merge("CMYK", (*inverted.split(), Image.new("L", inverted.size, 255)))
    written = files.encode(Image.eval(luma_chroma_black, lambda value: 255 - value), "JPEG", quality=95)
    marker = written.index(b"\xff\xee") + 15
    assert written[marker - 11 : marker - 6] == b"Adobe"
    ycck = written[:marker] + b"\x02" + written[marker + 1 :]

    decoded = decode_image(ycck)

    assert mean_error(decoded.pixels, PICTURE) < 6.0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "jpeg little-endian"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    stored_of = {
        1: PICTURE,
        2: PICTURE[:, ::-1],
        3: PICTURE[::-1, ::-1],
        4: PICTURE[::-1],
        5: PICTURE.transpose(1, 0, 2),
        6: np.rot90(PICTURE, 1),
        7: PICTURE[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PICTURE, -1),
    }
    stored = np.ascontiguousarray(stored_of[orientation])
    if kind == "png":
        rows, header = files.png_rows(stored), files.png_header(stored.shape[1], stored.shape[0], 8, 2)
        data = files.png(header, rows, files.png_chunk(b"eXIf", files.exif_orientation(orientation)))
    else:
        tiff = files.exif_orientation(orientation, order="<" if "little" in kind else ">")
        data = files.with_segment(files.jpeg(stored, quality=95), 0xE1, b"Exif\0\0" + tiff)
    assert mean_error(decode_image(data).pixels, PICTURE) < 2.0


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        files.exif_orientation(9),
        files.exif_orientation(0),
    ],
)
def test_damaged_exif_is_ignored(tiff: bytes) -> None:
    decoded = decode_image(files.with_segment(BASELINE, 0xE1, b"Exif\0\0" + tiff))
    np.testing.assert_array_equal(decoded.pixels, decode_image(BASELINE).pixels)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA"])
def test_png_modes(mode: str) -> None:
    image = Image.fromarray(PICTURE).convert(mode)
    decoded = decode_image(files.encode(image, "PNG"))
    np.testing.assert_array_equal(decoded.pixels, np.array(image.convert("RGB")))
    assert decoded.jpeg_quality is None


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_png(colour_type: int, channels: int) -> None:
    samples = np.full((360, 480, channels), 0xFFFF, dtype=np.uint16)
    colours = 1 if colour_type in (0, 4) else 3
    samples[:, :, :colours] = PICTURE[:, :, :colours].astype(np.uint16) * 257
    decoded = decode_image(files.png(files.png_header(480, 360, 16, colour_type), files.png_rows(samples)))
    expected = PICTURE if colours == 3 else np.repeat(PICTURE[:, :, :1], 3, axis=2)
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 1


def test_sixteen_bit_grey_png_with_a_transparent_value() -> None:
    samples = GREY.astype(np.uint16) * 257
    samples[:40, :50] = 0x1234
    transparent = files.png_chunk(b"tRNS", b"\x12\x34")
    decoded = decode_image(files.png(files.png_header(480, 360, 16, 0), files.png_rows(samples), transparent))
    assert (decoded.pixels[:40, :50] == 255).all()
    assert np.abs(decoded.pixels[50:, 60:, 0].astype(int) - GREY[50:, 60:]).max() <= 1


@pytest.mark.parametrize("bit_depth", [1, 2, 4])
def test_shallow_grey_png(bit_depth: int) -> None:
    levels = (GREY >> (8 - bit_depth)).astype(np.uint8)
    bits = np.unpackbits(levels[:, :, None], axis=2)[:, :, 8 - bit_depth :]
    rows = np.packbits(bits.reshape(360, -1), axis=1)
    decoded = decode_image(files.png(files.png_header(480, 360, bit_depth, 0), files.png_rows(rows)))
    expected = levels.astype(int) * 255 // (2**bit_depth - 1)
    assert np.abs(decoded.pixels[:, :, 0].astype(int) - expected).max() <= 1


def test_interlaced_png() -> None:
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    odd = np.ascontiguousarray(PICTURE[:357, :475])
    rows = b"".join(files.png_rows(np.ascontiguousarray(odd[y::sy, x::sx])) for x, y, sx, sy in passes)
    decoded = decode_image(files.png(files.png_header(475, 357, 8, 2, interlace=1), rows))
    np.testing.assert_array_equal(decoded.pixels, odd)


def test_transparent_parts_show_white() -> None:
    alpha = np.full((360, 480, 1), 255, dtype=np.uint8)
    alpha[:100] = 0
    alpha[100:200] = 128
    decoded = decode_image(files.encode(Image.fromarray(np.concatenate([PICTURE, alpha], axis=2)), "PNG"))
    assert (decoded.pixels[:100] == 255).all()
    blended = PICTURE[100:200] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(decoded.pixels[100:200] - blended).max() <= 1.0
    np.testing.assert_array_equal(decoded.pixels[200:], PICTURE[200:])


def test_palette_png_with_transparency() -> None:
    indices = np.zeros((360, 480), dtype=np.uint8)
    indices[:, 240:] = 1
    palette = files.png_chunk(b"PLTE", bytes((10, 20, 30, 40, 50, 60)))
    transparency = files.png_chunk(b"tRNS", bytes((255, 0)))
    data = files.png(files.png_header(480, 360, 8, 3), files.png_rows(indices), palette, transparency)
    pixels = decode_image(data).pixels
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[0, 479].tolist() == [255, 255, 255]


def test_animated_png_gives_its_first_picture() -> None:
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    assert b"acTL" in buffer.getvalue()
    np.testing.assert_array_equal(decode_image(buffer.getvalue()).pixels, PICTURE)


@pytest.mark.parametrize("bit_depth", [24, 32])
@pytest.mark.parametrize("top_down", [False, True])
def test_bmp(bit_depth: int, top_down: bool) -> None:
    odd = np.ascontiguousarray(PICTURE[:, :477])
    decoded = decode_image(files.bmp(odd, bit_depth=bit_depth, top_down=top_down))
    assert decoded.format is ImageFormat.BMP
    np.testing.assert_array_equal(decoded.pixels, odd)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
def test_bmp_modes(mode: str) -> None:
    image = Image.fromarray(PICTURE).convert(mode)
    np.testing.assert_array_equal(decode_image(files.encode(image, "BMP")).pixels, np.array(image.convert("RGB")))


def test_run_length_coded_bmp() -> None:
    pixels = decode_image(files.run_length_bmp(files.RUN_ROW * 360 + b"\0\1")).pixels
    assert (pixels[:, :240] == 1).all()
    assert (pixels[:, 240:] == 2).all()


@pytest.mark.parametrize("row_count", [0, 100, 359])
def test_run_length_coded_bmp_without_all_rows_is_corrupt(row_count: int) -> None:
    with pytest.raises(ImageCorrupt):
        decode_image(files.run_length_bmp(files.RUN_ROW * row_count + b"\0\1"))


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE, PNG_FILE, files.bmp(PICTURE)])
@pytest.mark.parametrize("trailer", [b"\0" * 100, b"PK\x03\x04 a zip file", b"\xff\xd8\xff\xe0", b"<script>"])
def test_data_after_the_image_are_ignored(data: bytes, trailer: bytes) -> None:
    np.testing.assert_array_equal(decode_image(data + trailer).pixels, decode_image(data).pixels)


def test_metadata_never_reach_the_decoder() -> None:
    bomb = b"profile\0\0" + zlib.compress(bytes(50_000_000))
    png_file = files.png(files.png_header(480, 360, 8, 2), files.png_rows(PICTURE), files.png_chunk(b"iCCP", bomb))
    np.testing.assert_array_equal(decode_image(png_file).pixels, PICTURE)
    noisy = files.with_segment(files.with_segment(BASELINE, 0xE2, b"MPF\0broken"), 0xE1, b"Exif\0\0II*\0broken")
    np.testing.assert_array_equal(decode_image(noisy).pixels, decode_image(BASELINE).pixels)


# --- refusals -------------------------------------------------------------------------------------------------------


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


# --- properties -----------------------------------------------------------------------------------------------------

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
