"""The outline of a card in a scan or tight crop, where it fills the frame.

The image border is near each of the card's sides, but a sliver of the ground may show beside it, or a sliver of the
card may be cut off. Sides that show are found on the image's edges; the others are where a card of the known shape,
moved, turned and scaled to fit the sides that show, has them. A scanner sees no perspective.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import quad_homography, side_lengths
from ktp_preprocessing.mask_outline import intersect_sides, line_through
from ktp_preprocessing.rectify import CARD_ASPECT
from ktp_preprocessing.sampling import halved_region
from ktp_preprocessing.side_edges import ROUGH_SIDE, find_candidates
from ktp_preprocessing.strips import SCAN_LAYOUT, sample_strips, strip_frame_quad

_ASPECT_TOLERANCE = 0.08
_COVERAGE = 0.82
"""From this share of the image on, an outline fills an image of the card's own shape."""

_USUAL_DEVIATIONS = np.array([0.004, 0.004, 0.01, 0.007])
"""How far scans usually are from the frame: shift right and down (card widths), scale, turn (radians)."""

_EDGE_DEVIATION = 0.0005
"""How exact a found edge is, card widths."""

_HIDDEN_INSET, _HIDDEN_DEVIATION = -0.005, 0.005
"""Where a side that does not show usually is: beyond the border, or else its ground would show."""


def fills_frame(quad: NDArray[np.float64], size_px: tuple[int, int]) -> bool:
    """Tell whether the image is a scan or tight crop: of the card's shape, and covered by it.

    Args:
        quad: (4, 2) float64 the card's rough corners, source pixels.
        size_px: width and height of the image.
    """
    aspect = max(size_px) / min(size_px)
    covered = float(cv2.contourArea(quad.astype(np.float32))) / (size_px[0] * size_px[1])
    return abs(float(np.log(aspect / CARD_ASPECT))) < _ASPECT_TOLERANCE and covered > _COVERAGE


def fit_scan(
    pixels: NDArray[np.uint8], rough: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Find the outline of a card that fills the frame.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        rough: (4, 2) float64 rough corners in source pixels, clockwise from the card's own top left.

    Returns:
        (4, 2) float64 corners in the same order, and for the top, right, bottom and left side the share of it at which
        the image shows its edge; 0 where the side was inferred.
    """
    frame = _frame_corners(rough, (pixels.shape[1], pixels.shape[0]))
    layout = SCAN_LAYOUT
    from_strip = quad_homography(strip_frame_quad(layout), frame)
    region, to_region = halved_region(pixels, frame, float(side_lengths(frame)[0]) / layout.card_width_px)
    found = find_candidates(sample_strips(region, to_region @ from_strip, layout), np.zeros(4, dtype=np.bool_))
    edges = [candidates[0] for candidates in found]
    shown = np.array([edge is not ROUGH_SIDE for edge in edges])
    insets = np.array([[edge.start_px, edge.end_px] for edge in edges]) / layout.card_width_px
    quad = _place_card(frame, insets, shown)
    top, right, bottom, left = (float(edge.support) for edge in edges)
    return quad, (top, right, bottom, left)


def _frame_corners(quad: NDArray[np.float64], size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Give the image's own corners, each where the outline has its nearest one."""
    right, bottom = size_px[0] - 0.5, size_px[1] - 0.5
    frame = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    turns = [float(np.linalg.norm(np.roll(frame, -turn, axis=0) - quad)) for turn in range(4)]
    return np.roll(frame, -int(np.argmin(turns)), axis=0)


def _place_card(
    frame: NDArray[np.float64], insets: NDArray[np.float64], shown: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Place a card by the sides that show: corners (4, 2).

    Args:
        frame: (4, 2) the image's corners.
        insets: (4, 2) how far inside the frame each side begins and ends, of the card's width.
        shown: (4,) bool, which of them are known.
    """
    width_px, height_px = (float(length) for length in side_lengths(frame)[:2])
    aspect = width_px / height_px
    half_frame = np.array([0.5, 0.5 / aspect])
    half_card = np.array([0.5, 0.5 / CARD_ASPECT]) * np.sqrt(CARD_ASPECT / aspect)  # of the frame's area
    signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    outward = np.array([[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    corners = signs * half_card
    rows, rights = [np.diag(1.0 / _USUAL_DEVIATIONS)], [np.zeros(4)]
    for side in range(4):
        ends, normal = corners[[side, (side + 1) % 4]], outward[side]
        turned = np.column_stack([-ends[:, 1], ends[:, 0]])
        motions = np.column_stack([np.tile(normal, (2, 1)), ends @ normal, turned @ normal])
        inset, deviation = (insets[side], _EDGE_DEVIATION) if shown[side] else (_HIDDEN_INSET, _HIDDEN_DEVIATION)
        gaps = np.abs(normal) @ (half_frame - half_card) - inset
        rows.append(motions / deviation)
        rights.append(np.broadcast_to(gaps, 2) / deviation)
    shift_x, shift_y, growth, turn = np.linalg.lstsq(np.vstack(rows), np.concatenate(rights), rcond=None)[0]
    placed = corners * (1.0 + growth) + turn * np.column_stack([-corners[:, 1], corners[:, 0]]) + (shift_x, shift_y)
    lines = np.array([line_through(placed[side], placed[(side + 1) % 4]) for side in range(4)])
    for side in np.flatnonzero(shown).tolist():
        ends = signs[[side, (side + 1) % 4]] * half_frame - insets[side][:, None] * outward[side]
        lines[side] = line_through(ends[0], ends[1])
    exact = intersect_sides(lines)
    card = placed if exact is None else exact
    right, down = (frame[1] - frame[0]), (frame[3] - frame[0]) * aspect
    return np.asarray(frame.mean(axis=0) + card @ np.array([right, down]), dtype=np.float64)
