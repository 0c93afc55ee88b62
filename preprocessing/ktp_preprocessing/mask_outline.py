"""A segmentation mask -> the quadrilateral that it shows, to about a third of a mask cell.

The mask is coarse (28 x 28 cells over the card's box), its values are probabilities: where they cross one half between
two cells is known much finer than a cell. Four lines are fitted robustly to those crossings.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import cross_lines, map_points

INSIDE_PROBABILITY = 0.5

_FIT_ROUNDS = 6
_WEIGHT_ROUNDS = 3
_SETTLED_PX = 0.15
_SIDE_END_SHARE = 0.1
"""Share of a side left out at either end: there the mask's blur and the card's own rounded corners bend the contour."""

_MIN_POINT_COUNT = 4
_MIN_SPAN_SHARE = 0.2
"""A side needs crossings over this share of its length for a line of its own."""

_BORDER_REACH_CELLS = 0.6
"""Crossings this close to the image border show the border, not the card's side."""


@dataclass(frozen=True, slots=True)
class CardMask:
    """A card as segmentation saw it in some view of the source image.

    Attributes:
        probability: (M, M) float32 in [0, 1], a grid over the box.
        box: (4,) float64 x1, y1, x2, y2, pixels of the view.
        quarter_turns: 0 to 3, by how many quarter turns clockwise the upright card appears rotated in the view.
        homography: (3, 3) float64, source -> view pixels.

    Raises:
        ValueError: the box has no extent, or quarter_turns is not in 0 to 3.
    """

    probability: NDArray[np.float32]
    box: NDArray[np.float64]
    quarter_turns: int
    homography: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not np.isfinite(self.box).all() or (self.box[2:] - self.box[:2] <= 0).any():
            raise ValueError("the box has no extent")
        if self.quarter_turns not in (0, 1, 2, 3):
            raise ValueError("quarter_turns must be 0, 1, 2 or 3")


@dataclass(frozen=True, slots=True)
class MaskOutline:
    """A quadrilateral fitted to a mask.

    Attributes:
        quad: (4, 2) float64 corners, clockwise from the card's own top left.
        visible: (4,) bool; False where side i (corner i to i + 1) is the image border rather than a side of the card.
    """

    quad: NDArray[np.float64]
    visible: NDArray[np.bool_]


def fit_mask_outline(mask: CardMask, size_px: tuple[int, int]) -> MaskOutline:
    """Fit a quadrilateral to a mask.

    Args:
        mask: the card.
        size_px: width and height of the source image.

    Returns:
        The outline in source pixels; the box itself where the mask shows nothing.
    """
    image = np.array([[0.0, 0.0], [size_px[0], 0.0], size_px, [0.0, size_px[1]]]) - 0.5
    outline = _fit_in_view(mask, _side_lines(map_points(mask.homography, image)))
    first = _own_first_corner(outline.quad, mask.quarter_turns)
    to_source = np.asarray(np.linalg.inv(mask.homography), dtype=np.float64)
    quad = map_points(to_source, np.roll(outline.quad, -first, axis=0))
    return MaskOutline(quad, np.roll(outline.visible, -first))


def _fit_in_view(mask: CardMask, borders: NDArray[np.float64]) -> MaskOutline:
    """Fit the quadrilateral in the view's pixels, clockwise, starting anywhere; the image's sides are lines (4, 3)."""
    box = mask.box
    points, cell = _crossings(_main_region(np.asarray(mask.probability, dtype=np.float32)), box)
    if len(points) < 2 * _MIN_POINT_COUNT:
        quad = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
        return MaskOutline(quad, np.zeros(4, dtype=np.bool_))
    reach = _BORDER_REACH_CELLS * np.abs(borders[:, :2]) @ cell + 0.5
    near_border = np.asarray((points @ borders[:, :2].T + borders[:, 2] < reach).any(axis=1), dtype=np.bool_)
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
    quad = order_clockwise(np.asarray(corners, dtype=np.float64))
    visible = np.ones(4, dtype=np.bool_)
    scale = float(cell.mean())
    for _ in range(_FIT_ROUNDS):
        lines, visible = _fit_sides(quad, points, near_border, scale)
        moved = intersect_sides(lines)
        if moved is None or not _is_plausible(moved, quad):
            break
        change_px = float(np.abs(moved - quad).max())
        quad = moved
        if change_px < _SETTLED_PX:
            break
    return MaskOutline(_snap_to_border(quad, visible, borders, float(reach.max())), visible)


def _own_first_corner(quad: NDArray[np.float64], quarter_turns: int) -> int:
    """Index of the card's own top left in a clockwise quad: its top edge is long, and turned by about 90 k degrees."""
    edges = np.roll(quad, -1, axis=0) - quad
    lengths = np.linalg.norm(edges, axis=1)
    angles = np.degrees(np.arctan2(edges[:, 1], edges[:, 0]))
    deviation = np.abs((angles - 90.0 * quarter_turns + 180.0) % 360.0 - 180.0)
    pair_lengths = lengths + np.roll(lengths, 2)
    if pair_lengths.max() > 1.15 * pair_lengths.min():
        deviation = np.where(pair_lengths == pair_lengths.max(), deviation, deviation + 360.0)
    return int(np.argmin(deviation))


def order_clockwise(quad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Order the corners of a convex quadrilateral clockwise as seen in the image (y down), starting anywhere.

    Args:
        quad: (4, 2) corners in any order.

    Returns:
        (4, 2) corners.
    """
    offsets = quad - quad.mean(axis=0)
    ordered: NDArray[np.float64] = quad[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]))]
    return ordered


def line_through(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Build the line through two points: (3,) a, b, c with a x + b y + c = 0 and (a, b) of length one."""
    direction = end - start
    normal = np.array([-direction[1], direction[0]]) / max(float(np.hypot(*direction)), 1e-9)
    return np.array([normal[0], normal[1], -float(normal @ start)])


def intersect_sides(lines: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Intersect the lines of neighbouring sides.

    Args:
        lines: (4, 3) homogeneous lines of the sides, in order.

    Returns:
        (4, 2) corners, corner i between sides i - 1 and i; None where neighbours are parallel.
    """
    crossings = cross_lines(lines[[3, 0, 1, 2]], lines)
    return None if np.abs(crossings[:, 2]).min() < 1e-6 else crossings[:, :2]


def _side_lines(quad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lines (4, 3) through the sides of a clockwise quad; positive inside."""
    return np.array([line_through(quad[side], quad[(side + 1) % 4]) for side in range(4)])


def _snap_to_border(
    quad: NDArray[np.float64], visible: NDArray[np.bool_], borders: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Move sides that show the image border exactly onto it."""
    if visible.all():
        return quad
    lines = _side_lines(quad)
    for side in np.flatnonzero(~visible):
        middle = (quad[side] + quad[(side + 1) % 4]) / 2.0
        distances = np.abs(borders[:, :2] @ middle + borders[:, 2])
        nearest = int(np.argmin(distances))
        if distances[nearest] <= 2.0 * reach:
            lines[side] = borders[nearest]
    moved = intersect_sides(lines)
    return moved if moved is not None and _is_plausible(moved, quad) else quad


def _main_region(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pad the mask by one cell of zeros, keep its largest region, fill the holes in it."""
    padded = np.pad(mask, 1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        (padded > INSIDE_PROBABILITY).astype(np.uint8), connectivity=4
    )
    if len(stats) < 2:
        return np.zeros_like(padded)
    region = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    _, outside = cv2.connectedComponents((~region).astype(np.uint8), connectivity=4)
    hole = ~region & (outside != outside[0, 0])
    other = (padded > INSIDE_PROBABILITY) & ~region
    cleaned = np.where(hole, np.float32(1.0), np.where(other, np.float32(0.0), padded))
    return np.asarray(cleaned, dtype=np.float32)


def _crossings(
    padded: NDArray[np.float32], box: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the probability crosses one half between neighbouring cells: (P, 2) points, and the cell's size (2,)."""
    cell_count = padded.shape[0] - 2
    excess = padded.astype(np.float64) - INSIDE_PROBABILITY
    inside = excess > 0
    rows, columns = np.nonzero(inside[:, :-1] != inside[:, 1:])
    share = excess[rows, columns] / (excess[rows, columns] - excess[rows, columns + 1])
    across = np.column_stack([columns + share, rows])
    rows, columns = np.nonzero(inside[:-1] != inside[1:])
    share = excess[rows, columns] / (excess[rows, columns] - excess[rows + 1, columns])
    down = np.column_stack([columns, rows + share])
    cell = np.maximum(box[2:] - box[:2], 1e-6) / cell_count
    return box[:2] + (np.concatenate([across, down]) - 0.5) * cell, cell


def _fit_sides(
    quad: NDArray[np.float64], points: NDArray[np.float64], near_border: NDArray[np.bool_], scale: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fit each side's line to the crossings nearest to it; returns (4, 3) lines and which sides show the card."""
    edges = np.roll(quad, -1, axis=0) - quad
    squares = np.maximum((edges**2).sum(axis=1), 1e-18)
    offsets = points - quad[:, None]
    along = np.einsum("spc,sc->sp", offsets, edges) / squares[:, None]
    away = offsets - np.clip(along, 0.0, 1.0)[..., None] * edges[:, None]
    nearest = np.einsum("spc,spc->sp", away, away).argmin(axis=0)
    mine = (nearest == np.arange(4)[:, None]) & (along > _SIDE_END_SHARE) & (along < 1.0 - _SIDE_END_SHARE)
    free = mine & ~near_border
    span = np.where(free, along, -1.0).max(axis=1) - np.where(free, along, 2.0).min(axis=1)
    visible = (free.sum(axis=1) >= _MIN_POINT_COUNT) & (span >= _MIN_SPAN_SHARE)
    chosen = np.where(visible[:, None], free, mine)
    lines = _side_lines(quad)
    enough = chosen.sum(axis=1) >= _MIN_POINT_COUNT
    lines[enough] = _fit_lines(points, chosen[enough].astype(np.float64), scale)
    return lines, visible


def _fit_lines(points: NDArray[np.float64], chosen: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Fit lines (K, 3) to the points (P, 2) that each has chosen (K, P), by total least squares with Tukey's weights.

    Residuals beyond about one cell stop counting; where most are larger, beyond three times their root mean square.
    """
    weights = chosen
    lines = np.zeros((len(chosen), 3))
    for _ in range(_WEIGHT_ROUNDS):
        totals = weights.sum(axis=1)
        centres = weights @ points / totals[:, None]
        offsets = points - centres[:, None]
        x, y = offsets[..., 0], offsets[..., 1]
        angles = 0.5 * np.arctan2(2.0 * (weights * x * y).sum(axis=1), (weights * (x**2 - y**2)).sum(axis=1))
        normals = np.column_stack([-np.sin(angles), np.cos(angles)])
        lines = np.column_stack([normals, -(normals * centres).sum(axis=1)])
        squared = np.einsum("kpc,kc->kp", offsets, normals) ** 2
        cutoffs = np.maximum(scale**2, 9.0 * (weights * squared).sum(axis=1) / totals)
        weights = chosen * np.maximum(1.0 - squared / cutoffs[:, None], 1e-3) ** 2
    return lines


def _is_plausible(moved: NDArray[np.float64], quad: NDArray[np.float64]) -> bool:
    """Tell whether an update kept the quadrilateral convex and its size within reason."""
    area, before = cv2.contourArea(moved.astype(np.float32)), cv2.contourArea(quad.astype(np.float32))
    convex = cv2.isContourConvex(moved.astype(np.float32))
    return bool(convex and 0.4 * before < area < 2.5 * before)
