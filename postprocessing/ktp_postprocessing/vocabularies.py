"""The card's closed vocabularies and its printed labels, read from the CSV tables in `data/`.

Source: Permendagri 109/2019 form F-1.01 and printed cards; the tables are meant to be edited by people who know cards.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from ktp_postprocessing.tables import TableRow, Tables


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
        return Vocabularies.read(Tables())

    @staticmethod
    def read(tables: Tables) -> "Vocabularies":
        """Read the vocabularies and labels.

        Raises:
            TemplateError: a user's row is not usable.
        """
        return Vocabularies(
            religions=_read_vocabulary(tables.rows("religions"), is_closed=True),
            marital_statuses=_read_vocabulary(tables.rows("marital_statuses"), is_closed=True),
            occupations=_read_vocabulary(tables.rows("occupations"), is_closed=False),
            sexes=_read_vocabulary(tables.rows("sexes"), is_closed=True),
            blood_types=_read_vocabulary(tables.rows("blood_types"), is_closed=True),
            citizenships=_read_vocabulary(tables.rows("citizenships"), is_closed=False),
            validities=_read_vocabulary(tables.rows("validities"), is_closed=True),
            labels=_read_labels(tables.rows("labels")),
        )


def _read_vocabulary(rows: Iterable[TableRow], *, is_closed: bool) -> Vocabulary:
    """The terms; a user's row replaces the bundled one of the same printed form, or is added.

    Args:
        rows: of the table.
        is_closed: a user may add printed forms, but no meanings.
    """
    terms: dict[str, Term] = {}
    meanings: set[str] = set()
    for row in rows:
        if not row.is_own:
            meanings.add(row["meaning"])
        elif is_closed and row["meaning"] not in meanings:
            raise row.refuse("meaning", f"expected one of {', '.join(sorted(meanings))}, found {row['meaning']!r}")
        terms[row["printed"]] = Term(row["printed"], row["meaning"], CardKind(row["card"]))
    return Vocabulary(tuple(terms.values()))


def _read_labels(rows: Iterable[TableRow]) -> dict[str, tuple[str, ...]]:
    labels: dict[str, tuple[str, ...]] = {}
    for row in rows:
        name, printed = row["field"], row["printed"]
        if row.is_own and name not in labels:
            raise row.refuse("field", f"expected one of {', '.join(labels)}, found {name!r}")
        if printed not in labels.get(name, ()):
            labels[name] = (*labels.get(name, ()), printed)
    return labels
