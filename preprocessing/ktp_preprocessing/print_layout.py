"""Whether print stands where a KTP has it: province and regency in the middle, the NIK below, labels, their values.

Every KTP has the same places for its rows, whatever they say, in colour or copied; another card has print elsewhere, or
larger, with fewer rows. What is thin and darker than its surroundings is print; how much of it each cell of a coarse
grid has is held against a drawing of a KTP's places. Names are short or long: only where each row begins is counted.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.rectify import CARD_FRAME_MARGIN_PX
from ktp_preprocessing.sampling import halve

__all__ = ["score_layout"]

_HALVING_COUNT = 1
_STROKE_REACH_PX = 7
"""Dark things narrower than this, in halved pixels, are print: strokes are 1 to 2 px wide, shadows wider."""

_ROW_COUNT, _COLUMN_COUNT = 30, 33
_PRINTED_WIDTH = 0.69
"""Cells, 13 px each, down and across the part of the card beside the photo."""

_PRINT_PLACES = (
    (0.30, 0.045, 0.69, 0.075),  # province
    (0.30, 0.10, 0.69, 0.13),  # regency
    (0.03, 0.24, 0.085, 0.28),  # the label NIK
    (0.26, 0.235, 0.69, 0.285),  # its number
    (0.03, 0.315, 0.17, 0.88),  # labels
    (0.26, 0.315, 0.40, 0.88),  # where values begin
)
"""Left, top, right, bottom as fractions of the card."""

_STRONG_PRINT_SHARE = 0.05
"""Share of the cells, the darkest ones, that are told no further apart: large digits must not outweigh rows."""

_DOUBTFUL_CORRELATION = 0.25
"""Correlation that scores 0.5. Of 225 KTPs of all strata 224 have more (the other's corners were found wrong), their
median is 0.6; of 15 other cards that segmentation took for a KTP two do, of 144 drawn ones 8."""


def score_layout(card_pixels: NDArray[np.uint8]) -> float:
    """Score how much a card's print lies like a KTP's.

    Args:
        card_pixels: (416, 640, 3) uint8 RGB, the card frame.

    Returns:
        0 (print lies elsewhere, or there is none) to 1 (as on every KTP).
    """
    margin_x_px, margin_y_px = CARD_FRAME_MARGIN_PX
    card = card_pixels[margin_y_px:-margin_y_px, margin_x_px:-margin_x_px]
    printed = halve(card[:, : round(_PRINTED_WIDTH * card.shape[1])], _HALVING_COUNT)
    grey = cv2.cvtColor(printed, cv2.COLOR_RGB2GRAY)
    ink = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((_STROKE_REACH_PX, _STROKE_REACH_PX), dtype=np.uint8))
    size = _COLUMN_COUNT, _ROW_COUNT
    cells = np.asarray(cv2.resize(np.asarray(ink, dtype=np.float32), size, interpolation=cv2.INTER_AREA))
    levels = np.minimum(cells, np.quantile(cells, 1.0 - _STRONG_PRINT_SHARE))
    levels -= levels.mean()
    spread = float(np.linalg.norm(levels))
    correlation = float((levels * _DRAWING).sum()) / spread if spread > 0.0 else 0.0
    return float(np.clip(correlation / (2.0 * _DOUBTFUL_CORRELATION), 0.0, 1.0))


def _draw_places() -> NDArray[np.float32]:
    """Where a KTP has print: (rows, columns) float32 of mean 0 and length 1."""
    places = np.zeros((_ROW_COUNT, _COLUMN_COUNT), dtype=np.float32)
    across = _COLUMN_COUNT / _PRINTED_WIDTH
    for left, top, right, bottom in _PRINT_PLACES:
        rows = slice(round(top * _ROW_COUNT), round(bottom * _ROW_COUNT))
        places[rows, round(left * across) : round(right * across)] = 1.0
    places -= places.mean()
    return places / np.linalg.norm(places)


_DRAWING = _draw_places()
