"""Measures the image checks against known degradation: curves of field accuracy, balanced accuracy, cost.

    python benchmarks/quality.py

The same scenes are photographed sharp and blurred, well lit and dark, with and without glare, in colour and copied,
from a screen and not; the real pipeline reads every picture. Where the degradation is such that reading really
suffers, the check must fail, and where it does not, pass: `ktp_benchmarks/totals.py` has the scales with their grey
zones, `quality_table.py` the rule. The curves become a picture, the tables are printed, and both are kept with date and
models.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from ktp_benchmarks.provenance import RESULTS, describe_run, result_file
from ktp_benchmarks.quality_curves import Curve, Zone, curves, find_zones
from ktp_benchmarks.quality_picture import write_picture
from ktp_benchmarks.quality_run import STRATA, UNLIKE, Observation, observe, plan
from ktp_benchmarks.quality_table import Verdicts, judge_all, tally
from ktp_benchmarks.session import open_progress
from ktp_benchmarks.totals import BLUR, DARKNESS, GLARE, LIGHT
from ktp_preprocessing.decode import decode_image
from ktp_preprocessing.outline import CardOutline
from ktp_preprocessing.rectify import rectify
from ktp_server.assessment import CheckRules, assess_card
from ktp_server.cards import SelectedCard
from ktp_server.models import CardInstance
from ktp_server.settings import Settings
from ktp_specimen.generate import draw_specimen

COST_SIZE_PX = (1600, 1200)
COST_REPEATS = 200


def main(  # noqa: PLR0913  # each option of the command is a parameter
    seed: Annotated[int, typer.Option(help="Of every picture; 7xxx are for development.")] = 7269,
    cards: Annotated[int, typer.Option(help="Cards of each stratum, each photographed on every ladder.")] = 12,
    scenes: Annotated[int, typer.Option(help="Scenes with several cards, and as many without a KTP.")] = 24,
    workers: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
    picture: Annotated[Path, typer.Option(help="Where the curves are drawn, SVG.")] = Path("out/quality.svg"),
    results: Annotated[Path, typer.Option(help="Folder of dated results.")] = RESULTS,
) -> None:
    """Print how well each check tells degraded specimens from good ones, and draw the curves behind it."""
    start_s = time.monotonic()
    observations: list[Observation] = []
    with open_progress() as progress:
        for done in progress.track(observe(plan(seed, cards, scenes), workers), total=4 * workers):
            observations += done
    thresholds = served_thresholds(Settings())
    judged = judge_all(observations)
    verdicts = tally(judged, thresholds)
    by_reading = tally(judged, thresholds, lambda item: item.reads_well)
    found, zones = curves(observations, thresholds), find_zones(observations)
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_picture(picture, found)
    cost_ms = measure_cost(seed)
    console = Console(width=120)
    console.print(verdict_table(verdicts, by_reading, thresholds))
    console.print(zone_table(zones))
    console.print(curve_table(found))
    console.print(unlike_line(observations))
    console.print(f"all checks together: {cost_ms:.1f} ms CPU a card at {COST_SIZE_PX[0]} x {COST_SIZE_PX[1]}")
    document = {
        "provenance": describe_run() | {"seed": seed, "cards": cards, "scenes": scenes},
        "thresholds": thresholds,
        "verdicts": name_verdicts(verdicts),
        "verdicts_by_reading": name_verdicts({key: v for key, v in by_reading.items() if v.good or v.bad}),
        "zones": {name: asdict(zone) for name, zone in zones.items()},
        "curves": {name: asdict(curve) for name, curve in found.items()},
        "cost_ms": round(cost_ms, 2),
    }
    path = result_file(results, f"quality-{seed}")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"{len(observations)} pictures in {time.monotonic() - start_s:.0f} s; curves: {picture}; kept: {path}"
    )


def served_thresholds(settings: Settings) -> dict[str, float]:
    """Lowest scores that pass by default, by attribute."""
    return {
        "sharpness": settings.sharpness_min,
        "brightness": settings.brightness_min,
        "specularity": settings.specularity_min,
        "colour": settings.colour_min,
        "moire": settings.moire_min,
        "single_card": 1.0 - settings.extra_card_score_min,
        "ktp_likeness": settings.ktp_likeness_min,
    }


def measure_cost(seed: int) -> float:
    """CPU time of all checks on one card, ms: the median of some runs in one thread."""
    cv2.setNumThreads(1)
    specimen = draw_specimen(seed, 0, STRATA[0])
    truth = specimen.truth.cards[0]
    drawn = cv2.resize(decode_image(specimen.jpeg).pixels, COST_SIZE_PX, interpolation=cv2.INTER_AREA)
    image = decode_image(cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes())
    quad = truth.quad * (np.array(COST_SIZE_PX) / specimen.truth.size_px)
    outline = CardOutline(quad, truth.rotation_degrees, (1.0, 1.0, 1.0, 1.0), 1.0)
    rectified = rectify(image.pixels, quad)
    found = SelectedCard(CardInstance(np.zeros(4, np.float32), 1.0, 0, np.ones((28, 28), np.float32)), 0.0)
    costs_ms = []
    for _ in range(COST_REPEATS):
        start_s = time.thread_time()
        assess_card(image, found, outline, rectified, CheckRules())
        costs_ms.append((time.thread_time() - start_s) * 1e3)
    return float(np.median(costs_ms))


def name_verdicts(verdicts: Mapping[tuple[str, str], Verdicts]) -> dict[str, dict[str, int]]:
    """Verdicts as plain values, by check and stratum."""
    return {f"{attribute} {stratum}": asdict(v) for (attribute, stratum), v in verdicts.items()}


def verdict_table(
    verdicts: Mapping[tuple[str, str], Verdicts],
    by_reading: Mapping[tuple[str, str], Verdicts],
    thresholds: Mapping[str, float],
) -> Table:
    """Balanced accuracy by attribute and stratum."""
    table = Table(title="Checks outside their grey zones; by reading: against what was read of each single picture")
    for column in (
        "check",
        "threshold",
        "pictures",
        "good passed",
        "bad failed",
        "grey zone",
        "balanced",
        "by reading",
    ):
        table.add_column(column, justify="left" if column in ("check", "pictures") else "right", no_wrap=True)
    for key, v in sorted(verdicts.items()):
        table.add_row(
            *(key[0], f"{thresholds[key[0]]:.2f}", key[1]),
            *(f"{v.good_passed} of {v.good}", f"{v.bad_failed} of {v.bad}", str(v.grey)),
            *(_percent(v.balanced_accuracy), _percent(by_reading[key].balanced_accuracy)),
        )
    return table


def zone_table(zones: Mapping[str, Zone]) -> Table:
    """The stated grey zones beside those that this run's curves give."""
    table = Table(title="Total degradation, where reading suffers; misfit: of a falling curve to the readings")
    for column in ("scale", "good to", "bad from", "here good to", "here bad from", "misfit", "by added strength"):
        table.add_column(column, justify="left" if column == "scale" else "right", no_wrap=True)
    for total in (BLUR, DARKNESS, LIGHT, GLARE):
        zone = zones[total.name]
        measured = f"{zone.good_to:.2f}", "-" if zone.bad_from is None else f"{zone.bad_from:.2f}"
        stated = f"{total.good_to:g}", f"{total.bad_from:g}"
        misfits = f"{zone.misfit:.3f}", f"{zone.strength_misfit:.3f}"
        table.add_row(f"{total.name}, {total.unit}", *stated, *measured, *misfits)
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def curve_table(found: dict[str, Curve]) -> Table:
    """How reading falls on each ladder, and the share of pictures that the check fails."""
    table = Table(title="Fields still read / pictures that fail the check, by strength")
    table.add_column("degradation")
    table.add_column("course", overflow="fold")
    for name, curve in found.items():
        steps = zip(curve.strengths, curve.exact_shares, curve.failed_shares, strict=True)
        table.add_row(name, "   ".join(f"{s:g}: {read:.0%} / {failed:.0%}" for s, read, failed in steps))
    return table


def unlike_line(observations: Sequence[Observation]) -> str:
    """What became of the scenes without a KTP."""
    scenes = [o for o in observations if o.subject == UNLIKE]
    taken_count = sum(bool(o.scores) for o in scenes)
    return f"scenes without a KTP: {len(scenes)}, in {taken_count} of them something was taken for one"


if __name__ == "__main__":
    typer.run(main)
