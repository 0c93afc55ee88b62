"""Things in a scene that are no KTP: other cards, documents, paper, screens; all invented, none of a real issuer."""

import string
from collections.abc import Callable

import cv2
import numpy as np

from ktp_specimen.backgrounds import draw_paragraph
from ktp_specimen.ground import CARD_ASPECT, PhotoBox, draw_ground, draw_photo, value_noise
from ktp_specimen.names import compose_word, draw_address, draw_name, pick
from ktp_specimen.sheet import (
    BOLD,
    MONOSPACED,
    NARROW,
    OCR,
    SANS,
    SERIF,
    Colour,
    Image,
    draw_barcode,
    draw_picture,
    fill,
    tint,
    write,
    write_centred,
    write_rows,
)

DARK: Colour = (30.0, 32.0, 38.0)
ROUNDED = frozenset(
    {"bank_card", "licence", "tax_card", "member_card", "staff_card", "health_card", "back", "blank", "phone"}
)
"""Kinds with the rounded corners of a plastic card or a phone."""


def draw_object(rng: np.random.Generator, width_px: int, kind: str = "") -> tuple[str, Image]:
    """Draw something card-like that is no KTP.

    Args:
        rng: draws what, and what it says.
        width_px: width of the picture.
        kind: one of OBJECTS, or "" to draw one by the usual shares.

    Returns:
        Its kind and its picture, (H, W, 3) float32 RGB in [0, 255].
    """
    names = tuple(OBJECTS)
    shares = np.array([OBJECTS[name][1] for name in names])
    chosen = kind or names[int(rng.choice(len(names), p=shares / shares.sum()))]
    return chosen, np.clip(OBJECTS[chosen][0](rng, max(64, width_px)), 0, 255)


def _card(width_px: int) -> tuple[int, int]:
    return round(width_px / CARD_ASPECT), width_px


def _digits(rng: np.random.Generator, pattern: str) -> str:
    """Replace every 9 of a pattern by a random digit."""
    return "".join(str(rng.integers(10)) if letter == "9" else letter for letter in pattern)


def _date(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 29):02d}-{rng.integers(1, 13):02d}-{rng.integers(1950, 2030)}"


def _person_rows(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """`label : value` rows as on cards and forms; many share their labels with a KTP."""
    town = compose_word(rng).title()
    rows = [
        (pick(rng, ("Nama", "NAMA", "Name", "Nama Lengkap"), None), draw_name(rng, bool(rng.integers(2)))),
        (pick(rng, ("NIM", "NIP", "No. Anggota", "ID", "NIS", "No. Peserta"), None), _digits(rng, "9999999999")),
        (pick(rng, ("TTL", "Tempat/Tgl Lahir", "Tgl. Lahir", "Date of Birth"), None), f"{town}, {_date(rng)}"),
        (pick(rng, ("Alamat", "ALAMAT", "Address"), None), draw_address(rng)),
        (pick(rng, ("Fakultas", "Jurusan", "Divisi", "Unit", "Kelas"), None), compose_word(rng) + " " + town),
        (pick(rng, ("Jabatan", "Status", "Program"), None), pick(rng, ("STAF", "S1", "TETAP", "REGULER"), None)),
        (pick(rng, ("Berlaku", "Berlaku s/d", "Valid until", "Masa Berlaku"), None), _date(rng)),
        (pick(rng, ("NIK", "No. KTP", "No. Telp"), None), _digits(rng, "9999999999999999")),
    ]
    order = [0, *(rng.permutation(len(rows) - 1) + 1)][:count]
    return [rows[i] for i in order]


def _identity_card(rng: np.random.Generator, width_px: int, titles: tuple[str, str], base: Colour | None) -> Image:
    """A card with a photo, a title and rows: what is most like a KTP. Without a base, on a KTP's ground."""
    height, width = _card(width_px)
    if base is None:
        image = draw_ground(rng, width, bool(rng.random() < 0.2))[:height]
        height = image.shape[0]
    else:
        image = tint(rng, (height, width), base, 30)
    band = float(rng.uniform(0.12, 0.26))
    ink = tuple((rng.uniform(0, 70) + rng.normal(0, 12, 3)).tolist())
    if rng.random() < 0.65:
        fill(image, (0, 0, 1, band), tuple(rng.uniform(20, 255, 3).tolist()))
    if rng.random() < 0.3:
        fill(image, (0, 0.9, 1, 1), tuple(rng.uniform(20, 255, 3).tolist()))
    title_ink: Colour = (245.0, 245.0, 245.0) if image[: height // 8].mean() < 140 else DARK
    write_centred(image, band * height * 0.12, titles[0], (BOLD, band * height * 0.38), title_ink)
    write_centred(image, band * height * 0.55, titles[1], (SANS, band * height * 0.32), title_ink)
    photo_width = float(rng.uniform(0.2, 0.3))
    left = 0.035 if rng.random() < 0.6 else 0.965 - photo_width
    top = band + float(rng.uniform(0.04, 0.15))
    draw_photo(rng, image, PhotoBox(left, top, left + photo_width, min(0.96, top + photo_width * 1.9)), bool(left))
    text_left = left + photo_width + 0.03 if left < 0.3 else 0.04
    text_right = 0.97 if left < 0.3 else left - 0.02
    rows = _person_rows(rng, int(rng.integers(3, 8)))
    box = (text_left * width, top * height, text_right * width, (top + 0.095 * len(rows)) * height)
    write_rows(image, box, rows, (ink[0], ink[1], ink[2]), pick(rng, (SANS, NARROW, BOLD), None))
    if rng.random() < 0.4:
        square = bool(rng.random() < 0.5)
        draw_barcode(rng, image, (text_left, 0.8, text_left + (0.1 if square else 0.4), 0.96), square)
    return image


def _licence(rng: np.random.Generator, width_px: int) -> Image:
    base = pick_colour(
        rng, ((236.0, 226.0, 232.0), (232.0, 240.0, 246.0), (244.0, 200.0, 190.0), (214.0, 232.0, 214.0))
    )
    image = _identity_card(rng, width_px, ("SURAT IZIN MENGEMUDI", "DRIVING LICENCE"), base)
    height, width = image.shape[:2]
    write(image, (0.86 * width, 0.3 * height), pick(rng, ("A", "C", "B I"), None), (BOLD, 0.14 * height), DARK)
    return image


def _member_card(rng: np.random.Generator, width_px: int) -> Image:
    title = pick(rng, ("KARTU TANDA MAHASISWA", "KARTU ANGGOTA", "KARTU PELAJAR", "KARTU PERPUSTAKAAN"), None)
    owner = pick(rng, ("UNIVERSITAS ", "KOPERASI ", "SMA NEGERI ", "SEKOLAH TINGGI "), None) + compose_word(rng)
    base = None if rng.random() < 0.5 else tuple(rng.uniform(120, 250, 3).tolist())
    return _identity_card(rng, width_px, (title, owner), None if base is None else (base[0], base[1], base[2]))


def _health_card(rng: np.random.Generator, width_px: int) -> Image:
    base = pick_colour(rng, ((226.0, 244.0, 234.0), (244.0, 248.0, 250.0), (198.0, 226.0, 246.0)))
    return _identity_card(rng, width_px, ("KARTU JAMINAN KESEHATAN", compose_word(rng)), base)


def _staff_card(rng: np.random.Generator, width_px: int) -> Image:
    """A portrait card on a lanyard."""
    shape = (round(width_px * CARD_ASPECT), width_px)
    image = tint(rng, shape, pick_colour(rng, ((245.0, 245.0, 245.0), (170.0, 205.0, 232.0), (40.0, 60.0, 110.0))), 25)
    fill(image, (0, 0, 1, float(rng.uniform(0.1, 0.25))), tuple(rng.uniform(10, 250, 3).tolist()))
    draw_photo(rng, image, PhotoBox(0.28, 0.26, 0.72, 0.6), bool(rng.integers(2)))
    ink: Colour = DARK if image[shape[0] * 2 // 3 :].mean() > 110 else (240.0, 240.0, 240.0)
    for i, text in enumerate((compose_word(rng) + " GROUP", draw_name(rng, female=True), _digits(rng, "ID 99999999"))):
        y = (0.06, 0.64, 0.72)[i] * shape[0]
        write_centred(image, y, text, (BOLD if i < 2 else SANS, shape[0] * 0.045), ink)
    draw_barcode(rng, image, (0.2, 0.82, 0.8, 0.93), square=False)
    return image


def pick_colour(rng: np.random.Generator, options: tuple[Colour, ...]) -> Colour:
    """Draw one of the colours, evenly."""
    return options[int(rng.integers(len(options)))]


def _bank_card(rng: np.random.Generator, width_px: int) -> Image:
    shape = _card(width_px)
    base = rng.uniform(10, 235, 3)
    image = tint(rng, shape, (base[0], base[1], base[2]), 60)
    ink: Colour = (235.0, 235.0, 230.0) if base.mean() < 140 else DARK
    height, width = shape
    for _ in range(int(rng.integers(0, 4))):
        centre = (int(rng.uniform(0, 1) * width), int(rng.uniform(0, 1) * height))
        colour = (base + rng.normal(0, 30, 3)).tolist()
        cv2.circle(image, centre, int(rng.uniform(0.1, 0.6) * width), colour, -1, cv2.LINE_AA)
    fill(image, (0.09, 0.36, 0.215, 0.53), (212.0, 178.0, 92.0))
    for y in (0.41, 0.48):
        fill(image, (0.09, y, 0.215, y + 0.004), (120.0, 96.0, 50.0))
    write(image, (0.07 * width, 0.08 * height), "BANK " + compose_word(rng), (BOLD, 0.1 * height), ink)
    number = pick(rng, (OCR, MONOSPACED, SANS), None)
    write(image, (0.08 * width, 0.58 * height), _digits(rng, "9999 9999 9999 9999"), (number, 0.105 * height), ink)
    write(image, (0.42 * width, 0.73 * height), _digits(rng, "09/29"), (MONOSPACED, 0.06 * height), ink)
    write(image, (0.08 * width, 0.83 * height), draw_name(rng, female=False)[:22], (SANS, 0.07 * height), ink)
    for x in (0.83, 0.89):
        colour = rng.uniform(40, 250, 3).tolist()
        cv2.circle(image, (int(x * width), int(0.84 * height)), int(0.08 * height), colour, -1, cv2.LINE_AA)
    return image


def _tax_card(rng: np.random.Generator, width_px: int) -> Image:
    height, width = _card(width_px)
    base = pick_colour(rng, ((242.0, 222.0, 120.0), (240.0, 244.0, 246.0), (150.0, 196.0, 226.0)))
    image = tint(rng, (height, width), base, 18)
    fill(image, (0, 0, 1, 0.2), (base[0] * 0.6, base[1] * 0.6, base[2] * 0.8))
    write_centred(image, 0.05 * height, "NOMOR POKOK WAJIB PAJAK", (BOLD, 0.09 * height), (245.0, 245.0, 245.0))
    number = _digits(rng, "99.999.999.9-999.999")
    write(image, (0.06 * width, 0.27 * height), f"NPWP : {number}", (BOLD, 0.1 * height), DARK)
    texts = (draw_name(rng, female=False), _digits(rng, "NIK : 9999999999999999"), draw_address(rng), compose_word(rng))
    for i, text in enumerate(texts):
        write(image, (0.06 * width, (0.43 + 0.1 * i) * height), text, (SANS, 0.07 * height), DARK)
    write(image, (0.06 * width, 0.86 * height), f"TERDAFTAR : {_date(rng)}", (SANS, 0.06 * height), DARK)
    return image


def _back(rng: np.random.Generator, width_px: int) -> Image:
    """A KTP's back: its ground with a large faint ornament and at most a title, no rows and no photo."""
    image = draw_ground(rng, width_px, bool(rng.random() < 0.1))
    height, width = image.shape[:2]
    shade = rng.normal([-20, -14, -6], 6).astype(np.float32)
    columns = int(rng.integers(4, 14))
    for row in range(columns):
        for column in range(columns):
            centre = (int((column + 0.5 * (row % 2)) * width / columns), int(row * height / columns * 1.2))
            size = (int(0.45 * width / columns), int(0.3 * width / columns))
            colour = (image[min(centre[1], height - 1), min(centre[0], width - 1)] + shade).tolist()
            cv2.ellipse(image, centre, size, 45 * (row % 4), 0, 360, colour, 1 + width // 500, cv2.LINE_AA)
    if rng.random() < 0.5:
        write_centred(image, 0.42 * height, "KARTU TANDA PENDUDUK", (BOLD, 0.09 * height), (90.0, 110.0, 130.0))
    if rng.random() < 0.3:
        draw_barcode(rng, image, (0.3, 0.75, 0.7, 0.88), square=False)
    return image


def _blank(rng: np.random.Generator, width_px: int) -> Image:
    """A card without print, some on a KTP's ground."""
    if rng.random() < 0.35:
        return draw_ground(rng, width_px, foreign=False)
    base = rng.uniform(10, 250, 3)
    return tint(rng, _card(width_px), (base[0], base[1], base[2]), float(rng.uniform(2, 50)))


def _passport(rng: np.random.Generator, width_px: int) -> Image:
    shape = (round(width_px / 1.42), width_px)
    image = draw_ground(rng, width_px, bool(rng.random() < 0.5))
    image = np.ascontiguousarray(cv2.resize(image, shape[::-1]))
    draw_photo(rng, image, PhotoBox(0.05, 0.16, 0.32, 0.7), bool(rng.integers(2)))
    write_centred(image, 0.03 * shape[0], "REPUBLIC OF " + compose_word(rng), (BOLD, 0.06 * shape[0]), DARK)
    rows = _person_rows(rng, 6)
    for i, (label, value) in enumerate(rows):
        y = (0.14 + 0.1 * i) * shape[0]
        write(image, (0.36 * shape[1], y), label, (NARROW, 0.028 * shape[0]), DARK)
        write(image, (0.36 * shape[1], y + 0.032 * shape[0]), value, (SANS, 0.045 * shape[0]), DARK)
    for i in range(2):
        letters = "".join(rng.choice(list(string.ascii_uppercase + string.digits + "<<<<<<<<<"), 40))
        write(image, (0.03 * shape[1], (0.82 + 0.08 * i) * shape[0]), letters, (MONOSPACED, 0.06 * shape[0]), DARK)
    return image


def _paper(rng: np.random.Generator, width_px: int) -> Image:
    shape = (round(width_px / rng.uniform(0.65, 1.5)), width_px)
    white = rng.uniform(205, 252)
    image = tint(rng, shape, (white, white, white - rng.uniform(0, 20)), 6)
    draw_paragraph(rng, image, (0, shape[0] // 12, *shape[::-1]), max(10, int(shape[0] * rng.uniform(0.025, 0.1))))
    return image


def _copy_sheet(rng: np.random.Generator, width_px: int) -> Image:
    """The blank sheet that a photocopy of a card stands on."""
    white = rng.uniform(200, 250)
    image = tint(rng, (round(width_px / rng.uniform(0.7, 1.42)), width_px), (white, white, white - 4), 5)
    if rng.random() < 0.4:
        write(image, (0.1 * width_px, 0.04 * width_px), draw_name(rng, female=True), (SANS, 0.03 * width_px), DARK)
    return image


def _form(rng: np.random.Generator, width_px: int) -> Image:
    """A printed form: title, label-and-value rows, some in a ruled table."""
    shape = (round(width_px / rng.uniform(0.68, 1.45)), width_px)
    white = rng.uniform(200, 252)
    image = tint(rng, shape, (white, white, white - rng.uniform(0, 12)), 5)
    height, width = shape
    title = pick(rng, ("KARTU KELUARGA", "FORMULIR PENDAFTARAN", "SURAT PERNYATAAN", "SURAT KETERANGAN"), None)
    write_centred(image, 0.04 * height, title, (pick(rng, (BOLD, SERIF), None), 0.045 * height), DARK)
    rows = [row for _ in range(3) for row in _person_rows(rng, 7)][: int(rng.integers(7, 20))]
    box = (0.07 * width, 0.14 * height, 0.95 * width, float(rng.uniform(0.5, 0.95)) * height)
    write_rows(image, box, rows, DARK, pick(rng, (SANS, SERIF, MONOSPACED), None))
    if rng.random() < 0.5:
        pitch = (box[3] - box[1]) / len(rows)
        for i in range(len(rows) + 1):
            y = (box[1] + pitch * (i - 0.12)) / height
            fill(image, (0.06, y, 0.96, y), (90.0, 90.0, 95.0), 1)
        for x in (0.06, 0.06 + 0.33, 0.96):
            fill(image, (x, box[1] / height, x, box[3] / height), (90.0, 90.0, 95.0), 1)
    return image


def _receipt(rng: np.random.Generator, width_px: int) -> Image:
    shape = (round(width_px * rng.uniform(1.3, 2.4)), width_px)
    white = rng.uniform(210, 250)
    image = tint(rng, shape, (white, white, white), 6)
    grey = float(rng.uniform(30, 110))
    pitch = max(8.0, width_px * float(rng.uniform(0.045, 0.08)))
    write_centred(image, pitch, "TOKO " + compose_word(rng), (BOLD, pitch), (grey, grey, grey))
    for y in np.arange(3 * pitch, shape[0] - 2 * pitch, pitch):
        text = f"{compose_word(rng):<14}{rng.integers(1, 9)} x {rng.integers(1, 500)}.000"
        write(image, (0.05 * width_px, y), text, (MONOSPACED, pitch * 0.75), (grey, grey, grey))
    return image


def _phone(rng: np.random.Generator, width_px: int) -> Image:
    """A phone, upright or lying: dark rim, a lit screen with an app's lists and pictures."""
    shape = (round(width_px * 2.05), width_px)
    image = np.full((*shape, 3), rng.uniform(5, 60), np.float32)
    rim = round(width_px * 0.035)
    image[rim * 2 : -rim * 2, rim:-rim] = _screen(rng, (shape[0] - 4 * rim, shape[1] - 2 * rim))
    return image if rng.random() < 0.6 else np.ascontiguousarray(image.transpose(1, 0, 2)[::-1])


def _laptop(rng: np.random.Generator, width_px: int) -> Image:
    shape = (round(width_px / 1.65), width_px)
    image = np.full((*shape, 3), rng.uniform(5, 190), np.float32)
    rim = max(2, round(width_px * 0.018))
    image[rim : -2 * rim, rim:-rim] = _screen(rng, (shape[0] - 3 * rim, shape[1] - 2 * rim))
    return image


def _screen(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """What a screen shows: a bar, cards, lists, buttons, pictures; light or dark."""
    height, width = shape
    dark = rng.random() < 0.35
    image = np.full((height, width, 3), rng.uniform(8, 40) if dark else rng.uniform(225, 255), np.float32)
    ink: Colour = (225.0, 225.0, 230.0) if dark else DARK
    unit = max(9.0, width * float(rng.uniform(0.025, 0.06)))
    accent = tuple(rng.uniform(20, 235, 3).tolist())
    fill(image, (0, 0, 1, min(0.2, 2.2 * unit / height)), (accent[0], accent[1], accent[2]))
    write(image, (unit, 0.5 * unit), compose_word(rng).title(), (BOLD, 1.1 * unit), (250.0, 250.0, 250.0))
    y = 3.0 * unit
    while y < height - 3 * unit:
        block = int(rng.integers(4))
        if block == 0:
            tall = round(min(height - y - 1, unit * rng.uniform(3, 12)))
            wide = round(width * rng.uniform(0.3, 0.95))
            image[round(y) : round(y) + tall, 2 : 2 + min(wide, width - 4)] = draw_picture(
                rng, (tall, min(wide, width - 4))
            )
            y += tall + unit
        elif block == 1:
            fill(image, (0.05, y / height, 0.95, (y + 2 * unit) / height), (accent[0], accent[1], accent[2]))
            write(image, (0.3 * width, y + 0.4 * unit), compose_word(rng), (BOLD, unit), (250.0, 250.0, 250.0))
            y += 3 * unit
        else:
            for label, value in _person_rows(rng, int(rng.integers(1, 4))):
                write(image, (0.06 * width, y), f"{label}: {value}".title()[:44], (SANS, unit), ink)
                y += 1.6 * unit
    return image


def _photograph(rng: np.random.Generator, width_px: int) -> Image:
    """A printed photograph or a flyer."""
    shape = (round(width_px / rng.uniform(0.7, 1.6)), width_px)
    image = draw_picture(rng, shape)
    if rng.random() < 0.6:
        write_centred(image, 0.1 * shape[0], draw_name(rng, female=True), (BOLD, 0.1 * shape[0]), (250.0, 250.0, 250.0))
    return image + 8 * value_noise(rng, shape, 60)[..., None]


OBJECTS: dict[str, tuple[Callable[[np.random.Generator, int], Image], float]] = {
    "licence": (_licence, 1.6),
    "member_card": (_member_card, 2.2),
    "health_card": (_health_card, 1.0),
    "staff_card": (_staff_card, 0.8),
    "bank_card": (_bank_card, 1.4),
    "tax_card": (_tax_card, 1.2),
    "back": (_back, 1.4),
    "blank": (_blank, 0.8),
    "passport": (_passport, 0.8),
    "paper": (_paper, 1.0),
    "form": (_form, 1.4),
    "receipt": (_receipt, 0.7),
    "phone": (_phone, 1.0),
    "laptop": (_laptop, 0.9),
    "photograph": (_photograph, 0.6),
    "copy_sheet": (_copy_sheet, 0.0),
}
"""Kinds of objects: how each is drawn, and how often, relative to the others."""
