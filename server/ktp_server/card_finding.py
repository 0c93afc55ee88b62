"""From segmentation's answer to the card's outline, and further looks where it leaves a doubt.

Most cards are found and most outlines sure at once. Where no card is found, segmentation sees the image once more,
turned by an eighth of a turn; where an outline is doubtful, it sees the card once more, turned upright.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.closer_look import look_closer, look_turned
from ktp_preprocessing.letterbox import Letterboxed
from ktp_preprocessing.mask_outline import CardMask
from ktp_preprocessing.outline import CardOutline, find_card_quad, settle_outline
from ktp_server.cards import CardSelection, SelectedCard, select_card
from ktp_server.models import CardInstance
from ktp_server.stages import StageClock

__all__ = ["FoundCard", "demand_more", "find_card", "settle_card", "view_closer", "view_turned"]

_CLOSER_SCORE_MIN = 0.5
"""Score from which a closer look shows the card better than the first one: upright cards score above 0.9."""

_TURNED_SCORE_MIN = 0.95
"""Score from which what only the turned image shows is a card: KTPs score above 0.98 there, most other things below."""


@dataclass(frozen=True, slots=True)
class FoundCard:
    """A card in an image: which detection it is, its mask, and where its corners lie."""

    selected: SelectedCard
    mask: CardMask
    outline: CardOutline


def find_card(
    pixels: NDArray[np.uint8],
    letterboxed: Letterboxed,
    instances: Sequence[CardInstance],
    selection: CardSelection,
    clock: StageClock,
) -> FoundCard:
    """Choose the card and find its outline.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        letterboxed: what segmentation looked at.
        instances: its answer, best first.
        selection: how sure it must be.
        clock: times the stage `rectify`.

    Raises:
        RecognitionError: CARD_NOT_FOUND or TOO_MANY_CARDS, or the deadline passed.
    """
    with clock.measure("rectify"):
        selected = select_card(instances, selection)
        mask = _mask_in(letterboxed, selected.instance)
        return FoundCard(selected, mask, find_card_quad(mask, pixels))


def view_turned(pixels: NDArray[np.uint8], input_size_px: int, clock: StageClock) -> Letterboxed:
    """Turn an image in which no card was found by an eighth of a turn for segmentation to see once more."""
    with clock.measure("letterbox"):
        return look_turned(pixels, input_size_px)


def demand_more(selection: CardSelection) -> CardSelection:
    """How sure segmentation must be of what it sees in a turned image."""
    return replace(selection, score_min=max(selection.score_min, _TURNED_SCORE_MIN))


def view_closer(pixels: NDArray[np.uint8], found: FoundCard, input_size_px: int, clock: StageClock) -> Letterboxed:
    """Turn a card upright for segmentation to see once more."""
    with clock.measure("rectify"):
        return look_closer(pixels, found.mask, input_size_px)


def settle_card(
    pixels: NDArray[np.uint8],
    found: FoundCard,
    closer: Letterboxed,
    instances: Sequence[CardInstance],
    clock: StageClock,
) -> FoundCard:
    """Find the outline again after a closer look.

    Args:
        pixels: (H, W, 3) uint8 RGB source image.
        found: the card as it was found first.
        closer: what segmentation looked at then.
        instances: its answer; where it holds no card, the first look counts.
        clock: times the stage `rectify`.
    """
    with clock.measure("rectify"):
        middle = (len(closer.pixels) - 1) / 2.0
        holding = [instance for instance in instances if _holds(instance, middle)]
        seen = max(holding, key=lambda instance: instance.score, default=None)
        mask = found.mask if seen is None or seen.score < _CLOSER_SCORE_MIN else _mask_in(closer, seen)
        return replace(found, mask=mask, outline=settle_outline(found.outline, mask, pixels))


def _mask_in(view: Letterboxed, instance: CardInstance) -> CardMask:
    return CardMask(instance.mask, instance.box.astype(np.float64), instance.quarter_turns, view.homography)


def _holds(instance: CardInstance, middle: float) -> bool:
    """Whether the middle of the view lies in a detection's box."""
    return bool((instance.box[:2] < middle).all() and (instance.box[2:] > middle).all())
