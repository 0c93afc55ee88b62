"""Lines fitted to the edges near them, to a fraction of a pixel, with what speaks for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.edge_votes import SearchGrid, weigh_distance, weigh_quarters
from ktp_preprocessing.strips import END_SHARE

_SNAP_PX = 3
_FIT_ROUNDS = 4
_DAMPING = 1e-3
_INLIER_PX = 1.5


@dataclass(frozen=True, slots=True)
class SideEdge:
    """A line for one side, in its strip.

    Attributes:
        start_px: offset from the rough side at its first corner, strip pixels, positive towards the card's inside.
        end_px: the same at its second corner.
        support: share of the side at which the image shows an edge there, 0 to 1; 0 for the rough side itself.
        spread: the same, weighed by how it is spread along the side.
        score: `spread` less penalties: for the distance from the rough side, and for a
            line further inside that is nearly as good.
    """

    start_px: float
    end_px: float
    support: float
    spread: float
    score: float


@dataclass(frozen=True, slots=True)
class EdgeEvidence:
    """What lines are fitted to.

    Attributes:
        strength: (S, 2 * band_px + 1, bin_count) float32, size of the colour change.
        votes: the same shape, 0 to 1.
        mask_trust: (S,) scale of the penalty for the distance from the rough side.
        search: the lines that were searched through.
    """

    strength: NDArray[np.float32]
    votes: NDArray[np.float32]
    mask_trust: NDArray[np.float64]
    search: SearchGrid


def fit_edges(evidence: EdgeEvidence, sides: NDArray[np.intp], lines: NDArray[np.float64]) -> list[SideEdge]:
    """Fit lines to the largest change near them, by weighted least squares.

    Args:
        evidence: what they are fitted to.
        sides: (K,) which strip each line is in.
        lines: (K, 2) offsets at both ends, strip pixels.

    Returns:
        K edges.
    """
    if len(lines) == 0:
        return []
    near_start, near_end = 1.0 - evidence.search.places, evidence.search.places
    basis = np.stack([near_start, near_end])
    exact, weights = _edge_places(evidence, sides, lines @ basis)
    solutions, cutoff_px = lines, float(_SNAP_PX)
    products = np.stack([near_start**2, near_start * near_end, near_end**2], axis=1)
    for fit_round in range(_FIT_ROUNDS):
        if fit_round == _FIT_ROUNDS // 2:
            exact, weights = _edge_places(evidence, sides, solutions @ basis)
        residuals = exact - solutions @ basis
        trust = weights * np.maximum(1.0 - (residuals / cutoff_px) ** 2, 0.0) ** 2
        a, b, c = (trust @ products).T + np.array([[_DAMPING], [0.0], [_DAMPING]])
        right_start, right_end = ((trust * residuals) @ basis.T).T
        steps = np.stack([c * right_start - b * right_end, a * right_end - b * right_start], axis=1)
        solutions = solutions + steps / (a * c - b * b)[:, None]
        cutoff_px = max(_INLIER_PX, 0.7 * cutoff_px)
    residuals = exact - solutions @ basis
    supporting = weights * (np.abs(residuals) < _INLIER_PX)
    spreads = _spread_support(supporting)
    scores = spreads - evidence.mask_trust[sides] * weigh_distance(solutions, evidence.search.layout)
    skews_px = (solutions[:, 1] - solutions[:, 0]) * END_SHARE / (1.0 - 2.0 * END_SHARE)
    starts_px, ends_px = solutions[:, 0] - skews_px, solutions[:, 1] + skews_px
    measures = np.column_stack([starts_px, ends_px, supporting.mean(axis=1), spreads, scores])
    return [SideEdge(*(float(value) for value in row)) for row in measures]


def _spread_support(support: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh the support in each bin (K, bin_count) by how it is spread along the side."""
    return weigh_quarters(support.reshape(len(support), 4, -1).mean(axis=2), axis=1)


def _edge_places(
    evidence: EdgeEvidence, sides: NDArray[np.intp], expected_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset of the largest change near lines (K, bin_count), to a fraction of a pixel, and the votes for it."""
    strength, side = evidence.strength, sides[:, None]
    last_row, columns = strength.shape[1] - 2, np.arange(strength.shape[2])
    band_px = strength.shape[1] // 2
    middle = np.rint(expected_px).astype(np.intp) + band_px
    rows = np.clip(middle[:, None] + np.arange(-_SNAP_PX, _SNAP_PX + 1)[:, None], 1, last_row)
    best = evidence.votes[side[..., None], rows, columns].argmax(axis=1)
    peak = np.take_along_axis(rows, best[:, None], axis=1)[:, 0]
    before, at, after = (strength[side, peak + step, columns].astype(np.float64) for step in (-1, 0, 1))
    curvature = np.minimum(before - 2.0 * at + after, -1e-6)
    shift = np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)
    return peak + shift - band_px, evidence.votes[side, peak, columns].astype(np.float64)
