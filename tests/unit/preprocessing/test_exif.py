"""EXIF: orientation and focal length, from files and from damaged blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktp_preprocessing.decode import decode_image
from ktp_preprocessing.exif import read_exif
from tests.unit.preprocessing import image_files as files

PICTURE = files.picture()
BASELINE = files.jpeg()


def mean_error(pixels: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    return float(np.abs(pixels.astype(int) - expected.astype(int)).mean())


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


@pytest.mark.parametrize("order", [">", "<"])
def test_focal_length_comes_in_units_of_the_longer_side(order: str) -> None:
    """26 mm on film of 43.27 mm across; a picture of 4 : 3 is 1.25 of its longer side across."""
    block = files.exif_focal_length(26, order=order)
    decoded = decode_image(files.with_segment(BASELINE, 0xE1, b"Exif\0\0" + block))
    assert decoded.focal_length == pytest.approx(26 / 43.267 * 1.25, rel=1e-4)


@pytest.mark.parametrize("block", [files.exif_orientation(1), files.exif_focal_length(0)])
def test_an_unknown_focal_length_is_none(block: bytes) -> None:
    assert decode_image(files.with_segment(BASELINE, 0xE1, b"Exif\0\0" + block)).focal_length is None
    assert decode_image(BASELINE).focal_length is None


@given(st.sampled_from([b"II*\0", b"MM\0*", b""]), st.binary(max_size=200), st.integers(0, 60))
def test_any_block_gives_facts(mark: bytes, rest: bytes, cut: int) -> None:
    for block in (mark + rest, files.exif_focal_length(35)[:cut] + rest):
        facts = read_exif(block)
        assert 1 <= facts.orientation <= 8
        assert facts.film_focal_length_mm is None or 0 < facts.film_focal_length_mm < 2**16
