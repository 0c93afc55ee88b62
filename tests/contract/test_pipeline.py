"""The pipeline from bytes to card over an engine that knows the answers: geometry, errors, deadlines, isolation."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from ktp_postprocessing.knowledge import CardKnowledge
from ktp_preprocessing.requirements import RequirementRules
from ktp_server.cards import CardSelection
from ktp_server.engines.port import FailureKind, InferenceEngine, InferenceError, TensorBatch
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.line_reading import ReadingRules
from ktp_server.models import CardModels
from ktp_server.pipeline import Pipeline, PipelineRules
from ktp_server.results import QUALITY_NAMES
from ktp_server.stages import CpuWorkers
from ktp_server.steps import CardRules
from tests.contract.card_oracle import LINES, TRUTH, corner_error_px, draw_card, oracle

SPECS = read_model_repository(find_model_repository())
RULES = PipelineRules(
    image=RequirementRules(),
    card=CardRules(CardSelection(0.5, 0.8), RequirementRules()),
    reading=ReadingRules(CardKnowledge.load(), 0.02),
)
QUAD = np.array([[180.0, 190.0], [1010.0, 150.0], [1040.0, 680.0], [150.0, 700.0]])
SMALL = np.array([[300.0, 300.0], [660.0, 300.0], [660.0, 527.0], [300.0, 527.0]])
LEFT = np.array([[20.0, 300.0], [570.0, 300.0], [570.0, 647.0], [20.0, 647.0]])
STAGES = [
    "decode",
    "requirements",
    "letterbox",
    "segmentation",
    "rectify",
    "quality",
    "text_detection",
    "text_boxes",
    "crops",
    "text_recognition",
    "fields",
    "total",
]


@pytest.fixture
def workers() -> Iterator[CpuWorkers]:
    workers = CpuWorkers(2)
    yield workers
    workers.close()


def pipeline_over(engine: InferenceEngine, workers: CpuWorkers) -> Pipeline:
    return Pipeline(CardModels.build(engine, SPECS), workers, RULES)


async def test_card_is_read_and_everything_lies_in_source_pixels(workers: CpuWorkers) -> None:
    result = await pipeline_over(oracle(SPECS, [QUAD]), workers).recognize(draw_card(QUAD))
    fields = result.card.fields
    assert {name: fields[name].value for name in TRUTH} == TRUTH
    for name in ("nik", "nama", "alamat"):
        quad = fields[name].quad
        assert quad is not None
        # The field's quad begins after the colon: its right side is the line's.
        assert corner_error_px(np.array(quad), QUAD, TRUTH[name], corners=[1, 2]) < 6.0
    assert np.abs(np.array(result.card.quad) - QUAD).max() < 3.0
    assert abs(result.card.rotation_degrees) < 5.0
    assert list(result.timings_ms) == STAGES
    assert tuple(result.quality) == QUALITY_NAMES
    assert [item.name for item in result.requirements][-2:] == ["card_short_side_min", "card_long_side_min"]
    assert len(result.card.lines) == 28


async def test_a_value_that_detection_missed_is_read_beside_its_label(workers: CpuWorkers) -> None:
    engine = oracle(SPECS, [QUAD], unseen=[": ISLAM"])
    result = await pipeline_over(engine, workers).recognize(draw_card(QUAD))
    agama = result.card.fields["agama"]
    assert (agama.value, agama.raw_value) == ("ISLAM", "ISLAM")
    assert agama.quad is not None
    assert corner_error_px(np.array(agama.quad), QUAD, "ISLAM", corners=[0, 3]) < 30.0
    assert len(result.card.lines) == 28
    assert list(result.timings_ms) == STAGES


async def test_a_blank_place_beside_a_label_stays_absent(workers: CpuWorkers) -> None:
    printed = [line.text for line in LINES if line.text != ": ISLAM"]
    result = await pipeline_over(oracle(SPECS, [QUAD]), workers).recognize(draw_card(QUAD, texts=printed))
    assert "agama" not in result.card.fields
    assert {name for name in TRUTH if name not in result.card.fields} == {"agama"}
    assert len(result.card.lines) == 27


async def test_assessment_stops_before_the_text(workers: CpuWorkers) -> None:
    result = await pipeline_over(oracle(SPECS, [QUAD]), workers).assess_quality(draw_card(QUAD))
    assert list(result.timings_ms) == [*STAGES[:6], "total"]
    assert not result.card.fields
    assert np.abs(np.array(result.card.quad) - QUAD).max() < 3.0


async def test_required_checks_refuse_and_list_all_that_failed(workers: CpuWorkers) -> None:
    grey = cv2.imdecode(np.frombuffer(draw_card(QUAD), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes()
    pipeline = pipeline_over(oracle(SPECS, [QUAD]), workers)
    result = await pipeline.recognize(data)
    assert not result.quality["colour"].passed
    with pytest.raises(RecognitionError) as caught:
        await pipeline.recognize(data, require=["colour", "jpeg_quality_min", "tilt"])
    assert caught.value.reason is ErrorReason.QUALITY_REJECTED
    assert "colour: " in caught.value.message
    assert "jpeg_quality_min: 60 was measured, the bound is 80" in caught.value.message
    assert "tilt" not in caught.value.message


async def test_unknown_checks_are_a_bad_request(workers: CpuWorkers) -> None:
    with pytest.raises(RecognitionError, match="name 2 in require is no check") as caught:
        await pipeline_over(oracle(SPECS, [QUAD]), workers).recognize(draw_card(QUAD), require=["tilt", "beauty"])
    assert (caught.value.reason, caught.value.field) == (ErrorReason.REQUEST_INVALID, "require")


async def test_glare_names_the_fields_under_it(workers: CpuWorkers) -> None:
    clear = cv2.imdecode(np.frombuffer(draw_card(QUAD), np.uint8), cv2.IMREAD_COLOR)
    assert clear is not None
    pipeline = pipeline_over(oracle(SPECS, [QUAD]), workers)
    fields = (await pipeline.recognize(cv2.imencode(".png", clear)[1].tobytes())).card.fields
    assert fields["kecamatan"].quad is not None
    left, top = np.array(fields["kecamatan"].quad).min(axis=0)
    spot = np.zeros(clear.shape[:2], np.float32)
    cv2.ellipse(spot, (round(left + 60), round(top + 10)), (110, 47), 0, 0, 360, 1.0, -1)
    lit = np.clip(clear + 400 * cv2.GaussianBlur(spot, (0, 0), 3)[..., None], 0, 255).astype(np.uint8)
    result = await pipeline.recognize(cv2.imencode(".png", lit)[1].tobytes())
    assert not result.quality["specularity"].passed
    assert len(result.glare_quads) == 1
    assert "kecamatan" in result.covered_fields
    assert {"nik", "nama", "berlaku_hingga"}.isdisjoint(result.covered_fields)
    assert "kecamatan" not in result.card.fields or result.card.fields["kecamatan"].value != "CIBINONG"


async def test_several_cards_only_warn_where_the_settings_say_so(workers: CpuWorkers) -> None:
    quads = [LEFT, LEFT + np.array([600.0, 0.0])]
    selection = CardSelection(0.5, 0.8, refuses_several=False)
    rules = replace(RULES, card=CardRules(selection, RequirementRules()))
    pipeline = Pipeline(CardModels.build(oracle(SPECS, quads), SPECS), workers, rules)
    result = await pipeline.recognize(draw_card(quads[0]))
    assert not result.quality["single_card"].passed
    assert "one card" in result.quality["single_card"].reason
    with pytest.raises(RecognitionError, match="single_card: ") as caught:
        await pipeline.recognize(draw_card(quads[0]), require=["single_card"])
    assert caught.value.reason is ErrorReason.QUALITY_REJECTED


async def test_what_does_not_read_like_a_ktp_is_told_where_it_is_not_refused(workers: CpuWorkers) -> None:
    rules = replace(RULES, reading=replace(RULES.reading, proof_count_min=0))
    data = draw_card(QUAD, texts=["Nama", ": SITI AMINAH", "Alamat", ": JL. MELATI NO. 5"])
    with pytest.raises(RecognitionError, match="is no KTP") as caught:
        await pipeline_over(oracle(SPECS, [QUAD]), workers).recognize(data)
    assert caught.value.reason is ErrorReason.CARD_NOT_FOUND
    pipeline = Pipeline(CardModels.build(oracle(SPECS, [QUAD]), SPECS), workers, rules)
    assert not (await pipeline.assess_quality(data)).quality["ktp_likeness"].passed
    assert not (await pipeline.recognize(data)).quality["ktp_likeness"].passed
    with pytest.raises(RecognitionError, match="ktp_likeness: "):
        await pipeline.recognize(data, require=["ktp_likeness"])


@pytest.mark.parametrize(
    ("quads", "reason"),
    [
        ([], ErrorReason.CARD_NOT_FOUND),
        ([LEFT, LEFT + np.array([600.0, 0.0])], ErrorReason.TOO_MANY_CARDS),
        ([SMALL], ErrorReason.CARD_TOO_SMALL),
    ],
)
async def test_pictures_that_show_no_readable_card(
    workers: CpuWorkers, quads: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]], reason: ErrorReason
) -> None:
    data = draw_card(quads[0] if quads else QUAD)
    with pytest.raises(RecognitionError) as caught:
        await pipeline_over(oracle(SPECS, quads), workers).recognize(data)
    assert caught.value.reason is reason


async def test_card_without_text_is_no_ktp(workers: CpuWorkers) -> None:
    scene = np.full((900, 1200, 3), 60, dtype=np.uint8)
    cv2.fillConvexPoly(scene, np.round(QUAD).astype(np.int32), (230, 230, 230))
    data = cv2.imencode(".png", scene)[1].tobytes()
    with pytest.raises(RecognitionError) as caught:
        await pipeline_over(oracle(SPECS, [QUAD]), workers).recognize(data)
    assert caught.value.reason is ErrorReason.CARD_NOT_FOUND


async def test_empty_image_is_a_bad_request(workers: CpuWorkers) -> None:
    with pytest.raises(RecognitionError) as caught:
        await pipeline_over(oracle(SPECS, []), workers).recognize(b"")
    assert (caught.value.reason, caught.value.field) == (ErrorReason.REQUEST_INVALID, "image")


async def test_passed_deadline_starts_nothing(workers: CpuWorkers) -> None:
    engine = CountingEngine(oracle(SPECS, [QUAD]))
    with pytest.raises((RecognitionError, TimeoutError)):
        await pipeline_over(engine, workers).recognize(draw_card(QUAD), time.monotonic() - 1.0)
    assert engine.calls == []


async def test_deadline_ends_a_waiting_model(workers: CpuWorkers) -> None:
    engine = CountingEngine(oracle(SPECS, [QUAD]), stall="ktp_text_detection")
    start_s = time.monotonic()
    await pipeline_over(oracle(SPECS, [QUAD]), workers).recognize(draw_card(QUAD))
    deadline_s = time.monotonic() + max(1.0, 5.0 * (time.monotonic() - start_s))  # far beyond the stages before it
    with pytest.raises(TimeoutError):
        await pipeline_over(engine, workers).recognize(draw_card(QUAD), deadline_s)
    assert time.monotonic() > deadline_s - 0.1
    assert engine.calls == ["ktp_segmentation", "ktp_text_detection"]


async def test_failing_model_fails_the_request_with_its_own_error(workers: CpuWorkers) -> None:
    engine = CountingEngine(oracle(SPECS, [QUAD]), fail="ktp_text_recognition")
    with pytest.raises(InferenceError) as caught:
        await pipeline_over(engine, workers).recognize(draw_card(QUAD))
    assert caught.value.kind is FailureKind.UNAVAILABLE


async def test_concurrent_images_keep_to_themselves(workers: CpuWorkers) -> None:
    """Four copies of the card at different places, at once: each answer has its own outline."""
    pipelines, pictures = [], []
    quads = [QUAD, QUAD + np.array([60.0, 40.0]), QUAD * 0.9, QUAD + np.array([-80.0, 100.0])]
    for quad in quads:
        pipelines.append(pipeline_over(oracle(SPECS, [quad]), workers))
        pictures.append(draw_card(quad))
    results = await asyncio.gather(*[p.recognize(d) for p, d in zip(pipelines, pictures, strict=True)])
    for quad, result in zip(quads, results, strict=True):
        assert np.abs(np.array(result.card.quad) - quad).max() < 3.0
        assert result.card.fields["nik"].value == TRUTH["nik"]


class CountingEngine:
    """Passes calls on, notes them, and lets one model stall or fail."""

    def __init__(self, inner: InferenceEngine, stall: str = "", fail: str = "") -> None:
        self.calls: list[str] = []
        self.available = True
        self._inner = inner
        self._stall = stall
        self._fail = fail

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        self.calls.append(model)
        if model == self._stall:
            await asyncio.sleep(60.0)
        if model == self._fail:
            raise InferenceError(FailureKind.UNAVAILABLE, model, "down")
        return await self._inner.infer(model, batch, deadline_s)
