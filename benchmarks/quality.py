"""Measures the image checks against known degradation: balanced accuracy, grey zones, cost.

    ktp-ocr specimen --seed 7151 --count 60 --stratum clean --out out/quality
    python benchmarks/quality.py out/quality

Each card is rectified by its true corners and degraded by known amounts (blur in card-frame pixels, light in stops,
glare as a share of the card, colour taken away), so that only the checks are judged. Between `good` and `bad` lies a
grey zone in which either answer is right.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.quality import QualityScore, assess_quality
from ktp_preprocessing.rectify import rectify
from ktp_preprocessing.view import assess_view
from ktp_specimen.truth import SpecimenTruth, read_pixels, read_truths

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Ladder:
    """How a card gets worse.

    Attributes:
        degrade: a card frame and a strength -> the degraded card frame.
        strengths: what is tried; larger is worse.
        good: up to here the check must pass.
        bad: from here on it must fail.
        unit: of the strength.
    """

    degrade: Callable[[Pixels, float, np.random.Generator], Pixels]
    strengths: tuple[float, ...]
    good: float
    bad: float
    unit: str


def _blur(card: Pixels, sigma_px: float, _: np.random.Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(card, (0, 0), sigma_px), np.uint8) if sigma_px else card


def _expose(card: Pixels, stops: float, _: np.random.Generator) -> Pixels:
    """Change the light, which display values follow by the power 1 / 2.2."""
    return np.asarray(np.clip(card * 2.0 ** (stops / 2.2) + 0.5, 0, 255), np.uint8)


def _darken(card: Pixels, stops: float, rng: np.random.Generator) -> Pixels:
    return _expose(card, -stops, rng)


def _glare(card: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Blow out an ellipse somewhere over the printed text."""
    height_px, width_px = card.shape[:2]
    stretch = float(rng.uniform(1.0, 2.0))
    radius_px = np.sqrt(share * height_px * width_px / np.pi / stretch)
    x, y = rng.uniform(0.25, 0.5) * width_px, rng.uniform(0.35, 0.7) * height_px
    rows, columns = np.indices((height_px, width_px))
    distance = np.hypot((columns - x) / stretch, rows - y) - radius_px
    light = 400.0 / (1.0 + np.exp(np.clip(distance / 3.0, -50, 50))) if share else np.zeros((height_px, width_px))
    return np.asarray(np.clip(card + light[..., None], 0, 255), np.uint8)


def _bleach(card: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Take a share of the colour away, under light of any tint."""
    grey = cv2.cvtColor(card, cv2.COLOR_RGB2GRAY)[..., None] * rng.uniform(0.85, 1.0, 3)
    return np.asarray(np.clip((1.0 - share) * card + share * grey, 0, 255), np.uint8)


LADDERS: Mapping[str, tuple[Ladder, ...]] = {
    "sharpness": (Ladder(_blur, (0.0, 0.5, 1.0, 2.5, 3.0, 4.0), 1.0, 2.5, "px of blur"),),
    "brightness": (
        Ladder(_darken, (0.0, 1.0, 2.0, 5.0, 6.0, 7.0), 2.0, 5.0, "stops less"),
        Ladder(_expose, (0.0, 0.3, 4.0, 5.0), 0.5, 4.0, "stops more"),
    ),
    "specularity": (Ladder(_glare, (0.0, 0.003, 0.01, 0.04, 0.06, 0.1), 0.01, 0.04, "of the card"),),
    "colour": (Ladder(_bleach, (0.0, 0.1, 0.2, 0.95, 1.0), 0.2, 0.95, "of the colour"),),
}


def main(folder: Annotated[Path, typer.Argument(help="Specimens: a folder with images/ and truth.jsonl.")]) -> None:
    """Print how well each check tells degraded specimens of FOLDER from good ones."""
    cv2.setNumThreads(1)
    truths = [truth for truth in read_truths(folder) if len(truth.cards) == 1 and is_good(truth.degradation)]
    if not truths:
        sys.exit(f"{folder} holds no good specimen with exactly one card")
    answers: dict[tuple[str, int], list[tuple[float, bool]]] = defaultdict(list)
    costs_ms: list[float] = []
    for truth in truths:
        card = rectify(read_pixels(folder, truth), truth.cards[0].quad).pixels
        rng = np.random.default_rng((truth.seed, truth.index))
        for name, ladders in LADDERS.items():
            for number, ladder in enumerate(ladders):
                for strength in ladder.strengths:
                    passed, cost_ms = assess(name, ladder.degrade(card, strength, rng), truth)
                    answers[name, number].append((strength, passed))
                    costs_ms.append(cost_ms)
    table = Table(title=f"Image checks on {len(truths)} specimens, {np.median(costs_ms):.1f} ms CPU a card")
    for column in ("check", "good up to", "bad from", "good passed", "bad failed", "balanced accuracy"):
        table.add_column(column, justify="left" if column == "check" else "right", no_wrap=True)
    for (name, number), pairs in answers.items():
        table.add_row(name, *row(LADDERS[name][number], pairs))
    Console(width=120).print(table)


def is_good(seen: Mapping[str, float]) -> bool:
    """Tell whether a specimen is fit to begin with: in focus, without glare, in colour."""
    blurred = max(seen["blur_card_px"], seen["motion_card_px"] / 3.5) > 1.0
    return not (blurred or seen["glare"] or seen["photocopy"] or seen["screen"] or seen["saturation"] < 0.5)


def assess(name: str, card: Pixels, truth: SpecimenTruth) -> tuple[bool, float]:
    """Run all checks on a card frame: whether the named one passed, and the CPU time of all in ms."""
    outline = CardOutline(truth.cards[0].quad, truth.cards[0].rotation_degrees, (1.0, 1.0, 1.0, 1.0), 1.0)
    start_s = time.thread_time()
    quality = assess_quality(card)
    view = assess_view(outline, truth.size_px, card, None)
    cost_ms = (time.thread_time() - start_s) * 1e3
    score: QualityScore = getattr(view if hasattr(view, name) else quality, name)
    return score.passed, cost_ms


def row(ladder: Ladder, pairs: list[tuple[float, bool]]) -> list[str]:
    """Cells of one check's row, from (strength, passed) of each picture."""
    good = [passed for strength, passed in pairs if strength <= ladder.good]
    bad = [not passed for strength, passed in pairs if strength >= ladder.bad]
    return [
        f"{ladder.good:g} {ladder.unit}",
        f"{ladder.bad:g}",
        f"{sum(good)} of {len(good)}",
        f"{sum(bad)} of {len(bad)}",
        f"{50 * (np.mean(good) + np.mean(bad)):.1f} %",
    ]


if __name__ == "__main__":
    typer.run(main)
