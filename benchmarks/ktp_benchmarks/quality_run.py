"""Draws degraded specimens, reads them by the real pipeline, and notes what was read and what the checks said."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import count, islice
from multiprocessing import get_context

import cv2
import numpy as np
from numpy.typing import NDArray

from ktp_benchmarks.ladders import LADDERS, Ladder, unharmed
from ktp_benchmarks.observing import DERIVED_FIELDS
from ktp_server.assembly import open_pipeline
from ktp_server.errors import RecognitionError
from ktp_server.pipeline import Pipeline
from ktp_server.settings import Settings
from ktp_specimen.camera import Degradation
from ktp_specimen.generate import Specimen, draw_specimen
from ktp_specimen.strata import Stratum, draw_shot

__all__ = ["SCREEN", "SEVERAL", "STRATA", "UNLIKE", "Observation", "Task", "observe", "plan"]

STRATA = (Stratum.CLEAN, Stratum.PHONE, Stratum.HARD)
SCREEN, SEVERAL, UNLIKE = "screen", "several cards", "no KTP"
"""What is drawn beside the ladders: photographed screens, several cards, scenes without a KTP."""

_SCREEN_DEPTHS = (0.25, 0.6)
_NO_DEPTH = 1e-6
"""The same screen without its lattice: what both pictures differ by is the lattice alone."""

_LATTICE_PX = 8.0
"""A lattice is finer than this; slower differences are the screen's glow."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one card, or one scene, is drawn for: a ladder card is None in `subject`."""

    seed: int
    index: int
    stratum: Stratum
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """Where a picture stands: its ladder, what was added, what there is in all; see `Observation`."""

    subject: str
    strength: float
    total: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One picture.

    Attributes:
        subject: the ladder, or `SCREEN`, `SEVERAL`, `UNLIKE`.
        stratum: how hard the scene is.
        card: seed and index of the scene.
        strength: of the degradation that was added; 0 for none.
        total: of the degradation there is, on the ladder's scale. Of a screen, the RMS contrast of its lattice in grey
            levels; 1 for several cards and for none.
        exact_share: share of the printed fields that were read exactly; 0 where the image was refused.
        scores: of each check, empty where the image was refused before they ran.
        failure: why the image was refused; empty if it was not.
    """

    subject: str
    stratum: str
    card: tuple[int, int]
    strength: float
    total: float
    exact_share: float
    scores: Mapping[str, float]
    failure: str


def plan(seed: int, card_count: int, scene_count: int) -> list[Task]:
    """List what is drawn.

    Args:
        seed: of every picture.
        card_count: cards of each stratum, each photographed on every ladder; as many screens of `phone` and `hard`.
        scene_count: scenes with several cards, and as many without a KTP.
    """
    tasks = [Task(seed, index * len(STRATA) + i, s) for index in range(card_count) for i, s in enumerate(STRATA)]
    for stratum in STRATA[1:]:
        tasks += [Task(seed, index, stratum, SCREEN) for index in islice(_screens(seed, stratum), card_count)]
    tasks += [Task(seed, index, Stratum.SEVERAL, SEVERAL) for index in range(scene_count)]
    return tasks + [Task(seed, index, Stratum.EMPTY, UNLIKE) for index in range(scene_count)]


def observe(tasks: Sequence[Task], worker_count: int) -> Iterator[list[Observation]]:
    """Draw and read; yields the observations of each share of the tasks as it is done.

    Args:
        tasks: from `plan`.
        worker_count: processes.
    """
    share_count = 4 * worker_count
    shares = [tasks[start::share_count] for start in range(share_count)]
    with ProcessPoolExecutor(worker_count, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_observe_share, [share for share in shares if share])


def _screens(seed: int, stratum: Stratum) -> Iterator[int]:
    """Indices of a seed's scenes in which the card is shown on a screen."""
    for index in count():
        if draw_shot(np.random.default_rng([seed, index]), stratum, training=False).degradation.screen:
            yield index


def _observe_share(tasks: Sequence[Task]) -> list[Observation]:
    return asyncio.run(_observe_tasks(tasks))


async def _observe_tasks(tasks: Sequence[Task]) -> list[Observation]:
    # What is a gate by default only advises here, so that every picture gets its scores.
    settings = Settings(several_cards="warn", proof_count_min=0, cpu_worker_count=1, engine_thread_count=1)
    observations: list[Observation] = []
    async with open_pipeline(settings) as pipeline:
        for task in tasks:
            if task.subject is None:
                observations += await _observe_ladders(pipeline, task)
            elif task.subject == SCREEN:
                observations += await _observe_screen(pipeline, task)
            else:
                specimen = draw_specimen(task.seed, task.index, task.stratum)
                observations.append(await _read(pipeline, task, specimen, _Step(task.subject, 1.0, 1.0)))
    return observations


async def _observe_ladders(pipeline: Pipeline, task: Task) -> list[Observation]:
    twin = draw_specimen(task.seed, task.index, task.stratum, conditions=unharmed)
    base = await _read(pipeline, task, twin, _Step("", 0.0, 0.0))
    observations = []
    for ladder in LADDERS:
        observations.append(replace(base, subject=ladder.name, total=ladder.total.measure(twin, twin)))
        for strength in ladder.strengths:
            specimen = _draw_step(task, ladder, strength)
            step = _Step(ladder.name, strength, ladder.total.measure(specimen, twin))
            observations.append(await _read(pipeline, task, specimen, step))
    return observations


def _draw_step(task: Task, ladder: Ladder, strength: float) -> Specimen:
    def conditions(drawn: Degradation, scale: float) -> Degradation:
        return ladder.step(unharmed(drawn, scale), scale, strength)

    return draw_specimen(task.seed, task.index, task.stratum, conditions=conditions)


async def _observe_screen(pipeline: Pipeline, task: Task) -> list[Observation]:
    def draw(depth: float) -> Specimen:
        return draw_specimen(
            task.seed, task.index, task.stratum, conditions=lambda drawn, _: replace(drawn, screen=depth)
        )

    without = draw(_NO_DEPTH)
    observations = [await _read(pipeline, task, without, _Step(SCREEN, 0.0, 0.0))]
    for depth in _SCREEN_DEPTHS:
        shown = draw(depth)
        observations.append(await _read(pipeline, task, shown, _Step(SCREEN, depth, _lattice_contrast(shown, without))))
    return observations


def _lattice_contrast(shown: Specimen, without: Specimen) -> float:
    """RMS of a screen's lattice on the card, grey levels."""
    difference = _grey(shown.jpeg) - _grey(without.jpeg)
    difference -= cv2.GaussianBlur(difference, (0, 0), _LATTICE_PX)
    inside = np.zeros(difference.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(shown.truth.cards[0].quad).astype(np.int32)], 1)
    return float(difference[inside > 0].std())


def _grey(jpeg: bytes) -> NDArray[np.float32]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.float32)


async def _read(pipeline: Pipeline, task: Task, specimen: Specimen, step: _Step) -> Observation:
    exact_share, scores, failure = 0.0, dict[str, float](), ""
    try:
        result = await pipeline.recognize(specimen.jpeg)
        scores = {name: check.score for name, check in result.quality.items()}
        exact_share = _exact_share(specimen, {name: field.value for name, field in result.card.fields.items()})
    except RecognitionError as error:
        failure = error.reason.value
        try:
            assessed = await pipeline.assess_quality(specimen.jpeg)
            scores = {name: check.score for name, check in assessed.quality.items()}
        except RecognitionError:
            pass  # refused before the checks: there is no card to judge
    card = (task.seed, task.index)
    return Observation(step.subject, task.stratum.value, card, step.strength, step.total, exact_share, scores, failure)


def _exact_share(specimen: Specimen, read: Mapping[str, str | None]) -> float:
    if not specimen.truth.cards:
        return 0.0
    printed = {name: text for name, text in specimen.truth.cards[0].fields.items() if name not in DERIVED_FIELDS}
    return sum(read.get(name) == text for name, text in printed.items()) / len(printed)
