"""A specimen pool on disk: images and their truth, as the specimen renderer writes them."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line.

    Attributes:
        text: as printed.
        kind: label, value, header, issue, signature or watermark.
        field: name of the field it belongs to, or "".
        quad: (4, 2) float64 source pixels, clockwise from the line's own top left.
        visible: share of the line inside the image and under no object, 0 to 1.
    """

    text: str
    kind: str
    field: str
    quad: NDArray[np.float64]
    visible: float


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a scene: its quad (4, 2) in source pixels, its quarter turns (0 to 3) and its lines."""

    quad: NDArray[np.float64]
    quarter_turns: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One image of a pool: its path, its stratum (clean, phone, hard, empty) and the cards it shows."""

    path: Path
    stratum: str
    cards: tuple[Card, ...]


def read_pool(folder: Path) -> list[Scene]:
    """Read the truth of a pool.

    A last line that is still being written is left out, so that a growing pool can be read.

    Args:
        folder: holds ``images/`` and ``truth.jsonl``.

    Returns:
        The scenes in the order of the file.

    Raises:
        FileNotFoundError: there is no truth.jsonl.
    """
    text = (folder / "truth.jsonl").read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    return [_scene(folder, json.loads(line)) for line in complete.splitlines() if line.strip()]


def read_pixels(scene: Scene) -> NDArray[np.uint8]:
    """Read a scene's image: (H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError: the image is missing or unreadable.
    """
    pixels = cv2.imread(str(scene.path), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise FileNotFoundError(scene.path)
    return np.asarray(pixels, dtype=np.uint8)


def _scene(folder: Path, record: dict) -> Scene:
    return Scene(folder / record["file"], record["stratum"], tuple(_card(card) for card in record["cards"]))


def _card(record: dict) -> Card:
    lines = tuple(
        Line(
            line["text"],
            line["kind"],
            line.get("field") or "",
            np.array(line["quad"], dtype=np.float64),
            float(line.get("visible", 1.0)),
        )
        for line in record["lines"]
    )
    return Card(np.array(record["quad"], dtype=np.float64), int(record["quarter_turns"]), lines)
