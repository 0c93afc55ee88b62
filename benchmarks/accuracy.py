"""Measures how well cards are read: every field of every specimen in a folder, against its truth.

    ktp-ocr specimen --seed 7001 --count 60 --out out/accuracy
    python benchmarks/accuracy.py out/accuracy

A field counts as exact when its value equals the printed text, letter by letter; a field that was not found is wrong,
and a field read where nothing is printed is counted as spurious. Corner errors are in per cent of the card's width.
"""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ktp_server.assembly import open_pipeline
from ktp_server.errors import failure_from
from ktp_server.results import FIELD_NAMES, RecognitionResult
from ktp_server.settings import Settings
from ktp_specimen.truth import CardTruth, SpecimenTruth, read_truths

DERIVED_FIELDS = frozenset({"rt", "rw"})  # halves of rt_rw, not printed on their own


@dataclass
class Tally:
    """Counts over the images of one stratum."""

    image_count: int = 0
    found_count: int = 0
    turns_right_count: int = 0
    spurious_count: int = 0
    printed: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    corner_errors: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)

    def share(self, names: Iterable[str]) -> float:
        """Exact fields over printed fields, in per cent."""
        names = list(names)
        return 100.0 * sum(self.exact[name] for name in names) / max(1, sum(self.printed[name] for name in names))


def main(
    folder: Annotated[Path, typer.Argument(help="Specimens: a folder with images/ and truth.jsonl.")],
    out: Annotated[Path | None, typer.Option(help="Write the numbers to this JSON file.")] = None,
    errors: Annotated[bool, typer.Option(help="Print every field that was read wrongly.")] = False,
) -> None:
    """Read every specimen in FOLDER and print how many cards and fields came out right."""
    truths = [truth for truth in read_truths(folder) if len(truth.cards) == 1]
    if not truths:
        sys.exit(f"{folder} holds no specimen with exactly one card")
    tallies = asyncio.run(_read_all(folder, truths, Console(stderr=True) if errors else None))
    _print_tables(tallies)
    if out:
        out.write_text(json.dumps({name: _numbers(tally) for name, tally in tallies.items()}, indent=2) + "\n")


async def _read_all(folder: Path, truths: list[SpecimenTruth], complaints: Console | None) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    async with open_pipeline(Settings()) as pipeline:
        for truth in track(truths, "reading", console=Console(stderr=True)):
            groups = [tallies[truth.stratum], tallies["all"]]
            for tally in groups:
                tally.image_count += 1
                tally.printed.update(truth.cards[0].fields.keys())
            try:
                result = await pipeline.recognize((folder / truth.file).read_bytes())
            except Exception as error:  # noqa: BLE001 - a refused image is a result of this measurement
                if complaints:
                    complaints.print(f"{truth.file} {truth.stratum}: {failure_from(error)}")
                continue
            for tally in groups:
                _score(tally, truth.cards[0], result)
            if complaints:
                _complain(complaints, truth, result)
    return dict(tallies)


def _score(tally: Tally, card: CardTruth, result: RecognitionResult) -> None:
    true_quad, quad = card.quad, np.array(result.card.quad)
    width = np.linalg.norm(true_quad[1] - true_quad[0])
    tally.found_count += 1
    tally.corner_errors.append(float(100 * np.linalg.norm(quad - true_quad, axis=1).max() / width))
    turn = (result.card.rotation_degrees - card.rotation_degrees + 180) % 360 - 180
    tally.turns_right_count += abs(turn) < 45
    tally.total_ms.append(result.timings_ms["total"])
    values = {name: found.value for name, found in result.card.fields.items()}
    tally.exact.update(name for name, text in card.fields.items() if values.get(name) == text)
    tally.spurious_count += len(values.keys() - card.fields.keys() - DERIVED_FIELDS)


def _complain(complaints: Console, truth: SpecimenTruth, result: RecognitionResult) -> None:
    for name, text in truth.cards[0].fields.items():
        found = result.card.fields.get(name)
        if found is None or found.value != text:
            read = "-" if found is None else f"{found.value!r} (raw {found.raw_value!r}, {found.confidence:.2f})"
            complaints.print(f"{truth.file} {truth.stratum:6} {name}: {text!r} read as {read}", markup=False)
    for name in result.card.fields.keys() - truth.cards[0].fields.keys() - DERIVED_FIELDS:
        spurious = result.card.fields[name].value
        complaints.print(f"{truth.file} {truth.stratum:6} {name}: nothing printed, read {spurious!r}", markup=False)


def _numbers(tally: Tally) -> dict[str, float]:
    def percentile(values: list[float], rank: float) -> float:
        return round(float(np.percentile(values, rank)), 3) if values else float("nan")

    return {
        "images": tally.image_count,
        "card_found_percent": 100.0 * tally.found_count / tally.image_count,
        "quarter_turns_percent": 100.0 * tally.turns_right_count / tally.image_count,
        "fields_exact_percent": tally.share(FIELD_NAMES),
        "nik_exact_percent": tally.share(["nik"]),
        "spurious_fields": tally.spurious_count,
        "corner_error_p50_percent": percentile(tally.corner_errors, 50),
        "corner_error_p95_percent": percentile(tally.corner_errors, 95),
        "total_ms_p50": percentile(tally.total_ms, 50),
    }


def _print_tables(tallies: dict[str, Tally]) -> None:
    console = Console()
    summary = Table(title="Accuracy by stratum")
    summary.add_column("")
    for name in tallies:
        summary.add_column(name, justify="right")
    numbers = {name: _numbers(tally) for name, tally in tallies.items()}
    for row in next(iter(numbers.values())):
        summary.add_row(row.replace("_", " "), *(f"{numbers[name][row]:.1f}" for name in tallies))
    console.print(summary)
    fields = Table(title="Fields exact, per cent")
    fields.add_column("")
    for name in tallies:
        fields.add_column(name, justify="right")
    for name in FIELD_NAMES:
        if tallies["all"].printed[name]:
            fields.add_row(name, *(f"{tally.share([name]):.1f}" for tally in tallies.values()))
    console.print(fields)


if __name__ == "__main__":
    typer.run(main)
