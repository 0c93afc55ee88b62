"""How a photograph is taken: poses, objects and degradation, drawn for each stratum.

The strata are the ones that accuracy is reported on: `clean` is a careful photograph or a scan, `phone` the ordinary
case, `hard` what a person still reads but an OCR fails on; `empty` holds no card, `several` holds two.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from ktp_specimen.camera import Degradation
from ktp_specimen.scene import Pose, project

SIZES = ((1600, 1200), (1280, 960), (1920, 1080), (2048, 1536), (1200, 900), (1440, 1080))
TRAINING_SIZES = ((960, 720), (1120, 840), (1024, 768), (1280, 720), (900, 900), (760, 570))
SMALLEST_CARD_PX = 490.0  # a card must exceed 300 × 400 px to be read: 300 × 1.586 with a little room
SMALLEST_SIDE_PX = 312.0
REFERENCE_CARD_PX = 900.0  # blur and motion are drawn for a card of this width and scaled to the card at hand


class Stratum(StrEnum):
    """Groups of photographs that accuracy is reported on."""

    CLEAN = "clean"
    PHONE = "phone"
    HARD = "hard"
    EMPTY = "empty"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Shot:
    """One planned photograph."""

    shape: tuple[int, int]
    cards: tuple[Pose, ...]
    degradation: Degradation
    variety: float
    training: bool
    distractors: tuple[Pose, ...] = ()
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
    cards: tuple[Pose, ...] = ()
    if stratum is Stratum.SEVERAL:
        cards = _side_by_side(rng, shape, hardness)
    elif stratum is not Stratum.EMPTY:
        cards = (_draw_pose(rng, shape, hardness, training),)
    card_px = cards[0].width_px if cards else 0.6 * max(shape)
    crowded = stratum is Stratum.EMPTY and rng.random() < 0.75
    count = int(rng.integers(1, 4)) if crowded else int(rng.random() < 0.35 * hardness)
    fingers: tuple[float, ...] = ()
    if cards and rng.random() < 0.45 * hardness:
        deepest = 0.05 + (0.06 if training else 0.0) * hardness
        fingers = tuple(rng.uniform(0.01, deepest, int(rng.integers(1, 3))).tolist())
    return Shot(
        shape=shape,
        cards=cards,
        degradation=_draw_degradation(rng, hardness, card_px, training),
        variety=0.15 + 0.45 * hardness,
        training=training,
        distractors=tuple(_draw_distractor_pose(rng, shape, bool(cards)) for _ in range(count)),
        fingers=fingers,
    )


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
    degradation = _draw_degradation(rng, float(rng.uniform(0, 0.5)) if training else 0.0, width, training)
    return Shot(shape, (pose,), degradation, 0.3, training)


def _draw_pose(rng: np.random.Generator, shape: tuple[int, int], hardness: float, training: bool) -> Pose:
    """Draw a pose with the whole card in the frame (hard training shots may lose a rim)."""
    height, width = shape
    turns = int(rng.integers(4)) if (training or hardness > 0) else int(rng.choice(4, p=(0.7, 0.1, 0.1, 0.1)))
    along = width if turns % 2 == 0 else height
    across = height if turns % 2 == 0 else width
    largest = min(along * 0.97, across * 0.97 * 1.586)
    fill = rng.uniform(0.62 if hardness < 1 else 0.5, 0.96)
    far = training and rng.random() < 0.12
    if far:
        fill = rng.uniform(0.2, 0.45)
    tilt = float(np.clip(rng.normal(0, 2 + 9 * hardness), -38, 38))
    bound = np.abs(np.cos(np.radians(tilt))) + np.abs(np.sin(np.radians(tilt))) * 1.4
    smallest = 0.0 if far else min(SMALLEST_CARD_PX, largest / bound)
    size = float(max(smallest, largest * fill / bound))
    lean = 4 + 24 * hardness
    slack = (
        np.maximum(
            0, np.array([width, height]) - np.array([size, size / 1.586])[:: 1 if turns % 2 == 0 else -1] * bound
        )
        / 2
    )
    centre = np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * slack * 0.9
    if training and rng.random() < 0.06:
        centre += rng.normal(0, 0.06, 2) * (width, height)
    pose = Pose(
        centre=(float(centre[0]), float(centre[1])),
        width_px=size,
        rotation_degrees=90.0 * turns + tilt,
        pitch_degrees=float(rng.uniform(-lean, lean)),
        yaw_degrees=float(rng.uniform(-lean, lean)),
        focal=float(rng.uniform(0.9, 2.0)),
    )
    return pose if far else _large_enough(pose, shape)


def _large_enough(pose: Pose, shape: tuple[int, int]) -> Pose:
    """Bring a card nearer whose tilt foreshortens a side below what the reader accepts."""
    quad = project(pose, shape)
    shortest_px = float(np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1).min())
    return replace(pose, width_px=pose.width_px * max(1.0, SMALLEST_SIDE_PX / shortest_px))


def _side_by_side(rng: np.random.Generator, shape: tuple[int, int], hardness: float) -> tuple[Pose, ...]:
    height, width = shape
    split = (0.5, 0.25) if height >= width else (0.25, 0.5)
    size = min(
        width * (0.9 if height >= width else 0.46), height * (0.46 if height >= width else 0.9) * 1.586
    ) * rng.uniform(0.75, 0.97)
    lean = 3 + 10 * hardness
    poses = []
    for sign in (0, 1):
        x, y = (split[0] + sign * (1 - 2 * split[0])) * width, (split[1] + sign * (1 - 2 * split[1])) * height
        rotation = 180.0 * int(rng.integers(2)) + float(rng.normal(0, 3))
        poses.append(
            Pose((x, y), float(size), rotation, float(rng.uniform(-lean, lean)), float(rng.uniform(-lean, lean)), 1.5)
        )
    return tuple(poses)


def _draw_distractor_pose(rng: np.random.Generator, shape: tuple[int, int], beside_card: bool) -> Pose:
    height, width = shape
    size = rng.uniform(0.25, 0.6) * max(shape) if beside_card else rng.uniform(0.3, 0.85) * min(width, height * 1.5)
    centre = rng.uniform(0.1, 0.9, 2) * (width, height)
    if beside_card:  # near the frame's border, so that the card stays whole
        centre[int(rng.integers(2))] = rng.choice((-0.05, 1.05)) * (width, height)[int(rng.integers(2))]
    lean = 20.0
    return Pose(
        (float(centre[0]), float(centre[1])),
        float(size),
        float(rng.uniform(0, 360)),
        float(rng.uniform(-lean, lean)),
        float(rng.uniform(-lean, lean)),
    )


def _draw_degradation(rng: np.random.Generator, hardness: float, card_px: float, training: bool) -> Degradation:
    scale = card_px / REFERENCE_CARD_PX
    h = hardness

    def chance(probability: float) -> bool:
        return bool(rng.random() < probability)

    quality = int(rng.integers(60, 96)) if h > 0 else int(rng.integers(85, 96))
    return Degradation(
        light_gradient=float(rng.uniform(0, 0.15 + 0.55 * h)),
        shadow=float(rng.uniform(0.1, 0.25 + 0.35 * h)) if chance(0.5 * h) else 0.0,
        glare=float(rng.uniform(0.1, 0.3 + (0.35 if training else 0.2) * h)) if chance(0.45 * h) else 0.0,
        glare_radius=float(rng.uniform(0.04, 0.16)),
        exposure_stops=float(rng.uniform(-0.9 * h - 0.1, 0.3 * h + 0.1)),
        gamma=float(np.exp(rng.uniform(-0.25, 0.25) * (h + 0.1))),
        warmth=float(rng.normal(0, 0.02 + 0.07 * h)),
        saturation=float(rng.uniform(1 - 0.35 * h, 1 + 0.3 * h)) if not (training and chance(0.06)) else 0.0,
        blur_sigma_px=float(rng.uniform(0.2, 0.6 + 1.0 * h)) * scale,
        motion_px=float(rng.uniform(0.0, 4.0 * h + 0.5)) * scale if chance(0.5 * h) else 0.0,
        motion_degrees=float(rng.uniform(0, 180)),
        noise_sigma=float(rng.uniform(0.5, 2.0 + 8.0 * h)),
        chroma_noise=float(rng.uniform(0, 0.6)),
        sharpening=float(rng.uniform(0, 1.0)) if chance(0.3) else 0.0,
        resample=float(rng.uniform(1.0, 1.0 + 0.5 * h)) if chance(0.4) else 1.0,
        photocopy=float(rng.uniform(0.2, 1.0)) if training and chance(0.05) else 0.0,
        moire=float(rng.uniform(0.2, 1.0)) if training and chance(0.05) else 0.0,
        jpeg_quality=quality,
        chroma_subsampling=chance(0.8),
    )
