"""Specimen photographs with their truth, from a seed.

Every image is drawn from `numpy.random.default_rng([seed, index])` alone: image 7 of seed 1 is the same whether
ten or ten thousand are drawn, in one process or eight.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_specimen.backgrounds import draw_background
from ktp_specimen.camera import Degradation, Photograph, photograph
from ktp_specimen.card import PrintedCard, draw_style, print_card
from ktp_specimen.fonts import STANDARD, WIDE, FontSet, check_fonts
from ktp_specimen.legibility import judge_lines
from ktp_specimen.objects import ROUNDED, draw_object
from ktp_specimen.people import PersonRecipe, invent_person
from ktp_specimen.pose import Pose, homography, project
from ktp_specimen.reproduction import copy_card, light_screen, print_halftone
from ktp_specimen.scene import Mount, draw_finger, lay
from ktp_specimen.sensor import encode_jpeg
from ktp_specimen.strata import Shot, Stratum, Thing, draw_shot, share_outside
from ktp_specimen.truth import TRUTH_FILE, CardTruth, LineTruth, ObjectTruth, SpecimenTruth

CARD_FRAME_PX = 640.0
"""Width of a card that blur is told in: about what the reader's card frame shows."""


SAMPLES = np.meshgrid(np.linspace(0.02, 0.98, 9), (0.2, 0.5, 0.8))
"""Where a line is looked at for objects, along and across, of its sides."""


Conditions = Callable[[Degradation, float], Degradation]
"""Changes a photograph's conditions, given the image pixels in a pixel of a card `CARD_FRAME_PX` wide."""


class OtherSpecimens(Exception):
    """A folder already holds specimens of another seed."""


@dataclass(frozen=True, slots=True)
class SpecimenSettings:
    """What to draw.

    Attributes:
        out_dir: receives `images/` and `truth.jsonl`.
        seed: fixes everything.
        count: images.
        strata: drawn in turn, one an image.
        training: wide fonts and styles, any digits, odd texts: for training sets, not for the sandbox.
        workers: processes.
    """

    out_dir: Path
    seed: int
    count: int
    strata: tuple[Stratum, ...] = (Stratum.CLEAN, Stratum.PHONE, Stratum.HARD)
    training: bool = False
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Specimen:
    """One photograph: encoded JPEG bytes and what is known about it."""

    jpeg: bytes
    truth: SpecimenTruth


def write_specimens(settings: SpecimenSettings) -> Iterator[int]:
    """Draw specimens to disk; yields the number done after each. Finished images are not drawn again.

    Raises:
        FontMissing: names the Debian packages to install.
        OtherSpecimens: the folder holds specimens of another seed.
    """
    check_fonts(WIDE if settings.training else STANDARD)
    (settings.out_dir / "images").mkdir(parents=True, exist_ok=True)
    truth_path = settings.out_dir / TRUTH_FILE
    done = _count_done(truth_path, settings.seed)
    todo = range(done, settings.count)
    with truth_path.open("a", encoding="utf-8") as truth_file:
        for index, specimen in zip(todo, _draw_all(settings, todo), strict=True):
            (settings.out_dir / specimen.truth.file).write_bytes(specimen.jpeg)
            truth_file.write(specimen.truth.to_json() + "\n")
            yield index + 1


def _draw_all(settings: SpecimenSettings, todo: range) -> Iterator[Specimen]:
    tasks = [(settings, index) for index in todo]
    if settings.workers == 1:
        yield from map(_draw_indexed, tasks)
        return
    # Spawned, not forked: a caller's threads (a progress bar, a server) do not survive a fork.
    with ProcessPoolExecutor(settings.workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_draw_indexed, tasks, chunksize=8)


def _count_done(truth_path: Path, seed: int) -> int:
    """Count the finished images of an earlier run, and cut off a line that it was stopped in."""
    if not truth_path.exists():
        return 0
    written = truth_path.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    if whole != written:
        truth_path.write_bytes(whole)
    lines = whole.splitlines()
    if lines and SpecimenTruth.from_json(lines[0].decode()).seed != seed:
        raise OtherSpecimens(f"{truth_path.parent} holds specimens of another seed: choose an empty folder")
    return len(lines)


def _draw_indexed(task: tuple[SpecimenSettings, int]) -> Specimen:
    settings, index = task
    return draw_specimen(settings.seed, index, settings.strata[index % len(settings.strata)], settings.training)


def draw_specimen(
    seed: int, index: int, stratum: Stratum, training: bool = False, conditions: Conditions | None = None
) -> Specimen:
    """Draw one specimen photograph.

    Args:
        seed: of the set.
        index: in the set.
        stratum: what it is like.
        training: see `SpecimenSettings`.
        conditions: changes how it is photographed; the scene, its cards and objects stay the same.

    Raises:
        FontMissing: a font is not installed.
    """
    rng = np.random.default_rng([seed, index])
    shot = draw_shot(rng, stratum, training)
    if conditions is not None:
        width_px = np.linalg.norm(np.subtract(*project(shot.cards[0], shot.shape)[:2])) if shot.cards else CARD_FRAME_PX
        shot = replace(shot, degradation=conditions(shot.degradation, float(width_px) / CARD_FRAME_PX))
    scene = draw_background(rng, shot.shape, training)
    distractors = tuple(_lay_thing(rng, scene, thing) for thing in shot.things)
    cards = [_lay_card(rng, scene, pose, shot) for pose in shot.cards]
    if shot.degradation.screen and distractors:
        light_screen(rng, scene, distractors[-1].quad, shot.degradation.screen)
    covered = np.zeros(shot.shape, np.uint8)
    quads = [quad for _, quad in cards]
    for reach in shot.fingers:
        covered |= draw_finger(rng, scene, quads[0], reach)
    photo = photograph(rng, scene, quads[0] if quads else None, shot.degradation)
    jpeg = encode_jpeg(photo.pixels, shot.degradation)
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)
    truth = SpecimenTruth(
        file=f"images/{index:06d}.jpg",
        seed=seed,
        index=index,
        stratum=stratum.value,
        size_px=(shot.shape[1], shot.shape[0]),
        cards=tuple(
            _card_truth(card, quad, pose, (covered, np.asarray(grey, np.uint8)))
            for (card, quad), pose in zip(cards, shot.cards, strict=True)
        ),
        distractors=distractors,
        degradation=_measure(shot, quads, photo),
    )
    return Specimen(jpeg, truth)


def _measure(shot: Shot, quads: list[NDArray[np.float64]], photo: Photograph) -> dict[str, float]:
    """The degradation's numbers, and those of the first card's place in the picture."""
    numbers = shot.degradation.to_truth() | {"fingers": float(len(shot.fingers)), "glare_area": photo.glare_area}
    if quads:
        per_px = CARD_FRAME_PX / float(np.linalg.norm(quads[0][1] - quads[0][0]))
        numbers |= {
            "tilt_degrees": shot.cards[0].tilt_degrees,
            "focal": shot.cards[0].focal,
            "cropped": share_outside(quads[0], shot.shape),
            "blur_card_px": shot.degradation.blur_sigma_px * per_px,
            "motion_card_px": shot.degradation.motion_px * per_px,
        }
    return numbers


def _lay_thing(rng: np.random.Generator, scene: NDArray[np.float32], thing: Thing) -> ObjectTruth:
    kind, picture = draw_object(rng, round(thing.pose.width_px), thing.kind)
    quad = project(thing.pose, scene.shape[:2], picture.shape[1] / picture.shape[0])
    lay(rng, scene, picture, quad, Mount(rounded=kind in ROUNDED))
    return ObjectTruth(kind, quad)


def _lay_card(
    rng: np.random.Generator, scene: NDArray[np.float32], pose: Pose, shot: Shot
) -> tuple[PrintedCard, NDArray[np.float64]]:
    fonts: FontSet = WIDE if shot.training else STANDARD
    recipe = PersonRecipe(issued_serials=shot.training, odd_text=0.12 if shot.training else 0.0)
    person = invent_person(rng, recipe)
    width_px = int(np.clip(pose.width_px * 1.15, 640, 1600))
    card = print_card(rng, person, draw_style(rng, fonts, 1.0 if shot.training else shot.variety), width_px)
    shown, seen = card.pixels, shot.degradation
    if seen.halftone:
        shown = print_halftone(rng, shown, seen.halftone)
    if seen.photocopy:
        shown = copy_card(rng, shown, seen.photocopy)
    quad = project(pose, scene.shape[:2])
    flat = bool(seen.photocopy or seen.screen)
    lay(rng, scene, shown, quad, Mount(rounded=not flat or rng.random() < 0.7, loose=not flat))
    return card, quad


def _card_truth(
    card: PrintedCard, quad: NDArray[np.float64], pose: Pose, photo: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> CardTruth:
    """Place a card's lines in the photo; `photo` is where fingers cover it and its grey pixels."""
    covered, grey = photo
    matrix = homography(quad, (card.pixels.shape[1], card.pixels.shape[0]))
    judged = [line.quad for line in card.lines if line.kind != "watermark"]  # notices carry no field
    legible = judge_lines(grey, card.unworn, np.array(judged), matrix)
    legible += [True] * (len(card.lines) - len(judged))  # they were written last
    lines = []
    for line, readable in zip(card.lines, legible, strict=True):
        placed = np.asarray(cv2.perspectiveTransform(line.quad[None], matrix)[0], np.float64)
        visible = _visible_share(placed, covered)
        lines.append(LineTruth(line.text, line.kind, line.name, placed, visible, readable))
    edge = quad[1] - quad[0]
    return CardTruth(
        quad=quad,
        quarter_turns=round(pose.rotation_degrees / 90) % 4,
        rotation_degrees=float(np.degrees(np.arctan2(edge[1], edge[0]))),
        fields=card.fields,
        lines=tuple(lines),
    )


def _visible_share(quad: NDArray[np.float64], covered: NDArray[np.uint8]) -> float:
    """Share of a line's sample points that lie in the frame and under no finger."""
    u, v = SAMPLES
    top, bottom = quad[0] + (quad[1] - quad[0]) * u[..., None], quad[3] + (quad[2] - quad[3]) * u[..., None]
    points = np.round(top + (bottom - top) * v[..., None]).astype(int).reshape(-1, 2)
    height, width = covered.shape
    inside = ((points >= 0) & (points < (width, height))).all(1)
    x, y = points[inside].T
    return float((covered[y, x] < 128).sum() / len(points))
