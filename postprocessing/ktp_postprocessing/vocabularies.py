"""The card's closed vocabularies and its printed labels, read from the CSV tables in `data/`.

Source: Permendagri 109/2019 form F-1.01 and printed cards; the tables are meant to be edited by people who know cards.
"""

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files


class CardKind(StrEnum):
    """The cards on which a term is printed."""

    WNI = "wni"
    WNA = "wna"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Term:
    """One printed form of an entry.

    Attributes:
        printed: upper case, exactly as printed: "KATHOLIK".
        meaning: the entry of the official list it stands for: "KATOLIK".
        card: cards of citizens, of foreigners, or both.
    """

    printed: str
    meaning: str
    card: CardKind


@dataclass(frozen=True)
class Vocabulary:
    """A closed list of values, with its printed variants."""

    terms: tuple[Term, ...]

    @cached_property
    def printed(self) -> tuple[str, ...]:
        """Every printed form, in table order."""
        return tuple(term.printed for term in self.terms)

    @cached_property
    def official(self) -> tuple[str, ...]:
        """The printed forms that are the official entries themselves, without variants; citizens' cards only."""
        return tuple(
            term.printed for term in self.terms if term.card is not CardKind.WNA and term.printed == term.meaning
        )

    @cached_property
    def foreign(self) -> tuple[str, ...]:
        """The printed forms found on foreigners' cards (English)."""
        return tuple(term.printed for term in self.terms if term.card is not CardKind.WNI)

    @cached_property
    def meanings(self) -> dict[str, str]:
        """Printed form -> official entry."""
        return {term.printed: term.meaning for term in self.terms}


@dataclass(frozen=True)
class Vocabularies:
    """All tables.

    `labels` maps a field (`nik`, `nama`, `tempat_tanggal_lahir`, `jenis_kelamin`, `golongan_darah`, `alamat`, `rt_rw`,
    `kelurahan_desa`, `kecamatan`, `agama`, `status_perkawinan`, `pekerjaan`, `kewarganegaraan`, `berlaku_hingga`, in
    print order) to the label's printed forms, the usual one first.
    """

    religions: Vocabulary
    marital_statuses: Vocabulary
    occupations: Vocabulary
    sexes: Vocabulary
    blood_types: Vocabulary
    citizenships: Vocabulary
    validities: Vocabulary
    labels: dict[str, tuple[str, ...]]

    @staticmethod
    @lru_cache(maxsize=1)
    def load() -> "Vocabularies":
        """Read the bundled tables; later calls return the same object."""
        labels: dict[str, tuple[str, ...]] = {}
        for row in _read_table("labels"):
            labels[row["field"]] = (*labels.get(row["field"], ()), row["printed"])
        return Vocabularies(
            religions=_read_vocabulary("religions"),
            marital_statuses=_read_vocabulary("marital_statuses"),
            occupations=_read_vocabulary("occupations"),
            sexes=_read_vocabulary("sexes"),
            blood_types=_read_vocabulary("blood_types"),
            citizenships=_read_vocabulary("citizenships"),
            validities=_read_vocabulary("validities"),
            labels=labels,
        )


def _read_table(name: str) -> list[dict[str, str]]:
    text = files("ktp_postprocessing").joinpath(f"data/{name}.csv").read_text("ascii")
    return list(csv.DictReader(text.splitlines()))


def _read_vocabulary(name: str) -> Vocabulary:
    return Vocabulary(
        tuple(Term(row["printed"], row["meaning"], CardKind(row["card"])) for row in _read_table(name)),
    )
