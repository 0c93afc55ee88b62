"""Which of the segmentation model's detections is the card, and how sure it is that there is no other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.models import CardInstance

__all__ = ["CardSelection", "SelectedCard", "select_card", "shows_card"]

DUPLICATE_OVERLAP = 0.5
"""Boxes that share more than this part of the smaller one show the same card: two cards on a table hardly overlap."""

EXTRA_CARD_AREA_MIN = 0.25
"""Another card counts from this part of the chosen one's area: what lies far in the background confuses nobody."""


@dataclass(frozen=True, slots=True)
class CardSelection:
    """How sure segmentation must be.

    Attributes:
        score_min: least score of a card.
        extra_score_min: least score of another one that makes the image ambiguous.
        refuses_several: whether an ambiguous image is refused; else the largest card is taken.
    """

    score_min: float
    extra_score_min: float
    refuses_several: bool = True


@dataclass(frozen=True, slots=True)
class SelectedCard:
    """The card, and the score of the surest other one beside it, 0 where there is none."""

    instance: CardInstance
    other_score: float


def shows_card(instances: Sequence[CardInstance], selection: CardSelection) -> bool:
    """Whether any of an image's detections is sure enough to be a card."""
    return any(instance.score >= selection.score_min and _area(instance.box) > 0.0 for instance in instances)


def select_card(instances: Sequence[CardInstance], selection: CardSelection) -> SelectedCard:
    """Choose the one card of an image: of those that are sure the largest, else the surest.

    Args:
        instances: detections, best first.
        selection: thresholds.

    Raises:
        RecognitionError: CARD_NOT_FOUND or TOO_MANY_CARDS.
    """
    cards: list[CardInstance] = []
    for instance in instances:
        is_new = all(_overlap(instance.box, card.box) <= DUPLICATE_OVERLAP for card in cards)
        if _area(instance.box) > 0.0 and is_new:
            cards.append(instance)
    if not cards or cards[0].score < selection.score_min:
        raise RecognitionError(ErrorReason.CARD_NOT_FOUND, "no identity card was found in the image")
    sure = [card for card in cards if card.score >= selection.extra_score_min]
    chosen = max(sure or cards[:1], key=lambda card: _area(card.box))
    others = [
        card.score
        for card in cards
        if card is not chosen and _area(card.box) >= EXTRA_CARD_AREA_MIN * _area(chosen.box)
    ]
    count = 1 + sum(score >= selection.extra_score_min for score in others)
    if count > 1 and selection.refuses_several:
        raise RecognitionError(
            ErrorReason.TOO_MANY_CARDS, f"the image shows {count} identity cards; send one at a time"
        )
    return SelectedCard(chosen, max(others, default=0.0))


def _area(box: NDArray[np.float32]) -> float:
    return float(max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0))


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Intersection over the smaller area, [0, 1]."""
    corners = np.concatenate([np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])])
    smaller = min(_area(first), _area(second))
    return _area(corners) / smaller if smaller > 0.0 else 1.0
