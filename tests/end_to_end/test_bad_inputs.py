"""Every bad input gets its typed error, over gRPC and on the command line, and the server goes on serving."""

import io
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from PIL import Image

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.errors import ERROR_POLICIES, ErrorReason
from ktp_specimen.strata import Stratum
from tests.end_to_end.bad_images import BAD_IMAGES
from tests.end_to_end.conftest import SpecimenSet, read_json


def refusal(stub: stubs.KtpOcrServiceStub, image: bytes) -> tuple[grpc.StatusCode, str]:
    """Send an image that must be refused; give the code and the reason."""
    with pytest.raises(grpc.RpcError) as caught:
        stub.RecognizeCard(messages.RecognizeCardRequest(image=image), timeout=30)
    error: object = caught.value
    assert isinstance(error, grpc.Call)
    packed = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(info)
    return error.code(), info.reason


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_image_gets_its_typed_error(stub: stubs.KtpOcrServiceStub, specimens: SpecimenSet, name: str) -> None:
    make, reason = BAD_IMAGES[name]
    code, found = refusal(stub, make())
    assert found == reason.value
    assert code is grpc.StatusCode[ERROR_POLICIES[reason].grpc_code]
    good = specimens.path(Stratum.CLEAN).read_bytes()
    answer = stub.RecognizeCard(messages.RecognizeCardRequest(image=good), timeout=30)
    assert answer.recognition.card.HasField("nik")


@pytest.mark.parametrize(
    ("stratum", "reason"),
    [(Stratum.EMPTY, ErrorReason.CARD_NOT_FOUND), (Stratum.SEVERAL, ErrorReason.TOO_MANY_CARDS)],
)
def test_photo_without_exactly_one_card(
    stub: stubs.KtpOcrServiceStub, specimens: SpecimenSet, stratum: Stratum, reason: ErrorReason
) -> None:
    for number in range(len(specimens.truths[stratum])):
        assert refusal(stub, specimens.path(stratum, number).read_bytes())[1] == reason.value


def test_card_that_is_too_small(stub: stubs.KtpOcrServiceStub, specimens: SpecimenSet) -> None:
    image: Image.Image = Image.open(specimens.path(Stratum.CLEAN))
    scale = 310 / min(image.size)  # the image itself is just large enough
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    assert refusal(stub, buffer.getvalue())[1] == ErrorReason.CARD_TOO_SMALL.value


def test_command_line_reports_each_and_goes_on(tmp_path: Path, specimens: SpecimenSet) -> None:
    paths = []
    for number, (make, _) in enumerate(BAD_IMAGES.values()):
        paths.append(tmp_path / f"{number:02d}.jpg")
        paths[-1].write_bytes(make())
    paths.append(specimens.path(Stratum.CLEAN))
    lines = read_json(*paths)
    assert [line["status"] for line in lines] == [reason.value for _, reason in BAD_IMAGES.values()] + ["OK"]
    assert all(line["message"] for line in lines[:-1])
