"""Decoding: whole images come out right in every variant."""

import io
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ktp_preprocessing.decode import ImageFormat, decode_image
from ktp_preprocessing.errors import (
    ImageCorrupt,
)
from tests.unit.preprocessing import image_files as files

PICTURE = files.picture()
GREY = PICTURE[:, :, 1]
BASELINE = files.jpeg()
PROGRESSIVE = files.jpeg(progressive=True)
PNG_FILE = files.encode(Image.fromarray(PICTURE), "PNG")


def mean_error(pixels: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    return float(np.abs(pixels.astype(int) - expected.astype(int)).mean())


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


def unusually_sampled() -> bytes:
    """A CMYK file whose black plane has half the resolution of its first: a scheme without a name, by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).convert("CMYK").save(buffer, "JPEG", quality=90, subsampling="4:2:0")
    return buffer.getvalue()


def test_jpeg_of_unusual_colour_sampling() -> None:
    assert mean_error(decode_image(unusually_sampled()).pixels, PICTURE) < 6.0


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
def test_truncated_jpeg_of_unusual_colour_sampling_is_corrupt(kept: float) -> None:
    data = unusually_sampled()
    with pytest.raises(ImageCorrupt):
        decode_image(data[: int(len(data) * kept)] + b"\xff\xd9")


@pytest.mark.parametrize("junk", [b"\0" * 20, b"\x5a\xa5" * 8])
@pytest.mark.parametrize("data", [BASELINE, files.jpeg(progressive=True)])
def test_bytes_before_the_end_marker_are_ignored(data: bytes, junk: bytes) -> None:
    """Some phones write a few there."""
    np.testing.assert_array_equal(decode_image(data[:-2] + junk + data[-2:]).pixels, decode_image(data).pixels)
