"""Outlines of one candidate edge a side, ranked: edges with many votes that together have a card's shape."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.card_shape import shape_mismatch
from ktp_preprocessing.edge_fit import SideEdge
from ktp_preprocessing.geometry import cross_lines, map_points, side_lengths
from ktp_preprocessing.mask_outline import line_through
from ktp_preprocessing.strips import StripLayout, strip_frame_quad

_LARGEST_MOVE_SHARE = 1.5
"""How far edges may move a corner, in units of the layout's band; beyond, an edge was not the card's."""

_MISMATCH_WEIGHT = 6.0
_HARMLESS_MISMATCH = 0.005
_MISMATCH_CAP = 1.5
"""Votes that an outline loses by not having a card's shape: 0.12 of one side's for one side off by 3 %. A little comes
from lens distortion and from the focal lengths' steps."""

_RANKED_COUNT = 40
_SHAPED_COUNT = 400
"""Combinations whose shape is looked at: those with the most votes."""


@dataclass(frozen=True, slots=True)
class SideFit:
    """An outline with the edges its sides lie on.

    Attributes:
        quad: (4, 2) float64 corners in source pixels, clockwise from the card's own top left.
        sides: the edges of the top, right, bottom and left side.
    """

    quad: NDArray[np.float64]
    sides: Sequence[SideEdge]


def rank_combinations(
    choices: Sequence[Sequence[SideEdge]],
    from_strip: NDArray[np.float64],
    rough: NDArray[np.float64],
    size_px: tuple[int, int],
    layout: StripLayout,
) -> list[SideFit]:
    """Combine one candidate per side in all ways.

    Args:
        choices: candidates for the top, right, bottom and left side, each at least one.
        from_strip: (3, 3) homography, strip frame -> source pixels.
        rough: (4, 2) the outline they were found around, source pixels.
        size_px: width and height of the source.
        layout: of the strips they were found in.

    Returns:
        At most 40 outlines, best first: many votes, and together the shape of a card. None is implausible.
    """
    picks = np.array(list(itertools.product(*(range(len(side)) for side in choices))), dtype=np.intp)
    lines = [np.array([moved_side(layout, side, edge) for edge in choices[side]]) for side in range(4)]
    corners = np.empty((len(picks), 4, 2))
    for corner in range(4):
        crossings = cross_lines(lines[corner - 1][picks[:, corner - 1]], lines[corner][picks[:, corner]])
        corners[:, corner] = crossings[:, :2]
    quads = map_points(from_strip, corners)
    scores = np.zeros(len(picks))
    for side in range(4):
        scores += np.array([edge.score for edge in choices[side]])[picks[:, side]]
    scores[~are_plausible(quads, rough, layout)] = -np.inf
    order = np.argsort(-scores, kind="stable")[:_SHAPED_COUNT]
    order = order[np.isfinite(scores[order])]
    if len(order) > 1:
        scores[order] -= shape_penalty(quads[order], size_px)
        order = order[np.argsort(-scores[order], kind="stable")]
    return [
        SideFit(quads[pick], [choices[side][picks[pick, side]] for side in range(4)]) for pick in order[:_RANKED_COUNT]
    ]


def are_plausible(quads: NDArray[np.float64], rough: NDArray[np.float64], layout: StripLayout) -> NDArray[np.bool_]:
    """Tell which outlines are convex and near the rough one.

    Args:
        quads: (N, 4, 2) source pixels.
        rough: (4, 2) source pixels.
        layout: says how far edges were looked for.

    Returns:
        (N,) bool.
    """
    reach_px = _LARGEST_MOVE_SHARE * layout.band_px / layout.card_width_px * mean_width_px(rough)
    moves = np.linalg.norm(quads - rough, axis=2).max(axis=1)
    edges = np.roll(quads, -1, axis=1) - quads
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    return np.asarray((moves <= reach_px) & (turns > 0).all(axis=1), dtype=np.bool_)


def shape_penalty(quads: NDArray[np.float64], size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Votes that outlines lose by not having a card's shape.

    Args:
        quads: (N, 4, 2) source pixels.
        size_px: width and height of the source.

    Returns:
        (N,) float64, 0 to 1.5.
    """
    excess = np.maximum(shape_mismatch(quads, size_px) - _HARMLESS_MISMATCH, 0.0)
    return np.asarray(np.minimum(_MISMATCH_WEIGHT * excess, _MISMATCH_CAP), dtype=np.float64)


def mean_width_px(quad: NDArray[np.float64]) -> float:
    """Mean length of the top and bottom sides of a quad (4, 2)."""
    return float(side_lengths(quad)[[0, 2]].mean())


def moved_side(layout: StripLayout, side: int, edge: SideEdge) -> NDArray[np.float64]:
    """Give the line of a side in the strip frame after it moved onto its edge: (3,) a, b, c with a x + b y + c = 0."""
    frame = strip_frame_quad(layout)
    start, end = frame[side], frame[(side + 1) % 4]
    along = (end - start) / np.linalg.norm(end - start)
    inward = np.array([-along[1], along[0]])
    return line_through(start + edge.start_px * inward, end + edge.end_px * inward)
