"""Failures as one self-contained HTML page: crops of the wrong fields, the truth, and what was read."""

import base64
import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_benchmarks.observations import FieldObservation, ImageObservation
from ktp_benchmarks.truths import LabelledCard, LabelledImage
from ktp_preprocessing.decode import decode_image
from ktp_preprocessing.errors import ImageError
from ktp_preprocessing.geometry import map_points
from ktp_preprocessing.rectify import RectifiedCard, rectify

_SCALE = 2
"""Crops are shown this many times as large as they lie in the card frame."""

_MARGIN_PX = 4
_THUMBNAIL_PX = 480
_PRINTED_KINDS = frozenset({"value", "header", "issue"})

_STYLE = """body{font:14px system-ui;margin:1.5em} table{border-collapse:collapse} td,th{border:1px solid #ccc;
padding:4px 8px;text-align:left} code{white-space:pre} .wrong{color:#b00} img{max-width:640px}"""


def write_sheet(
    path: Path, folder: Path, images: Sequence[LabelledImage], observations: Sequence[ImageObservation]
) -> int:
    """Write the page; gives the number of failures on it.

    Args:
        path: the HTML file.
        folder: where the images lie.
        images: what is known about them.
        observations: one an image, in the same order.
    """
    rows = [row for pair in zip(images, observations, strict=True) for row in _rows(folder, *pair)]
    page = [
        f"<!doctype html><meta charset=utf-8><title>Failures</title><style>{_STYLE}</style>",
        f"<h1>{len(rows)} failures in {len(images)} images of {html.escape(folder.name)}</h1>",
        "<table><tr><th>image</th><th>field</th><th>picture</th><th>printed</th><th>answered</th>",
        "<th>as read</th><th>confidence</th></tr>",
        *rows,
        "</table>",
    ]
    path.write_text("\n".join(page), "utf-8")
    return len(rows)


def _rows(folder: Path, image: LabelledImage, seen: ImageObservation) -> Iterator[str]:
    """Rows of one image: itself if it was refused or falsely accepted, else each wrong field."""
    wrong = [field for field in seen.fields if not field.exact]
    refused = seen.card_count == 1 and bool(seen.failure)
    accepted = seen.card_count == 0 and (seen.card_found or not seen.failure)
    if not (wrong or refused or accepted):
        return
    pixels = _read_pixels(folder / image.file)
    place = f"<td>{html.escape(image.file)}<br>{html.escape(image.stratum)}</td>"
    if refused or accepted:
        what = seen.failure if refused else "a card was found where there is none"
        shown = "" if pixels is None else _picture(_thumbnail(pixels))
        yield f"<tr>{place}<td colspan=2>{shown}</td><td colspan=4>{html.escape(what)}</td></tr>"
        return
    card = image.cards[0]
    rectified = None if card.quad is None or pixels is None else rectify(pixels, card.quad)
    for field in wrong:
        crop = None if rectified is None else _crop(rectified, card, field.name)
        yield f"<tr>{place}<td>{html.escape(field.name)}</td><td>{_picture(crop)}</td>{_texts(field)}</tr>"


def _read_pixels(path: Path) -> NDArray[np.uint8] | None:
    """Decode an image; None if the file holds none."""
    try:
        return decode_image(path.read_bytes()).pixels
    except ImageError:
        return None


def _texts(field: FieldObservation) -> str:
    mark = "" if field.legible else "<br>(illegible)"
    answered = "<i>absent</i>" if field.value is None else f"<code class=wrong>{html.escape(field.value)}</code>"
    return (
        f"<td><code>{html.escape(field.truth)}</code>{mark}</td><td>{answered}</td>"
        f"<td><code>{html.escape(field.raw_value)}</code></td><td>{field.confidence:.3f}</td>"
    )


def _crop(rectified: RectifiedCard, card: LabelledCard, name: str) -> NDArray[np.uint8] | None:
    """The field's lines on the rectified card; None if their place is unknown."""
    quads = [line.quad for line in card.lines or () if line.field == name and line.kind in _PRINTED_KINDS]
    if not quads:
        return None
    points = map_points(rectified.homography, np.concatenate(quads))
    low = np.maximum(np.floor(points.min(0)).astype(int) - _MARGIN_PX, 0)
    high = np.ceil(points.max(0)).astype(int) + _MARGIN_PX
    crop = rectified.pixels[low[1] : high[1], low[0] : high[0]]
    if crop.size == 0:
        return None
    large = cv2.resize(crop, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8)


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _THUMBNAIL_PX / max(pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _picture(pixels: NDArray[np.uint8] | None) -> str:
    if pixels is None:
        return ""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}">'
