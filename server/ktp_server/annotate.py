"""Annotated pictures: the card's outline, glare, the text boxes, the values that were read, the checks that failed."""

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.decode import decode_image
from ktp_server.results import FIELD_NAMES, AssessmentResult, Quad, RecognitionResult

__all__ = ["annotate", "write_annotated"]

CARD_COLOUR = (0, 170, 80)
GLARE_COLOUR = (220, 30, 30)
LINE_COLOUR = (150, 150, 150)
FIELD_COLOUR = (230, 90, 0)
PANEL_COLOUR = (250, 250, 250)
TEXT_COLOUR = (30, 30, 30)
"""RGB."""

PANEL_WIDTH_SHARE = 0.75
"""Width of the panel of values, as a part of the picture's longer side: a long address fits."""

ROW_COUNT = len(FIELD_NAMES) + 2
FONT = cv2.FONT_HERSHEY_SIMPLEX
GLYPH_HEIGHT_PX = 22.0
"""Height of a glyph of FONT at scale 1."""
LABEL_SHARE = 0.6
"""Height of a field's number, of its box: narrow enough to stand between the place of birth and the date."""


def write_annotated(path: Path, data: bytes, result: RecognitionResult | AssessmentResult) -> None:
    """Write an image file with what was learnt from it; see `annotate`.

    Args:
        path: the picture to write; its suffix chooses the format.
        data: the image file.
        result: what was learnt from it.

    Raises:
        OSError: it cannot be written.
    """
    picture = cv2.cvtColor(annotate(decode_image(data).pixels, result), cv2.COLOR_RGB2BGR)
    if not cv2.haveImageWriter(path.name):
        raise OSError(f"cannot write a picture as {path.suffix or path.name}")
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def annotate(pixels: NDArray[np.uint8], result: RecognitionResult | AssessmentResult) -> NDArray[np.uint8]:
    """Draw what was read or checked onto a copy of the image.

    Args:
        pixels: (H, W, 3) uint8 RGB, the image as decoded.
        result: what was learnt from it.

    Returns:
        (H, W + panel, 3) uint8 RGB: the image with numbered boxes, and a panel with the values by number.
    """
    picture = pixels.copy()
    stroke_px = max(1, round(max(picture.shape[:2]) / 600))
    _draw_quad(picture, result.card.quad, CARD_COLOUR, 2 * stroke_px)
    for quad in result.glare_quads:
        _draw_quad(picture, quad, GLARE_COLOUR, 2 * stroke_px)
    for line in result.card.lines:
        _draw_quad(picture, line.quad, LINE_COLOUR, stroke_px)
    numbers = {name: index + 1 for index, name in enumerate(FIELD_NAMES) if name in result.card.fields}
    places: defaultdict[Quad, list[str]] = defaultdict(list)  # RT and RW stand where RT/RW does
    for name, number in numbers.items():
        if (place := result.card.fields[name].quad) is not None:
            places[place].append(str(number))
    for place, labels in places.items():
        _draw_quad(picture, place, FIELD_COLOUR, stroke_px)
        _draw_label(picture, ",".join(labels), place, stroke_px)
    panel = _draw_panel(picture.shape[0], round(PANEL_WIDTH_SHARE * max(picture.shape[:2])), result, numbers)
    return np.concatenate([picture, panel], axis=1)


def _draw_panel(
    height_px: int, width_px: int, result: RecognitionResult | AssessmentResult, numbers: dict[str, int]
) -> NDArray[np.uint8]:
    panel = np.full((height_px, width_px, 3), PANEL_COLOUR, dtype=np.uint8)
    failed = [name for name, score in result.quality.items() if not score.passed]
    row_px = height_px / (ROW_COUNT + bool(failed))
    if result.card.pose is not None:
        text = f"tilt {result.card.pose.tilt_degrees:.0f} deg, rotation {result.card.pose.roll_degrees:.0f} deg"
        _draw_text(panel, text, (0.02 * width_px, 0.6 * row_px), 0.4 * row_px / GLYPH_HEIGHT_PX, LINE_COLOUR)
    for row, (name, number) in enumerate(numbers.items()):
        field = result.card.fields[name]
        text = f"{number:2d} {name}: {field.value if field.value is not None else '?'} ({field.confidence:.2f})"
        place = (0.02 * width_px, (row + 1.5) * row_px)
        _draw_text(panel, text, place, _fit_scale(text, width_px, row_px), TEXT_COLOUR)
    if failed:
        text = f"failed: {', '.join(failed)}"
        place = (0.02 * width_px, height_px - 0.5 * row_px)
        _draw_text(panel, text, place, _fit_scale(text, width_px, row_px), GLARE_COLOUR)
    return panel


def _draw_quad(picture: NDArray[np.uint8], quad: Quad, colour: tuple[int, int, int], stroke_px: int) -> None:
    points = np.round(np.asarray(quad)).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(picture, [points], isClosed=True, color=colour, thickness=stroke_px, lineType=cv2.LINE_AA)


def _draw_label(picture: NDArray[np.uint8], label: str, place: Quad, stroke_px: int) -> None:
    """Write a field's number behind its box, on whichever side the text ends."""
    top_left, top_right, bottom_right, bottom_left = np.asarray(place)
    end, ahead = (top_right + bottom_right) / 2, (top_right + bottom_right - top_left - bottom_left) / 2
    scale = LABEL_SHARE * float(np.linalg.norm(top_right - bottom_right)) / GLYPH_HEIGHT_PX
    size_px = np.asarray(cv2.getTextSize(label, FONT, scale, 1)[0])
    centre = end + ahead / np.linalg.norm(ahead) * (size_px[0] / 2 + 2 * stroke_px)
    left, bottom = centre + size_px * (-0.5, 0.5)
    _draw_text(picture, label, (left, bottom), scale, FIELD_COLOUR)


def _fit_scale(text: str, width_px: int, row_px: float) -> float:
    """The scale at which a text fills half of a row's height, or less where it would be too long."""
    return min(0.5 * row_px / GLYPH_HEIGHT_PX, 0.9 * width_px / max(cv2.getTextSize(text, FONT, 1.0, 1)[0][0], 1))


def _draw_text(
    picture: NDArray[np.uint8],
    text: str,
    position: tuple[float, float],
    scale: float,
    colour: tuple[int, int, int],
) -> None:
    origin = (round(position[0]), round(position[1]))
    thickness_px = max(1, round(1.4 * scale))
    cv2.putText(picture, text, origin, FONT, scale, colour, thickness_px, cv2.LINE_AA)
