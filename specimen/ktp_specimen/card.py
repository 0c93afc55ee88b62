"""Prints a person on a card: rows laid out as on a KTP, text drawn in ink, every line's quad kept.

Geometry is in fractions of the card's width (x) and height (y); sizes of type (em) in fractions of its height.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ktp_specimen.fonts import FontSet
from ktp_specimen.ground import PhotoBox, draw_ground, draw_photo, draw_signature
from ktp_specimen.people import Person
from ktp_specimen.sensor import LUMINANCE
from ktp_specimen.typesetting import PressSettings, PrintedLine, Typesetter
from ktp_specimen.wear import Wear, age_surface, draw_wear, wear_ink, write_notice

Choice = TypeVar("Choice")

COLUMN_LABELS = {
    "tempat_lahir": ("Tempat/Tgl Lahir", "Tempat/Tgl. Lahir", "Tempat/Tgl.Lahir", "Tempat / Tgl Lahir"),
    "jenis_kelamin": ("Jenis kelamin", "Jenis Kelamin"),
    "alamat": ("Alamat",),
    "rt_rw": ("RT/RW", "RT / RW"),
    "kelurahan_desa": ("Kel/Desa", "Kel / Desa", "Kelurahan/Desa"),
    "kecamatan": ("Kecamatan",),
    "agama": ("Agama",),
    "status_perkawinan": ("Status Perkawinan", "Status perkawinan"),
    "pekerjaan": ("Pekerjaan",),
    "kewarganegaraan": ("Kewarganegaraan",),
    "berlaku_hingga": ("Berlaku Hingga", "Berlaku hingga"),
}
USUAL_VALUE_X = 0.262
USUAL_PHOTO = PhotoBox(0.71, 0.24, 0.98, 0.75)
INDENTED = frozenset({"rt_rw", "kelurahan_desa", "kecamatan"})
BLOOD_LABELS = ("Gol. Darah", "Gol Darah", "Gol.Darah", "Gol. darah")
BLOOD_GAP = 0.02
"""Least gap between the sex and the blood type's label, of the card's width: about the height of a letter."""


@dataclass(frozen=True, slots=True)
class PrintedCard:
    """A card as printed.

    Attributes:
        pixels: (H, W, 3) float32 RGB in [0, 255], worn.
        lines: every line of text, notices included.
        fields: what is printed, by field name.
        unworn: (H, W, 2) float32, the card before wear: grey in [0, 255] and ink coverage in [0, 1].
    """

    pixels: NDArray[np.float32]
    lines: tuple[PrintedLine, ...]
    fields: dict[str, str]
    unworn: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CardStyle:
    """How one card is printed; positions as fractions, drawn by `draw_style`.

    `fitted` cards set a long value smaller, on one line, instead of breaking it.
    """

    text_font: str
    header_font: str
    nik_font: str
    em: float = 0.0385
    nik_scale: float = 1.6
    header_scale: float = 1.25
    label_x: float = 0.033
    indent: float = 0.022
    value_x: float = USUAL_VALUE_X
    colon: str = ": "
    top_y: float = 0.262
    row_pitch: float = 0.047
    stretch: float = 1.0
    jitter: float = 0.0
    uneven_ink: float = 0.0
    boldness: float = 0.0
    wear: Wear = field(default_factory=Wear)
    ink_rgb: tuple[float, float, float] = (62.0, 62.0, 62.0)
    photo: PhotoBox = USUAL_PHOTO
    labels: dict[str, str] = field(default_factory=dict)
    tracking: float = 0.0
    nik_tracking: float = 0.0
    fading: float = 0.1
    fitted: bool = False


def draw_style(rng: np.random.Generator, fonts: FontSet, variety: float) -> CardStyle:
    """Draw a printing style; `variety` in [0, 1] scales how far it strays from the usual card."""

    def around(value: float, spread: float) -> float:
        return float(value + rng.uniform(-spread, spread) * variety)

    def pick(options: Sequence[Choice]) -> Choice:
        return options[int(rng.integers(len(options)))]

    photo_x, photo_y = around(0, 0.012), around(0, 0.02)
    grey = around(62, 48)
    labels = {
        name: (pick(options) if rng.random() < variety else options[0]) for name, options in COLUMN_LABELS.items()
    }
    labels["golongan_darah"] = pick(BLOOD_LABELS) if rng.random() < variety else BLOOD_LABELS[0]
    return CardStyle(
        text_font=pick(fonts.text)[0],
        header_font=pick(fonts.header)[0],
        nik_font=pick(fonts.nik)[0],
        em=around(0.0385, 0.0045),
        nik_scale=around(1.6, 0.2),
        header_scale=around(1.25, 0.15),
        label_x=around(0.034, 0.01),
        indent=around(0.02, 0.012),
        value_x=around(USUAL_VALUE_X, 0.018),
        colon=pick((": ", ": ", ": ", ":", ":  ", "")) if rng.random() < variety else ": ",
        top_y=around(0.262, 0.012),
        row_pitch=around(0.047, 0.0022),
        stretch=around(0.97, 0.15) if rng.random() < 0.45 else 1.0,
        jitter=0.003 * variety * float(rng.random()),
        uneven_ink=float(rng.uniform(0.05, 0.5)) * variety if rng.random() < 0.3 else 0.0,
        boldness=around(0, 0.9) if rng.random() < 0.5 else 0.0,
        wear=draw_wear(rng, variety),
        ink_rgb=(grey, grey + around(2, 8), grey + around(4, 14)),
        photo=PhotoBox(0.71 + photo_x, 0.24 + photo_y, 0.98 + photo_x / 2, 0.75 + photo_y),
        labels=labels,
        tracking=around(0.015, 0.05) if rng.random() < 0.4 * variety else 0.0,
        nik_tracking=around(0.02, 0.08) if rng.random() < 0.4 * variety else 0.0,
        fading=0.1 + (0.45 * variety if rng.random() < 0.25 else 0.05) * float(rng.random()),
        fitted=bool(rng.random() < 0.18 * (variety - 0.6)),
    )


def print_card(rng: np.random.Generator, person: Person, style: CardStyle, width_px: int) -> PrintedCard:
    """Print a person's card at a width in pixels (height = width / 1.586)."""
    pixels = draw_ground(rng, width_px, person.foreign)
    born = person.fields.get("tanggal_lahir", "")
    draw_photo(rng, pixels, style.photo, born[-1:] in "13579" and born != "")
    press = _CardPress(rng, style, width_px)
    press.print_header(person)
    press.print_rows(person)
    press.print_issue(person)
    draw_signature(rng, press.ink)
    lines = press.lines
    colour, opacity = np.asarray(style.ink_rgb, np.float32), np.float32(1 - style.fading)
    worn = wear_ink(rng, press.ink, style.boldness, style.wear.rubbed)
    ink = press.ink.astype(np.float32) / np.float32(255)
    grey = pixels @ LUMINANCE
    unworn = np.dstack([grey + opacity * ink * (np.float32(colour @ LUMINANCE) - grey), ink])
    pixels += (opacity * worn)[..., None] * (colour - pixels)
    age_surface(rng, pixels, style.wear)
    if style.wear.notice:
        lines += write_notice(rng, pixels, style.wear, style.text_font)
    return PrintedCard(np.clip(pixels, 0, 255), tuple(lines), dict(person.fields), unworn)


class _CardPress(Typesetter):
    """Lays out the rows of a KTP."""

    def __init__(self, rng: np.random.Generator, style: CardStyle, width_px: int) -> None:
        super().__init__(rng, width_px, PressSettings(style.stretch, style.jitter, style.uneven_ink))
        self.tracking = {style.text_font: style.tracking, style.nik_font: style.nik_tracking}
        self.style = style

    def print_header(self, person: Person) -> None:
        style = self.style
        em = style.em * style.header_scale
        for y, name, prefix in ((0.085, "provinsi", "PROVINSI "), (0.135, "kabupaten_kota", "")):
            text = prefix + person.fields.get(name, "")
            shrunk = min(1.0, 0.92 * self.width / self.measure(text, style.header_font, em))
            x = 0.5 - self.measure(text, style.header_font, em * shrunk) / self.width / 2
            self.set((text, "header", name), (x, y + (style.top_y - 0.262) / 2), (style.header_font, em * shrunk))

    def print_rows(self, person: Person) -> None:
        """Set the NIK and the column below it; long values wrap below an empty label cell."""
        style = self.style
        nik_em = style.em * style.nik_scale
        y = style.top_y + 0.018
        label_end = self.set(
            ("NIK", "label", "nik"), (style.label_x, y), (style.text_font, style.em * (1 + style.nik_scale) / 2)
        )
        room = (style.photo.left - style.value_x - 0.016) * self.width
        nik_em *= min(1.0, room / self.measure(person.fields["nik"], style.nik_font, nik_em))
        self._set_value("nik", person.fields["nik"], (y, label_end), (style.nik_font, nik_em))
        rows = self._column(person)
        total = sum(len(wrapped) for _, _, wrapped in rows)
        pitch = min(style.row_pitch, (0.925 - style.top_y - 0.08) / total)
        em = min(style.em, pitch * 0.88)
        y = style.top_y + 0.08
        for name, label, wrapped in rows:
            x = style.label_x + (style.indent if name in INDENTED else 0.0)
            end = self._set_label(name, label, (x, y), em)
            for i, text in enumerate(wrapped):
                self._set_value(name, text, (y, end if i == 0 else -1.0), (style.text_font, em))
                if name == "jenis_kelamin":
                    self._set_blood(person, y, em)
                y += pitch

    def _set_label(self, name: str, label: str, at: tuple[float, float], em: float) -> float:
        """Set a label, smaller where it would run into its value."""
        colon_width = self.measure(self.style.colon or " ", self.style.text_font, em)
        room = (self.style.value_x - at[0] - 0.003) * self.width - colon_width
        fitting = em * min(1.0, room / self.measure(label, self.style.text_font, em))
        return self.set((label, "label", name), at, (self.style.text_font, fitting))

    def _column(self, person: Person) -> list[tuple[str, str, list[str]]]:
        fields = person.fields
        texts = {name: fields.get(name, "") for name in COLUMN_LABELS}
        texts["tempat_lahir"] = ", ".join(filter(None, (fields.get("tempat_lahir"), fields.get("tanggal_lahir"))))
        labels = {**{name: options[0] for name, options in COLUMN_LABELS.items()}, **self.style.labels}
        labels["agama"] = person.religion_label
        rows = [("nama", "Nama", self._wrap(fields.get("nama", "")))]
        return rows + [(name, labels[name], self._wrap(texts[name])) for name in COLUMN_LABELS]

    def _wrap(self, text: str) -> list[str]:
        """Break at spaces where a line would run into the photo."""
        if self.style.fitted:
            return [text]
        limit = (self.style.photo.left - 0.015 - self.style.value_x) * self.width
        lines = [""]
        for word in text.split(" "):
            candidate = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.measure(": " + candidate, self.style.text_font, self.style.em) > limit:
                lines.append(word)
            else:
                lines[-1] = candidate
        return lines

    def _set_value(self, name: str, text: str, at: tuple[float, float], font: tuple[str, float]) -> None:
        """Set a value with its colon; `at` is the row's y and the label's end (negative on a wrapped row)."""
        style = self.style
        y, label_end = at
        colon = style.colon if label_end >= 0 else ""
        colon_width = self.measure(": ", style.text_font, style.em) / self.width
        x = style.value_x - (0 if label_end < 0 or not colon else colon_width)
        if not text and not colon:
            return
        if name == "nik" and colon:  # the colon is set in the text font, the digits in theirs, as one line
            start = len(self.lines)
            colon_end = self.set((":", "value", name), (x, y), (style.text_font, font[1]))
            self.set((text, "value", name), (colon_end + 0.006, y), font)
            self.join(start)
            return
        line = (colon + text).strip() if text else ":"
        room = (style.photo.left - 0.008 - x) * self.width
        fitting = font[1] * min(1.0, room / self.measure(line, font[0], font[1])) if style.fitted else font[1]
        self.set((line, "value", name), (x, y), (font[0], fitting))

    def _set_blood(self, person: Person, y: float, em: float) -> None:
        """Set the blood type between the sex, which was set last, and the photo.

        A long one moves its label to the left, and is set smaller only where that does not make room enough.
        """
        style = self.style
        shift = style.value_x - USUAL_VALUE_X
        label = style.labels.get("golongan_darah", BLOOD_LABELS[0])
        value = f"{style.colon}{person.fields.get('golongan_darah', '')}".strip()
        right = style.photo.left - 0.008
        label_width, width = (self.measure(text, style.text_font, em) / self.width for text in (label, value))
        leftmost = self.lines[-1].quad[1, 0] / self.width + BLOOD_GAP
        x = min(0.5 + shift, max(leftmost, right - width - 0.008 - label_width))
        end = self.set((label, "label", "golongan_darah"), (x, y), (style.text_font, em))
        if value:
            x = max(min(0.622 + shift, right - width), end + 0.008)
            em *= min(1.0, (right - x) / width)
            self.set((value, "value", "golongan_darah"), (x, y), (style.text_font, em))

    def print_issue(self, person: Person) -> None:
        """Set issue place and date, centred under the photo."""
        style = self.style
        centre = (style.photo.left + style.photo.right) / 2
        for y, name in ((0.795, "tempat_terbit"), (0.838, "tanggal_terbit")):
            text, em = person.fields.get(name, ""), style.em * 0.9
            em *= min(1.0, 0.29 * self.width / max(1.0, self.measure(text, style.text_font, em)))
            x = centre - self.measure(text, style.text_font, em) / self.width / 2
            if text:
                self.set((text, "issue", name), (x, y), (style.text_font, em))
