"""Things in a scene that are no KTP, by kind: how each is drawn and how often."""

from collections.abc import Callable

import numpy as np

from ktp_specimen import documents, other_cards
from ktp_specimen.sheet import Image

ROUNDED = frozenset(
    {"bank_card", "licence", "tax_card", "member_card", "staff_card", "health_card", "back", "blank", "phone"}
)
"""Kinds with the rounded corners of a plastic card or a phone."""
OBJECTS: dict[str, tuple[Callable[[np.random.Generator, int], Image], float]] = {
    "licence": (other_cards.draw_licence, 1.6),
    "member_card": (other_cards.draw_member_card, 2.2),
    "health_card": (other_cards.draw_health_card, 1.0),
    "staff_card": (other_cards.draw_staff_card, 0.8),
    "bank_card": (other_cards.draw_bank_card, 1.4),
    "tax_card": (other_cards.draw_tax_card, 1.2),
    "back": (other_cards.draw_back, 1.4),
    "blank": (other_cards.draw_blank, 0.8),
    "passport": (other_cards.draw_passport, 0.8),
    "paper": (documents.draw_paper, 1.0),
    "form": (documents.draw_form, 1.4),
    "receipt": (documents.draw_receipt, 0.7),
    "phone": (documents.draw_phone, 1.0),
    "laptop": (documents.draw_laptop, 0.9),
    "photograph": (documents.draw_photograph, 0.6),
    "copy_sheet": (documents.draw_copy_sheet, 0.0),
}
"""Kinds of objects: how each is drawn, and how often, relative to the others."""


def draw_object(rng: np.random.Generator, width_px: int, kind: str = "") -> tuple[str, Image]:
    """Draw something card-like that is no KTP.

    Args:
        rng: draws what, and what it says.
        width_px: width of the picture.
        kind: one of OBJECTS, or "" to draw one by the usual shares.

    Returns:
        Its kind and its picture, (H, W, 3) float32 RGB in [0, 255].
    """
    names = tuple(OBJECTS)
    shares = np.array([OBJECTS[name][1] for name in names])
    chosen = kind or names[int(rng.choice(len(names), p=shares / shares.sum()))]
    return chosen, np.clip(OBJECTS[chosen][0](rng, max(64, width_px)), 0, 255)
