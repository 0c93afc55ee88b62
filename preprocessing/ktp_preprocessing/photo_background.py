"""The colour behind the holder in the card's photo: red or blue, or neither that can be told."""

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.rectify import CARD_FRAME_MARGIN_PX, CARD_FRAME_SIZE_PX

__all__ = ["BackgroundColour", "find_photo_background"]

_BANDS = ((0.73, 0.765), (0.925, 0.96))  # left and right of the head, as fractions of the card's width
_TOP, _BOTTOM = 0.28, 0.45  # above the shoulders, as fractions of its height
_SATURATION_MIN = 90  # of 255: the card's own pale ground and a grey copy stay below
_VALUE_MIN = 50  # of 255: hair and shade have no colour that could be trusted
_CIRCLE = 180  # of OpenCV's hue, in units of 2 degrees
_RED_HUES = (-12, 12)
_BLUE_HUES = (95, 135)
_LAST_HUE = 150  # beyond it, purple ends and red begins again
_SHARE_MIN = 0.5  # of the bands' pixels
_OTHER_SHARE_MAX = 0.1


class BackgroundColour(StrEnum):
    """The two colours in use."""

    RED = "red"
    BLUE = "blue"


def find_photo_background(card: NDArray[np.uint8]) -> BackgroundColour | None:
    """Tell the colour from the bands beside the head.

    Args:
        card: (416, 640, 3) uint8 RGB, the card frame.

    Returns:
        None on a grey copy, under coloured light, or where something covers the photo.
    """
    (width_px, height_px), (margin_x_px, margin_y_px) = CARD_FRAME_SIZE_PX, CARD_FRAME_MARGIN_PX
    inner = card[margin_y_px : height_px - margin_y_px, margin_x_px : width_px - margin_x_px]
    rows = slice(int(_TOP * len(inner)), int(_BOTTOM * len(inner)))
    bands = [inner[rows, int(left * inner.shape[1]) : int(right * inner.shape[1])] for left, right in _BANDS]
    hsv = np.concatenate([cv2.cvtColor(np.ascontiguousarray(band), cv2.COLOR_RGB2HSV) for band in bands], axis=1)
    hue, saturation, value = (hsv[..., channel].astype(np.int16) for channel in range(3))
    hue[hue > _LAST_HUE] -= _CIRCLE
    is_coloured = (saturation >= _SATURATION_MIN) & (value >= _VALUE_MIN)
    red, blue = (
        float(np.mean(is_coloured & (hue >= first) & (hue <= last))) for first, last in (_RED_HUES, _BLUE_HUES)
    )
    if max(red, blue) < _SHARE_MIN or min(red, blue) > _OTHER_SHARE_MAX:
        return None
    return BackgroundColour.RED if red > blue else BackgroundColour.BLUE
