"""What is known about a specimen photograph, and its form on disk: one JSON object a line in `truth.jsonl`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

TRUTH_FILE = "truth.jsonl"
LINE_OF_FIELD = {"tanggal_lahir": "tempat_lahir", "rt": "rt_rw", "rw": "rt_rw"}
"""Fields that share another one's line."""
LEGIBLE_SHARE = 0.95
"""Sets drawn before lines were judged one by one count a line as legible when this share of it is visible."""
VALUE_KINDS = frozenset({"header", "value", "issue"})


@dataclass(frozen=True, slots=True)
class LineTruth:
    """One printed line.

    Attributes:
        text: as printed; a value carries its colon when that stands next to it.
        kind: `header`, `label`, `value`, `issue` or `watermark`.
        field: name of the field it belongs to, or "".
        quad: (4, 2) float64 source pixels, clockwise from the line's own top left.
        visible: share of the line inside the image and under no object, [0, 1].
        legible: whether all of it can still be read: no part is wiped out by glare, an object or the frame
            (`legibility.judge_lines` states the rule).
    """

    text: str
    kind: str
    field: str
    quad: NDArray[np.float64]
    visible: float
    legible: bool = True


@dataclass(frozen=True, slots=True)
class CardTruth:
    """One card.

    Attributes:
        quad: (4, 2) float64 source pixels, clockwise from the card's own top left.
        quarter_turns: clockwise quarter turns by which the upright card appears rotated, 0 to 3.
        rotation_degrees: clockwise angle of its top edge, (-180, 180].
        fields: what is printed, by field name; a blank field is absent.
        lines: every line of text.
    """

    quad: NDArray[np.float64]
    quarter_turns: int
    rotation_degrees: float
    fields: Mapping[str, str]
    lines: tuple[LineTruth, ...]

    def is_legible(self, name: str) -> bool:
        """Whether every line that a field is printed on can be read."""
        printed_as = LINE_OF_FIELD.get(name, name)
        return all(line.legible for line in self.lines if line.field == printed_as and line.kind in VALUE_KINDS)


@dataclass(frozen=True, slots=True)
class ObjectTruth:
    """Something card-like that is no KTP: its kind and its quad, as a card's."""

    kind: str
    quad: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SpecimenTruth:
    """One photograph.

    Attributes:
        file: image, relative to the folder of `truth.jsonl`.
        seed, index: what it was drawn from.
        stratum: clean, phone, hard, empty or several.
        size_px: width and height.
        cards: those in the picture.
        distractors: other objects.
        degradation: the camera's numbers, by name (`camera.Degradation`), and those of the first card's place in
            the picture: `fingers` (count), `tilt_degrees`, `focal`, `cropped` (share of its area outside the frame),
            `glare_area` (share of it under glare), `blur_card_px` and `motion_card_px` (blur_sigma_px and motion_px
            in a card 640 px wide). Sets drawn earlier lack some.
    """

    file: str
    seed: int
    index: int
    stratum: str
    size_px: tuple[int, int]
    cards: tuple[CardTruth, ...]
    distractors: tuple[ObjectTruth, ...]
    degradation: Mapping[str, float]

    def to_json(self) -> str:
        """One line of `truth.jsonl`; coordinates are rounded to 0.01 px."""
        record = {
            "file": self.file,
            "seed": self.seed,
            "index": self.index,
            "stratum": self.stratum,
            "width": self.size_px[0],
            "height": self.size_px[1],
            "cards": [
                {
                    "quad": _rounded(card.quad),
                    "quarter_turns": card.quarter_turns,
                    "rotation_degrees": round(card.rotation_degrees, 2),
                    "fields": dict(card.fields),
                    "lines": [
                        {
                            "text": line.text,
                            "kind": line.kind,
                            "field": line.field,
                            "quad": _rounded(line.quad),
                            "visible": round(line.visible, 2),
                            "legible": line.legible,
                        }
                        for line in card.lines
                    ],
                }
                for card in self.cards
            ],
            "distractors": [{"kind": thing.kind, "quad": _rounded(thing.quad)} for thing in self.distractors],
            "degradation": {name: round(value, 4) for name, value in self.degradation.items()},
        }
        return json.dumps(record)

    @classmethod
    def from_json(cls, line: str) -> "SpecimenTruth":
        """Read one line of `truth.jsonl`.

        Raises:
            ValueError, KeyError: it is none.
        """
        record = json.loads(line)
        return cls(
            file=record["file"],
            seed=record["seed"],
            index=record["index"],
            stratum=record["stratum"],
            size_px=(record["width"], record["height"]),
            cards=tuple(
                CardTruth(
                    quad=np.array(card["quad"], np.float64),
                    quarter_turns=card["quarter_turns"],
                    rotation_degrees=card["rotation_degrees"],
                    fields=card["fields"],
                    lines=tuple(
                        LineTruth(
                            item["text"],
                            item["kind"],
                            item["field"],
                            np.array(item["quad"], np.float64),
                            item["visible"],
                            item.get("legible", item["visible"] >= LEGIBLE_SHARE),
                        )
                        for item in card["lines"]
                    ),
                )
                for card in record["cards"]
            ),
            distractors=tuple(
                ObjectTruth(thing["kind"], np.array(thing["quad"], np.float64)) for thing in record["distractors"]
            ),
            degradation=record["degradation"],
        )


def read_truths(folder: Path) -> list[SpecimenTruth]:
    """Read the truth of a folder of specimens, in order.

    A last line that is still being written is left out, so that a growing set can be read.

    Raises:
        FileNotFoundError: the folder holds no `truth.jsonl`.
    """
    text = (folder / TRUTH_FILE).read_text(encoding="utf-8")
    return [SpecimenTruth.from_json(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def read_pixels(folder: Path, truth: SpecimenTruth) -> NDArray[np.uint8]:
    """Read a specimen's image: (H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError: the image is missing or unreadable.
    """
    pixels = cv2.imread(str(folder / truth.file), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise FileNotFoundError(folder / truth.file)
    return np.asarray(pixels, np.uint8)


def _rounded(quad: NDArray[np.float64]) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in quad]
