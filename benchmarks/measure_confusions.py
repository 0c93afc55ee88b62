"""Counts which characters the recogniser takes for which: the table that corrections weigh misreadings by.

    ktp-ocr specimen --seed 7301 --count 150 --stratum hard --out out/confusions
    python benchmarks/measure_confusions.py out/confusions

Every line that is still legible is compared with the line that was read in its place; letters and digits that were read
as others, or not at all, are counted into `data/measured_confusions.csv`. Only seeds of development: a table measured
on the cards that accuracy is measured on would know the answers.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.progress import track

import ktp_postprocessing
from ktp_server.assembly import open_pipeline
from ktp_server.configuration import load_configuration
from ktp_server.errors import RecognitionError
from ktp_server.results import LineResult
from ktp_specimen.truth import LineTruth, SpecimenTruth, read_truths

TABLE = Path(ktp_postprocessing.__file__).with_name("data") / "measured_confusions.csv"
ALIKE_MIN = 0.7
"""Lines less similar than this are different lines, or one of them is torn: their characters do not correspond."""
COUNT_MIN = 2
"""A misreading seen once may be anything."""


def main(
    folder: Annotated[Path, typer.Argument(help="Specimens: a folder with images/ and truth.jsonl.")],
    out: Annotated[Path, typer.Option(help="The table.")] = TABLE,
) -> None:
    """Count misreadings on every specimen in FOLDER and write the table."""
    counts = asyncio.run(_count_all(folder, [truth for truth in read_truths(folder) if len(truth.cards) == 1]))
    rows = sorted((printed, read, count) for (printed, read), count in counts.items() if count >= COUNT_MIN)
    with out.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("printed", "read", "count"), *rows])
    Console().print(f"{sum(counts.values())} misread characters, {len(rows)} kinds in {out}", soft_wrap=True)


async def _count_all(folder: Path, truths: Sequence[SpecimenTruth]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    async with open_pipeline(load_configuration().settings) as pipeline:
        for truth in track(truths, "reading", console=Console(stderr=True)):
            try:
                result = await pipeline.recognize((folder / truth.file).read_bytes())
            except RecognitionError:
                continue
            for line in truth.cards[0].lines:
                read = _find_line(line, result.card.lines) if line.legible and line.kind != "watermark" else None
                if read is not None:
                    counts.update(_compare(line.text.upper(), read.upper()))
    return counts


def _find_line(line: LineTruth, found: Sequence[LineResult]) -> str | None:
    """Text of the line that was read where this one is printed; None if none resembles it."""
    outline = line.quad.astype(np.float32)
    middles = [(item.text, np.array(item.quad).mean(axis=0)) for item in found]
    texts = [
        text for text, (x, y) in middles if cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) >= 0
    ]
    alike = [(Levenshtein.normalized_similarity(line.text.upper(), text.upper()), text) for text in texts]
    similarity, text = max(alike, default=(0.0, ""))
    return text if similarity >= ALIKE_MIN else None


def _compare(printed: str, read: str) -> Iterator[tuple[str, str]]:
    """(printed, read) of each letter or digit that was read otherwise; an empty `read` was lost."""
    for edit in Levenshtein.editops(printed, read):
        if edit.tag == "insert" or not _is_counted(printed[edit.src_pos]):
            continue
        misread = read[edit.dest_pos] if edit.tag == "replace" else ""
        if misread == "" or _is_counted(misread):
            yield printed[edit.src_pos], misread


def _is_counted(character: str) -> bool:
    return character.isascii() and character.isalnum()


if __name__ == "__main__":
    typer.run(main)
