"""How far the answers of a plan, or of half precision, may be from ONNX Runtime's in float."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_server.engines.port import TensorBatch

__all__ = ["find_deviations"]

DEVIATION_LIMIT = 0.02
"""Of an output's own span, for one value: half precision keeps 11 bits, and errors add up over a hundred layers."""
DEVIATING_SHARE_MAX = 0.01
"""Values that may be beyond the limit."""
SCORE_MIN = 0.5
"""Slots of detections with less hold nothing that is used."""
MASK_OVERLAP_MIN = 0.95
"""IoU of the same card's mask in both answers. Half precision on the CPU has 0.984 on the bundled specimen, drawn in
another of two boxes whose scores it cannot tell apart."""


def find_deviations(expected: TensorBatch, found: TensorBatch) -> list[str]:
    """Compare an answer in other arithmetic with ONNX Runtime's in float.

    Args:
        expected: ONNX Runtime's outputs by name.
        found: those to compare, for the same inputs.

    Returns:
        One sentence for each output that differs by more than rounding explains.
    """
    if "masks" in expected.tensors:
        return _find_card_deviations(expected, found)
    deviations = []
    for name, wanted in expected.tensors.items():
        got = found.tensors[name]
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            deviations.append(f"{name} is {got.dtype} {got.shape} instead of {wanted.dtype} {wanted.shape}")
            continue
        share = _deviating_share(np.asarray(wanted, dtype=np.float64), np.asarray(got, dtype=np.float64))
        if share > DEVIATING_SHARE_MAX:
            deviations.append(f"{share:.2%} of {name} differ by more than {DEVIATION_LIMIT:.0%} of its span")
    return deviations


class _Card(NamedTuple):
    score: float
    quarter_turns: int
    mask: NDArray[np.bool_]


def _find_card_deviations(expected: TensorBatch, found: TensorBatch) -> list[str]:
    """Compare cards, not slots: which of several boxes around one card wins is up to the last bit of their scores."""
    deviations = []
    for item in range(expected.item_count):
        wanted, got = _read_cards(expected, item), _read_cards(found, item)
        if len(wanted) != len(got):
            deviations.append(f"{len(got)} cards instead of {len(wanted)}")
            continue
        for card in wanted:
            overlaps = [_overlap(card.mask, other.mask) for other in got]
            overlap, twin = max(overlaps), got[int(np.argmax(overlaps))]
            if overlap < MASK_OVERLAP_MIN:
                deviations.append(f"a card's mask has an overlap of {overlap:.3f} only")
            if twin.quarter_turns != card.quarter_turns or abs(twin.score - card.score) > DEVIATION_LIMIT:
                deviations.append(
                    f"a card has {twin.quarter_turns} quarter turns and score {twin.score:.3f} instead of "
                    f"{card.quarter_turns} and {card.score:.3f}"
                )
    return deviations


def _read_cards(answer: TensorBatch, item: int) -> list[_Card]:
    """Cards of one image, their masks painted where they lie."""
    boxes, masks, scores, labels = (
        np.asarray(answer.tensors[name][item], dtype=np.float64) for name in ("boxes", "masks", "scores", "labels")
    )
    side = int(np.ceil(boxes.max())) + 1
    cards = []
    for slot in np.flatnonzero(scores > SCORE_MIN):
        left, top, right, bottom = (round(float(edge)) for edge in boxes[slot])
        painted = np.zeros((side, side), dtype=bool)
        size = (max(right - left, 1), max(bottom - top, 1))
        painted[top : top + size[1], left : left + size[0]] = cv2.resize(masks[slot], size) >= SCORE_MIN
        cards.append(_Card(float(scores[slot]), int(labels[slot]), painted))
    return cards


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """IoU of two masks on canvases whose sides may differ."""
    side = max(one.shape[0], other.shape[0])
    a, b = (np.pad(mask, (0, side - mask.shape[0])) for mask in (one, other))
    return int(np.count_nonzero(a & b)) / max(int(np.count_nonzero(a | b)), 1)


def _deviating_share(wanted: NDArray[np.float64], got: NDArray[np.float64]) -> float:
    if wanted.size == 0:
        return 0.0
    # An output that is nearly constant is measured against its own size, else the least difference would count.
    span = max(float(np.ptp(wanted)), float(np.abs(wanted).max()), 1e-6)
    return float(np.mean(np.abs(wanted - got) > DEVIATION_LIMIT * span))
