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


@pytest.mark.parametrize(("size_px", "tolerance_px"), [((1000, 1500), 1e-9), ((1001, 1503), 1.0)])
def test_homography_maps_image_edges_to_inner_edges(size_px: tuple[int, int], tolerance_px: float) -> None:
    """An odd last row or column may be left out."""
    boxed = letterbox(np.zeros((*size_px, 3), dtype=np.uint8), 320)

    edges = map_points(boxed.homography, np.array([[-0.5, -0.5], [size_px[1] - 0.5, size_px[0] - 0.5]]))

    np.testing.assert_allclose(edges, [[-0.5, -0.5], [319.5, 212.5]], atol=tolerance_px)


@pytest.mark.parametrize("size_px", [(1200, 1600), (1201, 1603), (1211, 1607), (777, 1333)])
def test_homography_finds_a_blob_again(size_px: tuple[int, int]) -> None:
    pixels = np.zeros((*size_px, 3), dtype=np.uint8)
    pixels[490:511, 390:411] = 255  # centred on (400, 500)

    boxed = letterbox(pixels, 320)

    weights = boxed.pixels[..., 0].astype(np.float64) * (boxed.pixels[..., 0] != LETTERBOX_PADDING_VALUE)
    rows, columns = np.indices(weights.shape)
    centroid = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()
    expected = map_points(boxed.homography, np.array([[400.0, 500.0]]))[0]
    np.testing.assert_allclose(centroid, expected, atol=0.1)
