"""Documents, screens and pictures that a card may lie on, or be mistaken for; all invented."""

import numpy as np

from ktp_specimen.backgrounds import draw_paragraph
from ktp_specimen.ground import value_noise
from ktp_specimen.names import compose_word, draw_name, draw_rows, pick
from ktp_specimen.sheet import (
    BOLD,
    DARK,
    MONOSPACED,
    SANS,
    SERIF,
    Colour,
    Image,
    draw_picture,
    fill,
    tint,
    write,
    write_centred,
    write_rows,
)


def draw_paper(rng: np.random.Generator, width_px: int) -> Image:
    """A page of prose."""
    shape = (round(width_px / rng.uniform(0.65, 1.5)), width_px)
    white = rng.uniform(205, 252)
    image = tint(rng, shape, (white, white, white - rng.uniform(0, 20)), 6)
    draw_paragraph(rng, image, (0, shape[0] // 12, *shape[::-1]), max(10, int(shape[0] * rng.uniform(0.025, 0.1))))
    return image


def draw_copy_sheet(rng: np.random.Generator, width_px: int) -> Image:
    """The blank sheet that a photocopy of a card stands on."""
    white = rng.uniform(200, 250)
    image = tint(rng, (round(width_px / rng.uniform(0.7, 1.42)), width_px), (white, white, white - 4), 5)
    if rng.random() < 0.4:
        write(image, (0.1 * width_px, 0.04 * width_px), draw_name(rng, female=True), (SANS, 0.03 * width_px), DARK)
    return image


def draw_form(rng: np.random.Generator, width_px: int) -> Image:
    """A printed form: title, label-and-value rows, some in a ruled table."""
    shape = (round(width_px / rng.uniform(0.68, 1.45)), width_px)
    white = rng.uniform(200, 252)
    image = tint(rng, shape, (white, white, white - rng.uniform(0, 12)), 5)
    height, width = shape
    title = pick(rng, ("KARTU KELUARGA", "FORMULIR PENDAFTARAN", "SURAT PERNYATAAN", "SURAT KETERANGAN"), None)
    write_centred(image, 0.04 * height, title, (pick(rng, (BOLD, SERIF), None), 0.045 * height), DARK)
    rows = [row for _ in range(3) for row in draw_rows(rng, 7)][: int(rng.integers(7, 20))]
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


def draw_receipt(rng: np.random.Generator, width_px: int) -> Image:
    """A till receipt."""
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


def draw_phone(rng: np.random.Generator, width_px: int) -> Image:
    """A phone, upright or lying: dark rim, a lit screen with an app's lists and pictures."""
    shape = (round(width_px * 2.05), width_px)
    image = np.full((*shape, 3), rng.uniform(5, 60), np.float32)
    rim = round(width_px * 0.035)
    image[rim * 2 : -rim * 2, rim:-rim] = _draw_screen(rng, (shape[0] - 4 * rim, shape[1] - 2 * rim))
    return image if rng.random() < 0.6 else np.ascontiguousarray(image.transpose(1, 0, 2)[::-1])


def draw_laptop(rng: np.random.Generator, width_px: int) -> Image:
    """A laptop or monitor, switched on."""
    shape = (round(width_px / 1.65), width_px)
    image = np.full((*shape, 3), rng.uniform(5, 190), np.float32)
    rim = max(2, round(width_px * 0.018))
    image[rim : -2 * rim, rim:-rim] = _draw_screen(rng, (shape[0] - 3 * rim, shape[1] - 2 * rim))
    return image


def _draw_screen(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
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
            for label, value in draw_rows(rng, int(rng.integers(1, 4))):
                write(image, (0.06 * width, y), f"{label}: {value}".title()[:44], (SANS, unit), ink)
                y += 1.6 * unit
    return image


def draw_photograph(rng: np.random.Generator, width_px: int) -> Image:
    """A printed photograph or a flyer."""
    shape = (round(width_px / rng.uniform(0.7, 1.6)), width_px)
    image = draw_picture(rng, shape)
    if rng.random() < 0.6:
        write_centred(image, 0.1 * shape[0], draw_name(rng, female=True), (BOLD, 0.1 * shape[0]), (250.0, 250.0, 250.0))
    return image + 8 * value_noise(rng, shape, 60)[..., None]
