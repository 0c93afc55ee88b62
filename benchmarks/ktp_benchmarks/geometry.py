"""How far shapes agree: masks, outlines, text boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.crops import line_regions
from ktp_preprocessing.geometry import map_points, quad_homography, side_lengths
from ktp_preprocessing.rectify import card_frame_quad

_FINE = 4
"""Masks are compared on a grid this many times finer than the letterbox."""

_SHIFT = 4
"""Bits of sub-pixel precision of drawn polygons."""

INK_MARGIN = 0.1
"""Margin around the glyphs in a true line's quad, of its height (specimens: 0.12 of the cap height on every side)."""

COVERED_MIN = 0.5
"""A box this much of which lies on print that is no target (a watermark, a half-hidden line) is no false box."""


def polygon_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Intersection over union of two convex polygons, (N, 2) each, in the same pixels."""
    shared = shared_area(first, second)
    union = _area(first) + _area(second) - shared
    return shared / union if union > 0 else 0.0


def shared_area(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Area that two convex polygons share."""
    if (first.min(0) > second.max(0)).any() or (second.min(0) > first.max(0)).any():
        return 0.0
    hulls = [cv2.convexHull(polygon.astype(np.float32)) for polygon in (first, second)]
    return float(cv2.intersectConvexConvex(hulls[0], hulls[1])[0])


def _area(polygon: NDArray[np.float64]) -> float:
    return float(cv2.contourArea(cv2.convexHull(polygon.astype(np.float32))))


def mask_iou(
    mask: NDArray[np.float32], box: NDArray[np.float64], quad: NDArray[np.float64], limits: NDArray[np.float64]
) -> float:
    """Intersection over union of a card's mask and its true quad, inside the image.

    Args:
        mask: (M, M) float32 probabilities, a grid over the box.
        box: (4,) x1, y1, x2, y2, letterbox pixels.
        quad: (4, 2) the card, letterbox pixels.
        limits: (2,) width and height of the image inside the letterbox.
    """
    width, height = (max(1, round(float(limit) * _FINE)) for limit in limits)
    cell = np.maximum(box[2:] - box[:2], 1e-6) / len(mask)
    # Fine pixel j shows x = (j + 0.5) / _FINE - 0.5; cell c of the padded mask has its centre at c - 0.5 cells.
    scale = 1 / (_FINE * cell)
    offset = ((0.5 / _FINE - 0.5) - box[:2]) / cell + 0.5
    to_mask = np.array([[scale[0], 0.0, offset[0]], [0.0, scale[1], offset[1]]])
    padded = np.pad(mask, 1)
    drawn = cv2.warpAffine(padded, to_mask, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP) > 0.5
    truth = np.zeros((height, width), np.uint8)
    fine = (quad + 0.5) * _FINE - 0.5
    cv2.fillConvexPoly(truth, np.round(fine * (1 << _SHIFT)).astype(np.int32), 1, shift=_SHIFT)
    union = int((drawn | (truth > 0)).sum())
    return int((drawn & (truth > 0)).sum()) / union if union else 0.0


def corner_error(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Largest distance of a corner from its true place, in per cent of the card's width (its top side)."""
    return float(100 * np.linalg.norm(found - true, axis=1).max() / side_lengths(true)[0])


def text_turn(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Largest angle, in degrees, of a row of the true card in the picture rectified by a found outline; (4, 2) each."""
    try:
        to_found = quad_homography(found, card_frame_quad())
    except ValueError:
        return 90.0
    rows = map_points(to_found, true[[0, 1, 3, 2]])
    along = rows[1::2] - rows[::2]
    return float(np.degrees(np.abs(np.arctan2(along[:, 1], along[:, 0]))).max())


@dataclass(frozen=True, slots=True)
class BoxScore:
    """Found text boxes held against the true lines of one card.

    Attributes:
        true_count, found_count: lines that should be found, boxes that count.
        matched_count: pairs with an IoU of at least 0.5, one to one.
        joined_count: further lines that share the box of a matched one, as a value set close to its label does: an IoU
            of at least 0.5 with the hull of both, and most of the line inside. Source: Wolf and Jolion, Object
            count/area graphs, IJDAR 2006, one-to-many matches.
        cut_count: matched lines some glyph of which reaches out of its box.
        cut_crop_count: matched lines some glyph of which reaches out of the crop that the recogniser gets.
    """

    true_count: int
    found_count: int
    matched_count: int
    joined_count: int
    cut_count: int
    cut_crop_count: int


def score_boxes(
    found: Sequence[NDArray[np.float64]],
    lines: Sequence[NDArray[np.float64]],
    ignored: Sequence[NDArray[np.float64]],
) -> BoxScore:
    """Match found boxes with true lines, best pairs first.

    Args:
        found: (4, 2) quads in card-frame pixels.
        lines: quads of the lines that should be found.
        ignored: quads of print that counts neither way.
    """
    scores = [(polygon_iou(box, line), i, j) for i, box in enumerate(found) for j, line in enumerate(lines)]
    pairs: dict[int, int] = {}
    for iou, i, j in sorted(scores, reverse=True):
        if iou >= 0.5 and i not in pairs and j not in pairs.values():
            pairs[i] = j
    stray = [box for i, box in enumerate(found) if i not in pairs]
    false_count = sum(all(shared_area(box, quad) < COVERED_MIN * _area(box) for quad in ignored) for box in stray)
    return BoxScore(
        true_count=len(lines),
        found_count=len(pairs) + false_count,
        matched_count=len(pairs),
        joined_count=sum(_is_joined(j, found, lines, pairs) for j in set(range(len(lines))) - set(pairs.values())),
        cut_count=sum(not covers_ink(found[i], lines[j]) for i, j in pairs.items()),
        cut_crop_count=sum(not covers_ink(line_regions(found[i][None])[0], lines[j]) for i, j in pairs.items()),
    )


def _is_joined(
    line: int, found: Sequence[NDArray[np.float64]], lines: Sequence[NDArray[np.float64]], pairs: Mapping[int, int]
) -> bool:
    """Whether a line lies in the box of another, by the indices of both and the matched pairs."""
    return any(
        shared_area(found[i], lines[line]) >= COVERED_MIN * _area(lines[line])
        and polygon_iou(found[i], np.concatenate([lines[j], lines[line]])) >= 0.5
        for i, j in pairs.items()
    )


def covers_ink(box: NDArray[np.float64], line: NDArray[np.float64]) -> bool:
    """Whether a box holds all glyphs of a line.

    Half a pixel of the card frame is allowed: a glyph's own edge is no sharper.
    """
    sides = side_lengths(np.stack([box, line]))
    width, height = (sides[0, 0] + sides[0, 2]) / 2, (sides[0, 1] + sides[0, 3]) / 2
    axis = (box[1] + box[2] - box[0] - box[3]) / (2 * max(width, 1e-6))
    turn = np.array([[axis[0], axis[1]], [-axis[1], axis[0]]])
    own = (line - box.mean(0)) @ turn.T
    margin = INK_MARGIN * float(sides[1, 1] + sides[1, 3]) / 2
    ink = own + np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * margin
    return bool((np.abs(ink) <= np.array([width, height]) / 2 + 0.5).all())
