"""Labelled images: specimens, or anybody's own cards, from a folder with `truth.jsonl`.

One JSON object a line; only `file` and the fields are needed. What is left out is not measured:

    {"file": "one.jpg", "fields": {"nik": "...", "nama": "...", "golongan_darah": ""}}
    {"file": "two.jpg", "stratum": "scanner", "cards": [{"fields": {...}, "quad": [[x, y], ...], "quarter_turns": 0,
     "lines": [{"text": "...", "kind": "value", "field": "nik", "quad": [[x, y], ...]}], "illegible": ["alamat"]}]}
    {"file": "table.jpg", "cards": []}

The first shows one card, whose blood type is known to be blank; the last shows none. Quads are in pixels of the image
as displayed (EXIF orientation applied), clockwise from the card's or line's own top left. `ktp_specimen.truth`
describes the complete form, which the renderer writes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktp_specimen.generate import SpecimenSettings, write_specimens
from ktp_specimen.strata import Stratum
from ktp_specimen.truth import LEGIBLE_SHARE, LINE_OF_FIELD, TRUTH_FILE, VALUE_KINDS

STRATA = (Stratum.CLEAN, Stratum.PHONE, Stratum.HARD, Stratum.EMPTY)
"""Strata of a held-out set, drawn in turn."""

OWN_STRATUM = "own"
"""Stratum of images that name none."""

NO_PRINT = frozenset({"signature", "watermark"})
"""Kinds of lines that are neither looked for nor read."""


class TruthInvalid(Exception):
    """A truth file cannot be used; the message names the line and what is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledLine:
    """A printed line: its text, kind, field, (4, 2) quad in source pixels, and whether all of it can be read."""

    text: str
    kind: str
    field: str
    quad: NDArray[np.float64]
    legible: bool


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCard:
    """What is known about a card.

    Attributes:
        fields: what is printed, by field name; "" where the card is known to show nothing.
        quad: (4, 2) float64 source pixels, or None if unknown.
        quarter_turns: 0 to 3, or None if unknown.
        lines: all lines of text, or None if unknown.
        illegible: fields that glare, blur or an object wiped out.
        complete: whether a field that is not named is known to be blank.
    """

    fields: Mapping[str, str]
    quad: NDArray[np.float64] | None
    quarter_turns: int | None
    lines: Sequence[LabelledLine] | None
    illegible: frozenset[str]
    complete: bool


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image file, relative to its folder, its stratum, and its cards."""

    file: str
    stratum: str
    cards: tuple[LabelledCard, ...]


def draw_missing(folder: Path, seed: int, count: int, strata: Sequence[Stratum] = STRATA) -> Iterator[int]:
    """Draw the images that a held-out set still lacks; yields the number done after each.

    Raises:
        FontMissing, OtherSpecimens: see `write_specimens`.
    """
    yield from write_specimens(SpecimenSettings(folder, seed, count, tuple(strata), workers=2))


def read_labelled(folder: Path, limit: int | None = None) -> list[LabelledImage]:
    """Read a folder's truth: the first `limit` images, or all.

    Raises:
        TruthInvalid: the file is missing or malformed.
    """
    path = folder / TRUTH_FILE
    if not path.is_file():
        raise TruthInvalid(f"{path} does not exist: label your images there, or name a seed to draw specimens")
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()][:limit]
    images = []
    for number, line in enumerate(lines, 1):
        try:
            images.append(parse_labelled(line))
        except (ValueError, KeyError, TypeError) as error:
            raise TruthInvalid(f"{path}, line {number}: {error!r}") from error
        if not (folder / images[-1].file).is_file():
            raise TruthInvalid(f"{path}, line {number}: there is no image {images[-1].file}")
    return images


def parse_labelled(line: str) -> LabelledImage:
    """Read one line of `truth.jsonl`.

    Raises:
        ValueError, KeyError, TypeError: it is malformed.
    """
    record = json.loads(line)
    if "cards" not in record and "fields" not in record:
        raise ValueError("neither `cards` nor `fields` is there")
    cards = record.get("cards", [record])
    complete = "seed" in record  # drawn by the renderer, which tells everything
    return LabelledImage(
        file=str(record["file"]),
        stratum=str(record.get("stratum", OWN_STRATUM)),
        cards=tuple(_parse_card(card, complete) for card in cards),
    )


def _parse_card(card: Mapping[str, object], complete: bool) -> LabelledCard:
    fields, lines, turns = card.get("fields", {}), card.get("lines"), card.get("quarter_turns")
    illegible = card.get("illegible", [])
    if not isinstance(fields, dict) or not isinstance(illegible, list) or not isinstance(lines, list | None):
        raise TypeError("`fields` must be an object, `lines` and `illegible` must be lists")
    labelled = None if lines is None else tuple(_parse_line(line) for line in lines)
    wiped_out = {line.field for line in labelled or () if line.kind in VALUE_KINDS and not line.legible}
    return LabelledCard(
        fields={str(name): str(text or "") for name, text in fields.items()},
        quad=_parse_quad(card["quad"]) if card.get("quad") is not None else None,
        quarter_turns=int(str(turns)) if turns is not None else None,
        lines=labelled,
        illegible=frozenset(
            {*map(str, illegible), *(name for name in fields if LINE_OF_FIELD.get(name, name) in wiped_out)}
        ),
        complete=complete,
    )


def _parse_line(line: Mapping[str, object]) -> LabelledLine:
    visible = float(str(line.get("visible", 1.0))) >= LEGIBLE_SHARE
    return LabelledLine(
        text=" ".join(str(line["text"]).split()),
        kind=str(line.get("kind", "value")),
        field=str(line.get("field", "")),
        quad=_parse_quad(line["quad"]),
        legible=bool(line.get("legible", visible)),
    )


def _parse_quad(points: object) -> NDArray[np.float64]:
    quad = np.array(points, np.float64)
    if quad.shape != (4, 2) or not np.isfinite(quad).all():
        raise ValueError("a quad is four finite (x, y) points")
    return quad
