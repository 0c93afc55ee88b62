"""Measures what correction is worth: true lines of invented cards, some characters misread, read as any OCR's lines.

    python benchmarks/correction.py --seed 6500 --count 300

Characters are misread or lost at a given rate, each by the confusion table's shares, in labels and values alike, and
nothing tells the reader which. A field counts as exact when it equals the printed text, before correction (as its line
was read) and after. A wrong correction is a value that was read right and then changed. The last table counts values
that no list has, read right: each one that is changed is a rare value turned into a common one.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ktp_postprocessing.card import read_card
from ktp_postprocessing.confusions import Confusions
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.reading import CardReading
from ktp_specimen.card import draw_style, print_card
from ktp_specimen.fonts import STANDARD, check_fonts
from ktp_specimen.people import Person, PersonRecipe, invent_person
from ktp_specimen.typesetting import PrintedLine

LISTED_FIELDS = (
    "provinsi",
    "kabupaten_kota",
    "kecamatan",
    "kelurahan_desa",
    "tempat_lahir",
    "jenis_kelamin",
    "golongan_darah",
    "agama",
    "status_perkawinan",
    "pekerjaan",
    "kewarganegaraan",
    "berlaku_hingga",
    "tempat_terbit",
)
NUMBER_FIELDS = ("nik", "tanggal_lahir", "rt_rw", "tanggal_terbit")
FREE_FIELDS = ("nama", "alamat")
GROUPS = {"list-backed": LISTED_FIELDS, "numbers": NUMBER_FIELDS, "free text": FREE_FIELDS}
TARGETS = {0.02: 98.0, 0.05: 96.0, 0.10: 90.0}  # list-backed fields exact after correction, per cent
MAX_WRONG_PERCENT = 0.1
OUTSIDE_FIELDS = ("kecamatan", "kelurahan_desa", "tempat_lahir", "pekerjaan")
CARD_WIDTH_PX = 640
LINE_CONFIDENCE = 0.99  # what many recognisers say of any line


class Misreader:
    """Misreads characters by the confusion table."""

    def __init__(self, confusions: Confusions, rate: float, rng: np.random.Generator) -> None:
        """Take the share of characters that are misread, in [0, 1)."""
        shares: dict[str, tuple[list[str], list[float]]] = {}
        for (printed, read), share in confusions.weights.items():
            reads, weights = shares.setdefault(printed, ([], []))
            reads.append(read)
            weights.append(share)
        self._shares = {printed: (reads, np.cumsum(weights)) for printed, (reads, weights) in shares.items()}
        self._rate = rate
        self._rng = rng

    def misread(self, text: str) -> str:
        """What is read where `text` is printed."""
        return "".join(self._misread_character(character) for character in text)

    def _misread_character(self, printed: str) -> str:
        known = self._shares.get(printed.upper())
        if known is None or self._rng.random() >= self._rate:
            return printed
        reads, edges = known
        read = reads[int(np.searchsorted(edges, self._rng.random() * edges[-1]))]
        return read if printed.isupper() or not printed.isalpha() else read.lower()


class Tally:
    """Counts by field."""

    def __init__(self) -> None:
        """Start at zero."""
        self.printed: Counter[str] = Counter()
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.spoilt: Counter[str] = Counter()

    def add(self, truth: Mapping[str, str], card: CardReading) -> None:
        """Compare one card with what was printed."""
        for name, text in truth.items():
            found = card.fields.get(name)
            self.printed[name] += 1
            was_right = found is not None and found.raw_value == text
            is_right = found is not None and found.value == text
            self.before[name] += was_right
            self.after[name] += is_right
            self.spoilt[name] += was_right and not is_right

    def percent(self, counts: Counter[str], names: Iterable[str], of: Counter[str] | None = None) -> float:
        """Share of the fields `names`, in per cent."""
        names = list(names)
        base = self.printed if of is None else of
        return 100.0 * sum(counts[name] for name in names) / max(sum(base[name] for name in names), 1)


def main(
    seed: Annotated[int, typer.Option(help="Fixes the cards and the misreadings.")] = 6500,
    count: Annotated[int, typer.Option(help="Cards.")] = 300,
    fields: Annotated[bool, typer.Option(help="Print every field, not only the groups.")] = False,
) -> None:
    """Print exact fields before and after correction, and exit with 1 where a target is missed."""
    check_fonts(STANDARD)
    knowledge = CardKnowledge.load()
    tallies: dict[float, Tally] = {rate: Tally() for rate in (0.0, *TARGETS)}
    outside = Tally()
    for index in track(range(count), "reading", console=Console(stderr=True)):
        rng = np.random.default_rng([seed, index])
        person = invent_person(rng, PersonRecipe())
        lines = print_lines(person, rng)
        for rate, tally in tallies.items():
            misreader = Misreader(Confusions.load(), rate, np.random.default_rng([seed, index, round(1000 * rate)]))
            tally.add(person.fields, read_card(make_lines(lines, misreader), knowledge))
        rare = replace(person, fields={**person.fields, **draw_rare_values(person, knowledge, rng)})
        careful = Misreader(Confusions.load(), 0.0, rng)
        names = [name for name in OUTSIDE_FIELDS if rare.fields[name] != person.fields[name]]
        card = read_card(make_lines(print_lines(rare, rng), careful), knowledge)
        outside.add({name: rare.fields[name] for name in names}, card)
    met = print_tables(tallies, outside, fields=fields)
    sys.exit(0 if met else 1)


def print_lines(person: Person, rng: np.random.Generator) -> Sequence[PrintedLine]:
    """The lines of a person's card, in the usual style or near it."""
    style = replace(draw_style(rng, STANDARD, 0.5), fitted=False)
    return [line for line in print_card(rng, person, style, CARD_WIDTH_PX).lines if line.kind != "watermark"]


def make_lines(lines: Sequence[PrintedLine], misreader: Misreader) -> list[TextLine]:
    """The lines as an OCR reads them."""
    return [TextLine(misreader.misread(line.text), LINE_CONFIDENCE, line.quad) for line in lines]


def draw_rare_values(person: Person, knowledge: CardKnowledge, rng: np.random.Generator) -> dict[str, str]:
    """Names from other places, and one letter changed in each: what no list has there, near what a list has."""
    values = {}
    for name in OUTSIDE_FIELDS:
        text = person.fields.get(name, "")
        places = [place for place, character in enumerate(text) if character in "AEIOU"]
        if places:
            place = places[int(rng.integers(len(places)))]
            vowel = "AEIOU".replace(text[place], "")[int(rng.integers(4))]
            rare = text[:place] + vowel + text[place + 1 :]
            listed = {*knowledge.known_places, *knowledge.vocabularies.occupations.printed}
            values[name] = text if rare in listed else rare
    return values


def print_tables(tallies: Mapping[float, Tally], outside: Tally, *, fields: bool) -> bool:
    """Print everything; whether all targets are met."""
    console = Console()
    table = Table(title="Exact fields before → after correction, per cent")
    for column in ("characters misread", *GROUPS, "target", "right values changed"):
        table.add_column(column, justify="right")
    met = True
    for rate, tally in tallies.items():
        shares = [
            f"{tally.percent(tally.before, names):.1f} → {tally.percent(tally.after, names):.1f}"
            for names in GROUPS.values()
        ]
        spoilt = tally.percent(tally.spoilt, LISTED_FIELDS, tally.before)
        target = TARGETS.get(rate, 100.0 - MAX_WRONG_PERCENT)
        met &= tally.percent(tally.after, LISTED_FIELDS) >= target and spoilt <= MAX_WRONG_PERCENT
        table.add_row(f"{100 * rate:.0f} %", *shares, f"≥ {target:g}", f"{spoilt:.2f}")
    console.print(table)
    if fields:
        detail = Table(title="By field")
        for column in ("", *(f"{100 * rate:.0f} %" for rate in tallies)):
            detail.add_column(column, justify="right")
        for name in (*LISTED_FIELDS, *NUMBER_FIELDS, *FREE_FIELDS):
            detail.add_row(
                name,
                *(f"{t.percent(t.before, [name]):.1f} → {t.percent(t.after, [name]):.1f}" for t in tallies.values()),
            )
        console.print(detail)
    rare = Table(title="Values that no list has, read right and changed")
    for column in ("", "printed", "changed"):
        rare.add_column(column, justify="right")
    for name in OUTSIDE_FIELDS:
        rare.add_row(name, str(outside.printed[name]), str(outside.spoilt[name]))
    console.print(rare)
    return met


if __name__ == "__main__":
    typer.run(main)
