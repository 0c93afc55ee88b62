"""How a photograph is taken: poses and objects, drawn for each stratum.

The strata are the ones that accuracy is reported on: `clean` is a careful photograph or a scan, `phone` the ordinary
case, `hard` what a person still reads but an OCR fails on; `empty` holds no KTP, `several` holds two or more.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.camera import Degradation
from ktp_specimen.conditions import draw_degradation
from ktp_specimen.ground import CARD_ASPECT
from ktp_specimen.pose import Pose, project

SIZES = ((1600, 1200), (1280, 960), (1920, 1080), (2048, 1536), (1200, 900), (1440, 1080))
TRAINING_SIZES = ((960, 720), (1120, 840), (1024, 768), (1280, 720), (900, 900), (760, 570))
SMALLEST_CARD_PX = 490.0  # a card must exceed 300 × 400 px to be read: 300 × 1.586 with a little room
SMALLEST_SIDE_PX = 312.0
FOCAL_RANGE = (0.67, 1.95)  # of the longer side: 24 to 70 mm on a 36 mm frame, a phone's lenses
MOST_CUT_OFF = 0.28  # of a card's area, in training: of what is less than that there, nothing is to be learned


class Stratum(StrEnum):
    """Groups of photographs that accuracy is reported on."""

    CLEAN = "clean"
    PHONE = "phone"
    HARD = "hard"
    EMPTY = "empty"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that is no KTP: its pose, and its kind if that is settled (`objects.OBJECTS`)."""

    pose: Pose
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Shot:
    """One planned photograph.

    Attributes:
        shape: height and width.
        cards: poses of the KTPs.
        degradation: what the camera does.
        variety: how far print strays from the usual, [0, 1].
        training: wide fonts and styles.
        things: other objects, under the cards; for a copy or a screen the first one carries the card.
        fingers: how far each reaches over the first card, of its width.
    """

    shape: tuple[int, int]
    cards: tuple[Pose, ...]
    degradation: Degradation
    variety: float
    training: bool
    things: tuple[Thing, ...] = ()
    fingers: tuple[float, ...] = field(default=())


def draw_shot(rng: np.random.Generator, stratum: Stratum, training: bool) -> Shot:
    """Plan a photograph of a stratum."""
    sizes = TRAINING_SIZES if training else SIZES
    width, height = sizes[int(rng.integers(len(sizes)))]
    if rng.random() < 0.4:
        width, height = height, width
    if stratum in (Stratum.CLEAN, Stratum.PHONE, Stratum.HARD) and rng.random() < (0.08 if training else 0.03):
        return _draw_scan(rng, training)
    shape = (height, width)
    hardness = {Stratum.CLEAN: 0.0, Stratum.PHONE: 0.5, Stratum.HARD: 1.0}.get(stratum, float(rng.uniform(0, 1)))
    things: tuple[Thing, ...] = ()
    if stratum is Stratum.SEVERAL:
        poses = _side_by_side(rng, shape, hardness, training)
        alone = training and rng.random() < 0.35  # one KTP beside another card
        cards, things = (poses[:1], tuple(Thing(pose) for pose in poses[1:])) if alone else (poses, ())
    elif stratum is Stratum.EMPTY:
        cards, things = (), _draw_things(rng, shape, hardness)
    else:
        cards = (_draw_pose(rng, shape, hardness, training),)
        if rng.random() < (0.35 if training else 0.25) * hardness:
            things = (Thing(_beside(rng, shape)),)
    card_px = cards[0].width_px if cards else 0.6 * max(shape)
    degradation = draw_degradation(rng, hardness, card_px, training)
    if cards:
        things += _draw_carrier(rng, cards[0], degradation)
    return Shot(
        shape=shape,
        cards=cards,
        degradation=degradation,
        variety=0.15 + 0.45 * hardness,
        training=training,
        things=things,
        fingers=_draw_fingers(rng, hardness, training) if cards else (),
    )


def _draw_fingers(rng: np.random.Generator, hardness: float, training: bool) -> tuple[float, ...]:
    if rng.random() >= 0.45 * hardness:
        return ()
    deepest = 0.05 + (0.06 if training else 0.0) * hardness
    return tuple(rng.uniform(0.01, deepest, int(rng.integers(1, 3))).tolist())


def _draw_carrier(rng: np.random.Generator, card: Pose, degradation: Degradation) -> tuple[Thing, ...]:
    """The sheet that a copy is printed on, or the device that shows the card."""
    if not (degradation.photocopy or degradation.screen):
        return ()
    kind, largest = ("copy_sheet", 2.4) if degradation.photocopy else (("laptop", 2.2), ("phone", 1.2))[rng.integers(2)]
    width = card.width_px * float(rng.uniform(1.1, largest))
    turn = 90.0 * int(rng.integers(4)) if kind == "copy_sheet" else 0.0
    return (Thing(replace(card, width_px=width, rotation_degrees=card.rotation_degrees + turn), kind),)


def _draw_scan(rng: np.random.Generator, training: bool) -> Shot:
    """Plan a scan or tight crop: the card fills the frame, a sliver may be cut off."""
    width = int(rng.integers(640, 1100 if training else 1500))
    height = round(width / 1.586)
    turns = int(rng.integers(4)) if training else 0
    shape = (height, width) if turns % 2 == 0 else (width, height)
    pose = Pose(
        centre=(shape[1] / 2 + float(rng.normal(0, 2)), shape[0] / 2 + float(rng.normal(0, 2))),
        width_px=width * float(rng.uniform(0.985, 1.02)),
        rotation_degrees=90.0 * turns + float(rng.normal(0, 0.4)),
        pitch_degrees=0.0,
        yaw_degrees=0.0,
    )
    degradation = draw_degradation(rng, float(rng.uniform(0, 0.5)) if training else 0.0, width, training)
    return Shot(shape, (pose,), degradation, 0.3, training, _draw_carrier(rng, pose, degradation))


def _draw_pose(rng: np.random.Generator, shape: tuple[int, int], hardness: float, training: bool) -> Pose:
    """Draw a pose with the whole card in the frame; in training a card may be far away, or partly out of the frame."""
    turns = int(rng.integers(4)) if (training or hardness > 0) else int(rng.choice(4, p=(0.7, 0.1, 0.1, 0.1)))
    tilt = float(np.clip(rng.normal(0, 2 + 9 * hardness), -40, 40))
    lean = 4 + (34 if training else 28) * hardness
    far = training and rng.random() < 0.12
    fill = rng.uniform(0.2, 0.45) if far else rng.uniform(0.62 if hardness < 1 else 0.5, 0.97)
    pose = Pose(
        centre=(shape[1] / 2, shape[0] / 2),
        width_px=0.5 * min(shape),
        rotation_degrees=90.0 * turns + tilt,
        pitch_degrees=float(rng.uniform(-lean, lean)),
        yaw_degrees=float(rng.uniform(-lean, lean)),
        focal=float(np.exp(rng.uniform(*np.log(FOCAL_RANGE)))),
    )
    pose = _fill_frame(rng, pose, shape, float(fill))
    if not far:
        pose = _large_enough(pose, shape)
    return _push_out(rng, pose, shape) if training and rng.random() < 0.09 else pose


def _fill_frame(
    rng: np.random.Generator, pose: Pose, shape: tuple[int, int], fill: float, aspect: float = CARD_ASPECT
) -> Pose:
    """Scale a pose until its outline takes `fill` of the frame along its tighter side, somewhere inside the frame."""
    frame = np.array([shape[1], shape[0]])
    place = rng.uniform(0, 1, 2)
    for _ in range(5):  # moving off the axis changes the outline a little, so size and place are found together
        quad = project(pose, shape, aspect)
        low, extent = quad.min(0), np.ptp(quad, axis=0)
        scale = float((fill * frame / extent).min())
        slack = np.maximum(0, frame - extent * scale)
        wanted = slack * (0.05 + 0.9 * place)
        centre = np.array(pose.centre) + (wanted + extent * scale / 2) - (low + extent / 2)
        pose = replace(pose, width_px=pose.width_px * scale, centre=(float(centre[0]), float(centre[1])))
    return pose


def _large_enough(pose: Pose, shape: tuple[int, int]) -> Pose:
    """Bring a card nearer whose tilt foreshortens a side below what the reader accepts."""
    for _ in range(4):
        quad = project(pose, shape)
        sides_px = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
        factor = max(1.0, SMALLEST_SIDE_PX / float(sides_px.min()), SMALLEST_CARD_PX / float(sides_px.max()))
        centre = np.array(pose.centre) + (np.array([shape[1], shape[0]]) / 2 - pose.centre) * (1 - 1 / factor)
        pose = replace(pose, width_px=pose.width_px * factor, centre=(float(centre[0]), float(centre[1])))
    return pose


def _push_out(rng: np.random.Generator, pose: Pose, shape: tuple[int, int]) -> Pose:
    """Move a card partly out of the frame."""
    side = rng.normal(0, 1, 2)
    side /= max(1e-6, float(np.linalg.norm(side)))
    for _ in range(30):
        moved = np.array(pose.centre) + side * 0.03 * max(shape)
        further = replace(pose, centre=(float(moved[0]), float(moved[1])))
        cut_off = share_outside(project(further, shape), shape)
        if cut_off > MOST_CUT_OFF:
            break
        pose = further
        if cut_off > 0.02 and rng.random() < 0.3:
            break
    return pose


def share_outside(quad: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """Share of a quad's area that lies outside the image of (height, width)."""
    frame = np.array([[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]], np.float32) - np.float32(0.5)
    area = abs(cv2.contourArea(quad.astype(np.float32)))
    inside, _ = cv2.intersectConvexConvex(quad.astype(np.float32), frame)
    return float(np.clip(1 - inside / max(area, 1e-6), 0, 1))


def _side_by_side(
    rng: np.random.Generator, shape: tuple[int, int], hardness: float, training: bool
) -> tuple[Pose, ...]:
    """Two cards, or in training up to four, next to or above each other."""
    height, width = shape
    rows, columns = (2, 1) if height >= width else (1, 2)
    if training and rng.random() < 0.25:
        rows, columns = 2, 2
    size = min(0.94 * width / columns, 0.94 * height / rows * CARD_ASPECT) * rng.uniform(0.7, 0.97)
    lean = 3 + 10 * hardness
    pitch, yaw, focal = (float(v) for v in (rng.uniform(-lean, lean), rng.uniform(-lean, lean), rng.uniform(1.0, 1.9)))
    poses = []
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 0.5) / columns * width, (row + 0.5) / rows * height
            rotation = 180.0 * int(rng.integers(2)) + float(rng.normal(0, 3))
            poses.append(Pose((x, y), float(size), rotation, pitch, yaw, focal))
    count = len(poses) if len(poses) == 2 else int(rng.integers(2, 5))
    return tuple(poses[:count])


def _draw_things(rng: np.random.Generator, shape: tuple[int, int], hardness: float) -> tuple[Thing, ...]:
    """Objects of a scene without a KTP: often one that is held before the camera just as a KTP would be."""
    if rng.random() < 0.1:
        return ()
    things = tuple(Thing(_beside(rng, shape)) for _ in range(int(rng.integers(0, 3))))
    if rng.random() < 0.85:
        things += (Thing(_draw_pose(rng, shape, hardness, training=False)),)
    return things


def _beside(rng: np.random.Generator, shape: tuple[int, int]) -> Pose:
    """Pose of an object at the frame's border or anywhere beneath the card."""
    height, width = shape
    centre = rng.uniform(0.1, 0.9, 2) * (width, height)
    if rng.random() < 0.6:
        centre[int(rng.integers(2))] = rng.choice((-0.05, 1.05)) * (width, height)[int(rng.integers(2))]
    lean = 12.0
    return Pose(
        (float(centre[0]), float(centre[1])),
        float(rng.uniform(0.25, 0.75) * max(shape)),
        float(rng.uniform(0, 360)),
        float(rng.uniform(-lean, lean)),
        float(rng.uniform(-lean, lean)),
    )
