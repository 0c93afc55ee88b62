"""Letterboxing keeps the aspect, and its homography says exactly where pixels went."""

import numpy as np
import pytest

from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.letterbox import LETTERBOX_PADDING_VALUE, letterbox


@pytest.mark.parametrize(
    ("height_px", "width_px"), [(1200, 1600), (1600, 1200), (320, 320), (100, 200), (1, 1), (3, 999)]
)
def test_letterbox_fits_any_shape(height_px: int, width_px: int) -> None:
    pixels = np.full((height_px, width_px, 3), 7, dtype=np.uint8)

    boxed = letterbox(pixels, 320)

    inner = (boxed.pixels == 7).all(axis=2)
    rows, columns = inner.any(axis=1).sum(), inner.any(axis=0).sum()
    assert boxed.pixels.shape == (320, 320, 3)
    assert inner[:rows, :columns].all()
    assert (boxed.pixels[rows:] == LETTERBOX_PADDING_VALUE).all()
    assert max(rows, columns) == 320
    assert abs(rows - max(1.0, 320 * height_px / max(height_px, width_px))) <= 0.5


def test_homography_maps_image_edges_to_inner_edges() -> None:
    boxed = letterbox(np.zeros((1000, 1501, 3), dtype=np.uint8), 320)

    edges = map_points(boxed.homography, np.array([[-0.5, -0.5], [1500.5, 999.5]]))

    np.testing.assert_allclose(edges, [[-0.5, -0.5], [319.5, 212.5]], atol=1e-9)


def test_homography_finds_a_blob_again() -> None:
    pixels = np.zeros((1200, 1600, 3), dtype=np.uint8)
    pixels[690:711, 390:411] = 255  # centred on (400, 700)

    boxed = letterbox(pixels, 320)

    weights = boxed.pixels[:240, :, 0].astype(np.float64)
    rows, columns = np.indices(weights.shape)
    centroid = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()
    expected = map_points(boxed.homography, np.array([[400.0, 700.0]]))[0]
    np.testing.assert_allclose(centroid, expected, atol=0.05)
