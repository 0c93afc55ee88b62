"""The quality estimate is exact for the common encoders and sensible for other tables."""

import io

import numpy as np
import pytest
from PIL import Image

from ktp_preprocessing.decode import decode_image
from ktp_preprocessing.jpeg_quality import estimate_quality
from tests.unit.preprocessing import image_files as files


@pytest.mark.parametrize("quality", range(2, 101))
def test_quality_of_the_common_encoder_is_exact(quality: int) -> None:
    written = files.encode(Image.new("RGB", (8, 8)), "JPEG", quality=quality)
    with Image.open(io.BytesIO(written)) as image:
        assert isinstance(image.info, dict)
        table = written[written.index(b"\xff\xdb") + 5 :][:64]
    assert estimate_quality(tuple(table)) == quality


@pytest.mark.parametrize(("step", "low", "high"), [(1, 98, 100), (16, 70, 92), (99, 10, 35), (255, 1, 12)])
def test_flat_tables_get_a_plausible_quality(step: int, low: int, high: int) -> None:
    assert low <= estimate_quality((step,) * 64) <= high


def test_finer_tables_never_get_a_lower_quality() -> None:
    rng = np.random.default_rng(3)
    coarse = rng.integers(10, 60, 64)
    qualities = [estimate_quality(tuple(np.maximum(coarse // divisor, 1).tolist())) for divisor in (1, 2, 4, 8)]
    assert qualities == sorted(qualities)


def test_wrong_table_size_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        estimate_quality((1, 2, 3))


def test_file_without_early_table_has_no_estimate() -> None:
    data = files.jpeg()
    start = data.index(b"\xff\xdb")
    renamed = data[:start] + b"\xff\xfe" + data[start + 2 :]  # the table becomes a comment
    moved = renamed.replace(b"\xff\xfe", b"\xff\xdb", 1)
    assert decode_image(moved).jpeg_quality == 90
