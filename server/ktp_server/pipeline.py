"""From bytes to a card: the stages in their order, CPU work and models by turns.

    bytes ─ decode ─ requirements ─ segmentation ─ rectify ─ quality ─ detection ─ crops ─ recognition ─ fields

Where values are missing whose places are known, those are read by themselves, and the fields made once more.
Between any two stages a request may be cancelled or run out of time; then nothing further of it is started.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.lines import TextLine
from ktp_postprocessing.text_boxes import TextBoxSettings
from ktp_preprocessing.letterbox import Letterboxed
from ktp_preprocessing.requirements import RequirementRules
from ktp_server.card_finding import FoundCard, demand_more, find_card, settle_card, view_closer, view_turned
from ktp_server.cards import shows_card
from ktp_server.line_reading import (
    CutRules,
    LineCrops,
    LineReadings,
    ReadCard,
    ReadingRules,
    cut_lines,
    cut_unread,
    read_fields,
)
from ktp_server.models import CardInstance, CardModels
from ktp_server.observability.record import note_stages
from ktp_server.results import AssessmentResult, RecognitionResult
from ktp_server.stages import CpuWorkers, StageClock, Timer
from ktp_server.steps import AlignedCard, CardRules, PreparedImage, align_card, prepare_image
from ktp_server.verdicts import check_names, require_checks

__all__ = ["Pipeline", "PipelineRules"]


@dataclass(frozen=True, slots=True)
class PipelineRules:
    """Thresholds and knowledge of the stages.

    Attributes:
        image: for the file and its pixels.
        card: for the card.
        reading: for its text.
        require: names of checks that every card must pass before it is read.
    """

    image: RequirementRules
    card: CardRules
    reading: ReadingRules
    require: tuple[str, ...] = ()


class Pipeline:
    """Reads cards; one instance serves all requests."""

    def __init__(
        self, models: CardModels, workers: CpuWorkers, rules: PipelineRules, timer: Timer = time.perf_counter
    ) -> None:
        """Bind the stages together.

        Args:
            models: the three models.
            workers: threads for the CPU work.
            rules: thresholds and knowledge.
            timer: times the stages, see `StageClock`.
        """
        self._models = models
        self._timer = timer
        self._workers = workers
        self._rules = rules

    @property
    def available(self) -> bool:
        """Whether the models can be reached now."""
        return self._models.available

    def swap_knowledge(self, knowledge: CardKnowledge) -> None:
        """Read fields by other lists from now on; a request whose fields are being read keeps those it began with."""
        self._rules = replace(self._rules, reading=replace(self._rules.reading, knowledge=knowledge))

    async def recognize(
        self, data: bytes, deadline_s: float | None = None, require: Collection[str] = ()
    ) -> RecognitionResult:
        """Read the card in an image.

        Args:
            data: the image file.
            deadline_s: moment on the monotonic clock by which the answer is needed; None for no limit.
            require: checks that must pass beside those of the rules, see `steps.require_checks`.

        Raises:
            RecognitionError, ImageError, InferenceError, TimeoutError: see errors.reportable_failure.
        """
        clock = StageClock(deadline_s, self._timer)
        note_stages(clock.spans)
        async with asyncio.timeout_at(deadline_s):
            check_names(require)
            prepared, aligned = await self._align(data, clock)
            required = {*self._rules.require, *require}
            require_checks(aligned, required)
            detection = self._models.detection
            with clock.measure("text_detection"):
                probability = await detection.find_text(aligned.rectified.pixels, deadline_s)
            cut = CutRules(TextBoxSettings(shrink_ratio=detection.shrink_ratio), self._models.recognition.widths)
            lines = await self._workers.run(cut_lines, prepared, aligned, probability, cut, clock)
            read = await self._read(aligned, lines, clock)
            if read.unread:
                unread = await self._workers.run(cut_unread, prepared, aligned, read, cut, clock)
                read = await self._read(aligned, unread, clock, read.lines)
            require_checks(read, required)
        return RecognitionResult(
            card=read.card,
            quality=read.quality,
            requirements=read.requirements,
            timings_ms=clock.timings_ms(),
            glare_quads=aligned.glare_quads,
            covered_fields=read.covered_fields,
        )

    async def assess_quality(self, data: bytes, deadline_s: float | None = None) -> AssessmentResult:
        """Check an image without reading its text; arguments and errors as in `recognize`."""
        clock = StageClock(deadline_s, self._timer)
        note_stages(clock.spans)
        async with asyncio.timeout_at(deadline_s):
            _, aligned = await self._align(data, clock)
        return AssessmentResult(
            aligned.result(), aligned.quality, aligned.requirements, clock.timings_ms(), aligned.glare_quads
        )

    async def _read(
        self, aligned: AlignedCard, lines: LineCrops, clock: StageClock, known: Sequence[TextLine] = ()
    ) -> ReadCard:
        recognition = self._models.recognition
        with clock.measure("text_recognition"):
            outputs = await recognition.read_lines([crop.pixels for crop in lines.crops], clock.deadline_s)
        readings = LineReadings(lines.quads, outputs, recognition.alphabet, lines.content_shares())
        return await self._workers.run(read_fields, aligned, readings, self._rules.reading, clock, known)

    async def _align(self, data: bytes, clock: StageClock) -> tuple[PreparedImage, AlignedCard]:
        segmentation = self._models.segmentation
        prepared = await self._workers.run(prepare_image, data, self._rules.image, segmentation.input_size_px, clock)
        found = await self._find(prepared, clock)
        return prepared, await self._workers.run(align_card, prepared, found, self._rules.card, clock)

    async def _find(self, prepared: PreparedImage, clock: StageClock) -> FoundCard:
        size_px, pixels = self._models.segmentation.input_size_px, prepared.image.pixels
        view, selection = prepared.letterboxed, self._rules.card.selection
        instances = await self._look(view, clock)
        if not shows_card(instances, selection):
            view, selection = await self._workers.run(view_turned, pixels, size_px, clock), demand_more(selection)
            instances = await self._look(view, clock)
        found = await self._workers.run(find_card, pixels, view, instances, selection, clock)
        if not found.outline.is_doubtful:
            return found
        closer = await self._workers.run(view_closer, pixels, found, size_px, clock)
        return await self._workers.run(settle_card, pixels, found, closer, await self._look(closer, clock), clock)

    async def _look(self, view: Letterboxed, clock: StageClock) -> list[CardInstance]:
        with clock.measure("segmentation"):
            return await self._models.segmentation.find_cards(view.pixels, clock.deadline_s)
