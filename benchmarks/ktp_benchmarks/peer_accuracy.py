"""The peers' accuracy on the same cards, as far as it can be compared.

RapidOCR gives lines and no fields: a field counts as found when its printed text stands somewhere in all it read,
spaces and capitals aside; the NIK likewise. akshara-ocr gives eleven fields, which must be exact, as ours must be. Both
get the photographs turned upright, which this reader must do by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ktp_benchmarks.measures import ALL
from ktp_benchmarks.observations import ImageObservation
from ktp_benchmarks.statistics import Estimate, share
from ktp_benchmarks.truths import LabelledCard, LabelledImage
from ktp_benchmarks.workers import PEERS, Answer, Worker, WorkerFailed, last_core, open_peer

AKSHARA_FIELDS = (
    "nik",
    "nama",
    "tempat_lahir",
    "tanggal_lahir",
    "jenis_kelamin",
    "alamat",
    "agama",
    "status_perkawinan",
    "pekerjaan",
    "kewarganegaraan",
    "berlaku_hingga",
)
"""What akshara-ocr knows of a card; its `tempat_tanggal_lahir` counts as two."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Shares by (reader, measure, stratum), and what kept a peer from being measured."""

    shares: Mapping[tuple[str, str, str], Estimate]
    missing: Sequence[str]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        rows = [
            {"reader": reader, "measure": name, "stratum": stratum, "value": round(e.value, 4), "count": e.count}
            for (reader, name, stratum), e in self.shares.items()
        ]
        return {"shares": rows, "missing": list(self.missing)}


def compare_with_peers(
    folder: Path, images: Sequence[LabelledImage], observations: Sequence[ImageObservation], log: Console
) -> Comparison:
    """Read the images of one card with each peer; a peer that cannot run is named, not fatal."""
    pairs = [(i, seen) for i, seen in zip(images, observations, strict=True) if len(i.cards) == 1]
    hits: dict[tuple[str, str, str], list[bool]] = {}
    missing: list[str] = []
    for image, seen in pairs:
        ours = {field.name: field.value or "" for field in seen.fields}
        _count(hits, "ktp-ocr", image, score_fields(image.cards[0], ours))
        _count(hits, "ktp-ocr", image, score_texts(image.cards[0], ours.values()))
    with ExitStack() as stack:
        workers: list[Worker] = []
        for peer in PEERS:
            try:
                workers.append(stack.enter_context(open_peer(peer, last_core())))
            except WorkerFailed as error:
                missing.append(str(error))
        for image, _ in track(pairs if workers else [], "peers", console=log, transient=True):
            for worker in workers:
                answer = worker.ask(folder, image)
                _count(hits, worker.version, image, _score(worker.name, image.cards[0], answer))
    return Comparison({key: share(sum(found), len(found)) for key, found in hits.items()}, missing)


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print measures by reader and stratum."""
    table = Table(
        title="Beside other readers (photographs turned upright for them)", title_justify="left", box=box.SIMPLE_HEAD
    )
    strata = list(dict.fromkeys(stratum for _, _, stratum in comparison.shares if stratum != ALL))
    for heading in ("", "reader"):
        table.add_column(heading)
    for heading in (*strata, ALL):
        table.add_column(heading, justify="right")
    rows = sorted(
        {(name, reader) for reader, name, _ in comparison.shares}, key=lambda row: (row[0], row[1] != "ktp-ocr")
    )
    for name, reader in rows:
        shares = [comparison.shares.get((reader, name, stratum)) for stratum in (*strata, ALL)]
        table.add_row(name, reader, *("-" if e is None else f"{100 * e.value:.1f} %" for e in shares))
    console.print(table)
    for reason in comparison.missing:
        console.print(f"not measured: {reason}", markup=False)


Scores = list[tuple[str, bool]]


def _score(peer: str, card: LabelledCard, answer: Answer) -> Scores:
    if peer == "rapidocr":
        return score_texts(card, answer.texts)
    return score_fields(card, answer.fields)


def score_fields(card: LabelledCard, values: Mapping[str, str]) -> Scores:
    """Hold fields against a card: whether each of the eleven that is printed is exact, and the NIK once more."""
    printed = {name: card.fields[name] for name in AKSHARA_FIELDS if card.fields.get(name)}
    scores = [("eleven fields exact", values.get(name, "") == text) for name, text in printed.items()]
    return scores + [("NIK exact", values.get("nik", "") == printed["nik"])] * ("nik" in printed)


def score_texts(card: LabelledCard, texts: Iterable[str]) -> Scores:
    """Hold lines against a card: whether the text of each printed field stands in them, and the NIK once more."""
    read = _squeeze("".join(texts))
    printed = {name: text for name, text in card.fields.items() if text}
    scores = [("field strings found", _squeeze(text) in read) for text in printed.values()]
    return scores + [("NIK found", printed["nik"] in read)] * ("nik" in printed)


def _squeeze(text: str) -> str:
    return "".join(text.split()).upper()


def _count(hits: dict[tuple[str, str, str], list[bool]], reader: str, image: LabelledImage, scores: Scores) -> None:
    for name, hit in scores:
        for stratum in (image.stratum, ALL):
            hits.setdefault((reader, name, stratum), []).append(hit)
