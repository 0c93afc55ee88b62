"""Results survive the way to the contract's messages and back, whatever they hold."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ktp.ocr.v1 import card_pb2, ktp_ocr_service_pb2
from ktp_postprocessing.normalised import NormalisedValues
from ktp_server.front.convert import (
    assessment_from_response,
    assessment_to_response,
    recognition_from_message,
    recognition_to_message,
)
from ktp_server.results import (
    FIELD_NAMES,
    QUALITY_NAMES,
    AssessmentResult,
    CardResult,
    Correction,
    FieldResult,
    FindingResult,
    LineResult,
    PoseResult,
    Quad,
    QualityScoreResult,
    RecognitionResult,
    RequirementResult,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=12)
points = st.tuples(numbers, numbers)
quads = st.tuples(points, points, points, points)
fields = st.builds(FieldResult, value=st.none() | texts, raw_value=texts, confidence=numbers, quad=st.none() | quads)
scores = st.builds(QualityScoreResult, numbers, numbers, st.booleans(), texts)
findings = st.builds(FindingResult, code=texts, message=texts, fields=st.lists(texts, max_size=3).map(tuple))
cards = st.builds(
    CardResult,
    quad=quads,
    rotation_degrees=numbers,
    score=numbers,
    fields=st.dictionaries(st.sampled_from(FIELD_NAMES), fields),
    findings=st.lists(findings, max_size=3).map(tuple),
    lines=st.lists(st.builds(LineResult, texts, numbers, quads), max_size=4).map(tuple),
    pose=st.none() | st.builds(PoseResult, numbers, numbers, numbers, numbers),
)
requirements = st.builds(RequirementResult, texts, numbers, st.none() | numbers, st.booleans(), st.booleans())
results = st.builds(
    RecognitionResult,
    card=cards,
    quality=st.dictionaries(st.sampled_from(QUALITY_NAMES), scores),
    requirements=st.lists(requirements, max_size=3).map(tuple),
    timings_ms=st.dictionaries(texts, numbers, max_size=4),
    glare_quads=st.lists(quads, max_size=2).map(tuple),
    covered_fields=st.lists(texts, max_size=3).map(tuple),
)

ORIGIN: Quad = ((0.0, 0.0),) * 4


@given(results)
def test_recognition_comes_back_as_it_was(result: RecognitionResult) -> None:
    sent = recognition_to_message(result).SerializeToString()
    assert recognition_from_message(ktp_ocr_service_pb2.CardRecognition.FromString(sent)) == result


@given(results, texts)
def test_assessment_comes_back_as_it_was(read: RecognitionResult, request_id: str) -> None:
    card = replace(read.card, normalised=NormalisedValues())
    result = AssessmentResult(card, read.quality, read.requirements, read.timings_ms, read.glare_quads)
    sent = assessment_to_response(request_id, result).SerializeToString()
    response = ktp_ocr_service_pb2.AssessQualityResponse.FromString(sent)
    assert assessment_from_response(response) == result
    assert response.request_id == request_id


def test_empty_field_and_corners_at_zero_are_there_all_the_same() -> None:
    empty = FieldResult(value=None, raw_value="", confidence=0.0, correction=Correction.NONE, quad=ORIGIN)
    card = CardResult(ORIGIN, 0.0, 0.0, {"nik": empty}, lines=(LineResult("", 0.0, ORIGIN),))
    sent = card_pb2.Card.FromString(
        recognition_to_message(RecognitionResult(card, {}, (), {})).card.SerializeToString()
    )
    assert sent.HasField("nik")
    assert not sent.nik.HasField("value")
    for quad in (sent.quad, sent.nik.quad, sent.lines[0].quad):
        assert all(quad.HasField(corner) for corner in ("top_left", "top_right", "bottom_right", "bottom_left"))
