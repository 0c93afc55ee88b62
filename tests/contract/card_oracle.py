"""A drawn card whose lines are bars of known grey, and an engine that knows what each grey says.

The whole pipeline runs on it with exact geometry and without any trained model.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_preprocessing.geometry import map_points, quad_homography
from ktp_preprocessing.rectify import card_frame_quad
from ktp_server.engines.port import Tensor
from ktp_server.engines.spec import ModelSpec
from tests.contract.fake_engine import FakeEngine

GREY_STEP = 7
FIRST_GREY = 16
LINE_HEIGHT_PX = 16


@dataclass(frozen=True)
class DrawnLine:
    """One line: its text, and left, centre and width in card-frame pixels."""

    text: str
    left_px: float
    centre_px: float
    width_px: float

    @property
    def quad(self) -> NDArray[np.float64]:
        """(4, 2) in card-frame pixels."""
        left, right = self.left_px, self.left_px + self.width_px
        top, bottom = self.centre_px - LINE_HEIGHT_PX / 2, self.centre_px + LINE_HEIGHT_PX / 2
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _rows() -> list[DrawnLine]:
    lines = [DrawnLine("PROVINSI JAWA BARAT", 210, 38, 220), DrawnLine("KABUPATEN BOGOR", 225, 60, 190)]
    labelled = [
        ("NIK", "3201014107900001"),
        ("Nama", "SITI AMINAH"),
        ("Tempat/Tgl Lahir", "BOGOR, 01-07-1990"),
        ("Jenis kelamin", "PEREMPUAN"),
        ("Alamat", "JL. MELATI NO. 5"),
        ("RT/RW", "001/002"),
        ("Kel/Desa", "PABUARAN"),
        ("Kecamatan", "CIBINONG"),
        ("Agama", "ISLAM"),
        ("Status Perkawinan", "KAWIN"),
        ("Pekerjaan", "KARYAWAN SWASTA"),
        ("Kewarganegaraan", "WNI"),
        ("Berlaku Hingga", "SEUMUR HIDUP"),
    ]
    for row, (label, value) in enumerate(labelled):
        centre_px = 105 + 22 * row
        lines.append(DrawnLine(label, 28, centre_px, 9 * len(label)))
        lines.append(DrawnLine(f": {value}", 190, centre_px, 9 * (len(value) + 2)))
    return lines


LINES = tuple(_rows())
"""A card's lines as they are printed."""

TRUTH = {
    "nik": "3201014107900001",
    "nama": "SITI AMINAH",
    "tempat_lahir": "BOGOR",
    "tanggal_lahir": "01-07-1990",
    "alamat": "JL. MELATI NO. 5",
    "rt_rw": "001/002",
    "agama": "ISLAM",
    "berlaku_hingga": "SEUMUR HIDUP",
}


def draw_card(
    quad: NDArray[np.float64], size_px: tuple[int, int] = (1200, 900), texts: Collection[str] | None = None
) -> bytes:
    """Draw the card into a scene.

    Args:
        quad: (4, 2) where the card's corners come to lie, source pixels.
        size_px: width and height of the scene.
        texts: the lines that are drawn, of `LINES`; None for all.

    Returns:
        A PNG file.
    """
    card = np.full((416, 640, 3), 230, dtype=np.uint8)
    for index, line in enumerate(LINES):
        if texts is not None and line.text not in texts:
            continue
        corners = np.round(line.quad).astype(np.int32)
        grey = FIRST_GREY + GREY_STEP * index
        cv2.rectangle(card, corners[0].tolist(), corners[2].tolist(), (grey, grey, grey), thickness=-1)
    scene = np.full((size_px[1], size_px[0], 3), 60, dtype=np.uint8)
    homography = quad_homography(card_frame_quad(), quad)
    mask = cv2.fillConvexPoly(np.zeros(scene.shape[:2], np.uint8), np.round(quad).astype(np.int32), 255)
    warped = cv2.warpPerspective(card, homography, size_px, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    scene[mask > 0] = warped[mask > 0]
    encoded, png = cv2.imencode(".png", scene)
    assert encoded
    return png.tobytes()


def oracle(
    specs: Mapping[str, ModelSpec],
    quads: Sequence[NDArray[np.float64]],
    size_px: tuple[int, int] = (1200, 900),
    unseen: Collection[str] = (),
) -> FakeEngine:
    """Build an engine that answers for a scene with cards at these quads, all upright.

    Args:
        specs: of the models.
        quads: (4, 2) each, source pixels.
        size_px: width and height of the scene.
        unseen: lines of `LINES` that its text detection misses.
    """
    seen = [line for line in LINES if line.text not in unseen]
    scale = 320 / max(size_px)
    alphabet = specs["ktp_text_recognition"].parameters["alphabet"]

    def segment(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        count = len(tensors["image"])
        boxes, scores = np.zeros((count, 8, 4), np.float32), np.zeros((count, 8), np.float32)
        masks = np.zeros((count, 8, 28, 28), np.float32)
        for slot, quad in enumerate(quads):
            inner = (quad + 0.5) * scale - 0.5
            box = np.concatenate([inner.min(axis=0), inner.max(axis=0)])
            boxes[:, slot], scores[:, slot], masks[:, slot] = box, 0.99 - 0.01 * slot, _mask(inner, box)
        return {"boxes": boxes, "scores": scores, "labels": np.zeros((count, 8), np.int64), "masks": masks}

    def detect(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        cards = np.asarray(tensors["image"], dtype=np.uint8)
        return {"probability": np.stack([_core_map(card, seen) for card in cards])}

    def recognize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        crops = np.asarray(tensors["image"], dtype=np.uint8)
        return {"log_probability": np.stack([_log_probability(crop, alphabet) for crop in crops])}

    return FakeEngine(
        specs, {"ktp_segmentation": segment, "ktp_text_detection": detect, "ktp_text_recognition": recognize}
    )


def _mask(quad: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float32]:
    fine = 8
    cells = (quad - box[:2]) / (box[2:] - box[:2]) * 28 * fine - 0.5
    drawn = cv2.fillConvexPoly(np.zeros((28 * fine, 28 * fine), np.uint8), np.round(cells).astype(np.int32), 255)
    return np.asarray(cv2.resize(drawn, (28, 28), interpolation=cv2.INTER_AREA), dtype=np.float32) / 255.0


def _core_map(card: NDArray[np.uint8], lines: Sequence[DrawnLine]) -> NDArray[np.uint8]:
    """Shrunk cores of lines, where the card shows their bars."""
    probability = np.zeros(card.shape[:2], np.uint8)
    for line in lines:
        area, length = LINE_HEIGHT_PX * line.width_px, 2 * (LINE_HEIGHT_PX + line.width_px)
        inset = area * (1 - 0.4**2) / length
        left, top = line.quad[0] + inset
        right, bottom = line.quad[2] - inset
        if card[round(line.centre_px), round(line.left_px + line.width_px / 2), 0] < 225:
            cv2.rectangle(probability, (round(left), round(top)), (round(right), round(bottom)), 255, thickness=-1)
    return probability


def _log_probability(crop: NDArray[np.uint8], alphabet: str) -> NDArray[np.float32]:
    """The text of the bar in a crop as far as it fits, one character every second frame, near certainty."""
    frame_count, class_count = crop.shape[1] // 4, len(alphabet) + 1
    log_probability = np.full((frame_count, class_count), np.log(1e-6), dtype=np.float32)
    index = round((float(crop[16, 16, 0]) - FIRST_GREY) / GREY_STEP)
    classes = np.full(frame_count, class_count - 1)
    if 0 <= index < len(LINES):
        for position, character in enumerate(LINES[index].text[: frame_count // 2]):
            classes[2 * position] = alphabet.index(character)
    log_probability[np.arange(frame_count), classes] = np.log(1 - 1e-4)
    return log_probability


def corner_error_px(
    quad: NDArray[np.float64], card_quad: NDArray[np.float64], text: str, corners: Sequence[int]
) -> float:
    """Largest distance in x or y between some corners of a quad and those of the line with this text, source pixels."""
    line = next(line for line in LINES if line.text.removeprefix(": ") == text)
    true = map_points(quad_homography(card_frame_quad(), card_quad), line.quad)
    return float(np.abs(quad - true)[list(corners)].max())
