"""What one image showed about the reader: plain numbers and strings, from which every figure is computed."""

from dataclasses import dataclass, field

from ktp_benchmarks.geometry import BoxScore


@dataclass(frozen=True, slots=True)
class FieldObservation:
    """One field that is printed, or that was read although nothing is printed.

    Attributes:
        name: the field.
        truth: what is printed; "" for nothing.
        value: what came back; None if the field is absent.
        raw_value: as recognised.
        confidence: [0, 1]; 0 if the field is absent.
        legible: whether a person can still read it.
    """

    name: str
    truth: str
    value: str | None
    raw_value: str
    confidence: float
    legible: bool

    @property
    def exact(self) -> bool:
        """Whether the value is what is printed, letter by letter; an absent field agrees with a blank one."""
        return (self.value or "") == self.truth


@dataclass(frozen=True, slots=True)
class LineObservation:
    """One line read from its true box: what it says, what was read."""

    field: str
    kind: str
    truth: str
    read: str

    @property
    def exact(self) -> bool:
        """Whether all of it is right, capitals and punctuation included."""
        return self.read == self.truth

    @property
    def nik_exact(self) -> bool:
        """Whether the digits are right, whatever stands around them."""
        return _digits(self.read) == _digits(self.truth)

    @property
    def is_nik(self) -> bool:
        """Whether the line holds the NIK's digits."""
        return self.field == "nik" and len(_digits(self.truth)) == 16


@dataclass(frozen=True, slots=True)
class OutlineObservation:
    """How the card was found.

    Attributes:
        mask_iou, outline_iou: of the mask and of the refined outline.
        corner_error: the worst corner's, in per cent of the width.
        turns_right: whether the quarter turn is right; None where the truth does not tell.
        text_turn_degrees: largest angle of the card's rows in the rectified picture.
    """

    mask_iou: float
    outline_iou: float
    corner_error: float
    turns_right: bool | None
    text_turn_degrees: float


@dataclass(slots=True)
class ImageObservation:
    """One image.

    Attributes:
        file: relative to its folder.
        stratum: its group.
        card_count: cards in it, by its truth.
        failure: reason code why it was not read; "" if it was.
        card_found: whether segmentation found exactly one card.
        outline: only where the true quad is known and a card was found.
        boxes, lines: only where the true lines are known.
        fields: only for images of one card.
    """

    file: str
    stratum: str
    card_count: int
    failure: str = ""
    card_found: bool = False
    outline: OutlineObservation | None = None
    boxes: BoxScore | None = None
    lines: list[LineObservation] = field(default_factory=list)
    fields: list[FieldObservation] = field(default_factory=list)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
