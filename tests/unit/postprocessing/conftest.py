"""Cards as plain lists of lines, placed as on a printed card."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from ktp_postprocessing.card import read_card
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.reading import CardReading

CARD_WIDTH_PX, CARD_HEIGHT_PX = 624.0, 394.0
LEFT_PX, TOP_PX = 8.0, 11.0
LINE_HEIGHT_PX = 13.0
CHARACTER_WIDTH_PX = 7.4

VALUES = {
    "NIK": "3273014501900000",
    "Nama": "SITI RAHMAWATI",
    "Tempat/Tgl Lahir": "BANDUNG, 05-01-1990",
    "Jenis Kelamin": "PEREMPUAN",
    "Alamat": "JL. MERDEKA NO. 12 BLOK C",
    "RT/RW": "001/002",
    "Kel/Desa": "SUKARASA",
    "Kecamatan": "SUKASARI",
    "Agama": "ISLAM",
    "Status Perkawinan": "BELUM KAWIN",
    "Pekerjaan": "KARYAWAN SWASTA",
    "Kewarganegaraan": "WNI",
    "Berlaku Hingga": "SEUMUR HIDUP",
}
INDENTED = ("RT/RW", "Kel/Desa", "Kecamatan")


@dataclass
class CardSketch:
    """A card to be laid out as lines; the tests change what they are about.

    `values` maps printed labels to values; a list is a value wrapped over rows, None a row left blank. `glued` labels
    stand in one line with their value. `labels` replaces a label's text; None removes it.
    """

    header: Sequence[str] = ("PROVINSI JAWA BARAT", "KOTA BANDUNG")
    values: dict[str, str | list[str] | None] = field(default_factory=lambda: dict(VALUES))
    labels: dict[str, str | None] = field(default_factory=dict)
    glued: frozenset[str] = frozenset()
    colon: str = ": "
    blood_type: Sequence[str] = ("Gol. Darah :", "O")
    issue: Sequence[str] = ("KOTA BANDUNG", "12-03-2012")
    extra: Sequence[tuple[str, float, float]] = ()
    tilt: float = 0.0

    def lines(self) -> list[TextLine]:
        """The lines, in a shuffled but fixed order."""
        placed = [(text, 0.5 - len(text) * 0.0065, y) for text, y in zip(self.header, (0.07, 0.12), strict=False)]
        row = 0
        for printed, value in self.values.items():
            rows = value if isinstance(value, list) else [value]
            y = 0.26 if printed == "NIK" else 0.33 + 0.047 * row
            label = self.labels.get(printed, printed)
            label_x = 0.06 if printed in INDENTED else 0.035
            if printed in self.glued:
                placed.append((f"{label or ''}{self.colon}{rows[0] or ''}".strip(), label_x, y))
            else:
                placed += [(label, label_x, y)] if label else []
                placed += [(self.colon + rows[0], 0.255, y)] if rows[0] else []
            placed += [(text or "", 0.27, y + 0.047 * (index + 1)) for index, text in enumerate(rows[1:])]
            if printed == "Jenis Kelamin":
                placed += [(text, x, y) for text, x in zip(self.blood_type, (0.50, 0.625), strict=False)]
            row += 0 if printed == "NIK" else len(rows)
        placed += [(text, 0.845 - len(text) * 0.006, y) for text, y in zip(self.issue, (0.78, 0.82), strict=False)]
        lines = [self._place(*item) for item in (*placed, *self.extra)]
        order = np.random.default_rng(0).permutation(len(lines))
        return [lines[index] for index in order]

    def _place(self, text: str, x: float, y: float) -> TextLine:
        is_nik = sum(character.isdigit() for character in text) >= 12
        scale = 1.5 if is_nik else 1.0
        width = max(len(text) * CHARACTER_WIDTH_PX * scale, 6.0)
        height = LINE_HEIGHT_PX * scale
        left, middle = LEFT_PX + x * CARD_WIDTH_PX, TOP_PX + y * CARD_HEIGHT_PX
        corners = np.array([[0, -height / 2], [width, -height / 2], [width, height / 2], [0, height / 2]])
        cosine, sine = math.cos(self.tilt), math.sin(self.tilt)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        return TextLine(text, 0.98, (corners + np.array([left, middle])) @ turn)


def read(lines: Sequence[TextLine]) -> dict[str, str]:
    """The values of a card by field, read with the bundled tables."""
    return get_values(read_card(lines, CardKnowledge.load()))


def get_values(card: CardReading) -> dict[str, str]:
    """The values of a card by field."""
    return {name: reading.value for name, reading in card.fields.items()}


@pytest.fixture
def sketch() -> CardSketch:
    """An ordinary citizen's card."""
    return CardSketch()


@pytest.fixture
def expected() -> Callable[..., dict[str, str]]:
    """The ordinary card's fields, with changes; a change to an empty text removes a field."""

    def make(**changes: str) -> dict[str, str]:
        fields = {
            "provinsi": "JAWA BARAT",
            "kabupaten_kota": "KOTA BANDUNG",
            "nik": "3273014501900000",
            "nama": "SITI RAHMAWATI",
            "tempat_lahir": "BANDUNG",
            "tanggal_lahir": "05-01-1990",
            "jenis_kelamin": "PEREMPUAN",
            "golongan_darah": "O",
            "alamat": "JL. MERDEKA NO. 12 BLOK C",
            "rt_rw": "001/002",
            "rt": "001",
            "rw": "002",
            "kelurahan_desa": "SUKARASA",
            "kecamatan": "SUKASARI",
            "agama": "ISLAM",
            "status_perkawinan": "BELUM KAWIN",
            "pekerjaan": "KARYAWAN SWASTA",
            "kewarganegaraan": "WNI",
            "berlaku_hingga": "SEUMUR HIDUP",
            "tempat_terbit": "KOTA BANDUNG",
            "tanggal_terbit": "12-03-2012",
        }
        return {name: value for name, value in (fields | changes).items() if value}

    return make
