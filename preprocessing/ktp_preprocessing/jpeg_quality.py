"""JPEG quality, estimated from the quantisation table.

Source: the scaling rule of the Independent JPEG Group's encoder (jcparam.c, jpeg_quality_scaling) on the example
luminance table of ITU-T T.81, table K.1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_STANDARD_LUMINANCE_ZIGZAG = np.array(
    [
        *(16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40),
        *(26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51),
        *(56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87),
        *(95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99),
    ],
    dtype=np.float64,
)
"""ITU-T T.81, table K.1, in zigzag order."""


def _scaled_tables() -> NDArray[np.float64]:
    """Tables the IJG encoder writes for qualities 1 to 100: (100, 64)."""
    quality = np.arange(1, 101, dtype=np.float64)
    scale = np.where(quality < 50, np.floor(5000 / quality), 200 - 2 * quality)
    tables = np.floor((_STANDARD_LUMINANCE_ZIGZAG[None, :] * scale[:, None] + 50) / 100)
    return np.asarray(np.clip(tables, 1, 255), dtype=np.float64)


_TABLES_BY_QUALITY = _scaled_tables()


def estimate_quality(luminance_table: Sequence[int]) -> int:
    """Estimate the quality setting that an encoder was given.

    Exact for files of encoders that scale the standard table; otherwise the setting with the nearest table, by the
    relative size of the steps.

    Args:
        luminance_table: 64 quantisation steps in zigzag order.

    Returns:
        1 to 100.

    Raises:
        ValueError: the table does not have 64 steps.
    """
    if len(luminance_table) != 64:
        raise ValueError("a quantisation table has 64 steps")
    steps = np.maximum(np.asarray(luminance_table, dtype=np.float64), 1.0)
    distance = np.abs(np.log(_TABLES_BY_QUALITY) - np.log(steps)[None, :]).sum(axis=1)
    return int(np.argmin(distance)) + 1
