"""Cards that are no KTP, some of them much like one; all invented, none of a real issuer."""

import string

import cv2
import numpy as np

from ktp_specimen.ground import CARD_ASPECT, PhotoBox, draw_ground, draw_photo
from ktp_specimen.names import compose_word, draw_address, draw_date, draw_digits, draw_name, draw_rows, pick
from ktp_specimen.sheet import (
    BOLD,
    DARK,
    MONOSPACED,
    OCR,
    SANS,
    SERIF,
    Colour,
    Image,
    draw_barcode,
    fill,
    pick_colour,
    tint,
    write,
    write_centred,
    write_rows,
)


def _card(width_px: int) -> tuple[int, int]:
    return round(width_px / CARD_ASPECT), width_px


def _draw_identity_card(rng: np.random.Generator, width_px: int, titles: tuple[str, str], base: Colour | None) -> Image:
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
    rows = draw_rows(rng, int(rng.integers(3, 8)))
    box = (text_left * width, top * height, text_right * width, (top + 0.095 * len(rows)) * height)
    write_rows(image, box, rows, (ink[0], ink[1], ink[2]), pick(rng, (SANS, SERIF, BOLD), None))
    if rng.random() < 0.4:
        square = bool(rng.random() < 0.5)
        draw_barcode(rng, image, (text_left, 0.8, text_left + (0.1 if square else 0.4), 0.96), square)
    return image


def draw_licence(rng: np.random.Generator, width_px: int) -> Image:
    """A driving licence."""
    base = pick_colour(
        rng, ((236.0, 226.0, 232.0), (232.0, 240.0, 246.0), (244.0, 200.0, 190.0), (214.0, 232.0, 214.0))
    )
    image = _draw_identity_card(rng, width_px, ("SURAT IZIN MENGEMUDI", "DRIVING LICENCE"), base)
    height, width = image.shape[:2]
    write(image, (0.86 * width, 0.3 * height), pick(rng, ("A", "C", "B I"), None), (BOLD, 0.14 * height), DARK)
    return image


def draw_member_card(rng: np.random.Generator, width_px: int) -> Image:
    """A student's or member's card, half of them on a KTP's ground."""
    title = pick(rng, ("KARTU TANDA MAHASISWA", "KARTU ANGGOTA", "KARTU PELAJAR", "KARTU PERPUSTAKAAN"), None)
    owner = pick(rng, ("UNIVERSITAS ", "KOPERASI ", "SMA NEGERI ", "SEKOLAH TINGGI "), None) + compose_word(rng)
    base = None if rng.random() < 0.5 else tuple(rng.uniform(120, 250, 3).tolist())
    return _draw_identity_card(rng, width_px, (title, owner), None if base is None else (base[0], base[1], base[2]))


def draw_health_card(rng: np.random.Generator, width_px: int) -> Image:
    """An insurance card."""
    base = pick_colour(rng, ((226.0, 244.0, 234.0), (244.0, 248.0, 250.0), (198.0, 226.0, 246.0)))
    return _draw_identity_card(rng, width_px, ("KARTU JAMINAN KESEHATAN", compose_word(rng)), base)


def draw_staff_card(rng: np.random.Generator, width_px: int) -> Image:
    """A portrait card on a lanyard."""
    shape = (round(width_px * CARD_ASPECT), width_px)
    image = tint(rng, shape, pick_colour(rng, ((245.0, 245.0, 245.0), (170.0, 205.0, 232.0), (40.0, 60.0, 110.0))), 25)
    fill(image, (0, 0, 1, float(rng.uniform(0.1, 0.25))), tuple(rng.uniform(10, 250, 3).tolist()))
    draw_photo(rng, image, PhotoBox(0.28, 0.26, 0.72, 0.6), bool(rng.integers(2)))
    ink: Colour = DARK if image[shape[0] * 2 // 3 :].mean() > 110 else (240.0, 240.0, 240.0)
    for i, text in enumerate(
        (compose_word(rng) + " GROUP", draw_name(rng, female=True), draw_digits(rng, "ID 99999999"))
    ):
        y = (0.06, 0.64, 0.72)[i] * shape[0]
        write_centred(image, y, text, (BOLD if i < 2 else SANS, shape[0] * 0.045), ink)
    draw_barcode(rng, image, (0.2, 0.82, 0.8, 0.93), square=False)
    return image


def draw_bank_card(rng: np.random.Generator, width_px: int) -> Image:
    """A bank card: chip, long number, name."""
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
    write(image, (0.08 * width, 0.58 * height), draw_digits(rng, "9999 9999 9999 9999"), (number, 0.105 * height), ink)
    write(image, (0.42 * width, 0.73 * height), draw_digits(rng, "09/29"), (MONOSPACED, 0.06 * height), ink)
    write(image, (0.08 * width, 0.83 * height), draw_name(rng, female=False)[:22], (SANS, 0.07 * height), ink)
    for x in (0.83, 0.89):
        colour = rng.uniform(40, 250, 3).tolist()
        cv2.circle(image, (int(x * width), int(0.84 * height)), int(0.08 * height), colour, -1, cv2.LINE_AA)
    return image


def draw_tax_card(rng: np.random.Generator, width_px: int) -> Image:
    """A tax number card."""
    height, width = _card(width_px)
    base = pick_colour(rng, ((242.0, 222.0, 120.0), (240.0, 244.0, 246.0), (150.0, 196.0, 226.0)))
    image = tint(rng, (height, width), base, 18)
    fill(image, (0, 0, 1, 0.2), (base[0] * 0.6, base[1] * 0.6, base[2] * 0.8))
    write_centred(image, 0.05 * height, "NOMOR POKOK WAJIB PAJAK", (BOLD, 0.09 * height), (245.0, 245.0, 245.0))
    number = draw_digits(rng, "99.999.999.9-999.999")
    write(image, (0.06 * width, 0.27 * height), f"NPWP : {number}", (BOLD, 0.1 * height), DARK)
    texts = (
        draw_name(rng, female=False),
        draw_digits(rng, "NIK : 9999999999999999"),
        draw_address(rng),
        compose_word(rng),
    )
    for i, text in enumerate(texts):
        write(image, (0.06 * width, (0.43 + 0.1 * i) * height), text, (SANS, 0.07 * height), DARK)
    write(image, (0.06 * width, 0.86 * height), f"TERDAFTAR : {draw_date(rng)}", (SANS, 0.06 * height), DARK)
    return image


def draw_back(rng: np.random.Generator, width_px: int) -> Image:
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


def draw_blank(rng: np.random.Generator, width_px: int) -> Image:
    """A card without print, some on a KTP's ground."""
    if rng.random() < 0.35:
        return draw_ground(rng, width_px, foreign=False)
    base = rng.uniform(10, 250, 3)
    return tint(rng, _card(width_px), (base[0], base[1], base[2]), float(rng.uniform(2, 50)))


def draw_passport(rng: np.random.Generator, width_px: int) -> Image:
    """A passport's data page with its machine-readable lines."""
    shape = (round(width_px / 1.42), width_px)
    image = draw_ground(rng, width_px, bool(rng.random() < 0.5))
    image = np.ascontiguousarray(cv2.resize(image, shape[::-1]))
    draw_photo(rng, image, PhotoBox(0.05, 0.16, 0.32, 0.7), bool(rng.integers(2)))
    write_centred(image, 0.03 * shape[0], "REPUBLIC OF " + compose_word(rng), (BOLD, 0.06 * shape[0]), DARK)
    rows = draw_rows(rng, 6)
    for i, (label, value) in enumerate(rows):
        y = (0.14 + 0.1 * i) * shape[0]
        write(image, (0.36 * shape[1], y), label, (SANS, 0.028 * shape[0]), DARK)
        write(image, (0.36 * shape[1], y + 0.032 * shape[0]), value, (SANS, 0.045 * shape[0]), DARK)
    for i in range(2):
        letters = "".join(rng.choice(list(string.ascii_uppercase + string.digits + "<<<<<<<<<"), 40))
        write(image, (0.03 * shape[1], (0.82 + 0.08 * i) * shape[0]), letters, (MONOSPACED, 0.06 * shape[0]), DARK)
    return image
