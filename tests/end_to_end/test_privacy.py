"""Everything that a server writes, says and sends is read, and no value of a card and no key is in it."""

import base64
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import grpc
import httpx
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_specimen.strata import Stratum
from tests.end_to_end.conftest import SpecimenSet
from tests.end_to_end.watched_server import WatchedServer, run_watched

VALUE_LENGTH_MIN = 5
"""Shorter values ("WNI", "B", "001") stand in any text."""
NIK = "3171234509890000"
NAME = "SITI RAHAYU PERMATASARI"
"""What callers put where it does not belong: nobody's, as the serial is never issued."""


class GrpcCaller:
    """Reads over gRPC and keeps the failures."""

    def __init__(self, watched: WatchedServer, channel: grpc.Channel) -> None:
        self._watched = watched
        self._stub = stubs.KtpOcrServiceStub(channel)
        self._malformed: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/ktp.ocr.v1.KtpOcrService/RecognizeCard"
        )

    def read(self, image: bytes) -> messages.CardRecognition:
        """Read a card."""
        request = messages.RecognizeCardRequest(image=image)
        return self._stub.RecognizeCard(request, timeout=60, metadata=self._metadata()).recognition

    def fail(self, request: messages.RecognizeCardRequest, key: str | None = None) -> None:
        """Send what must be refused."""
        with pytest.raises(grpc.RpcError) as caught:
            self._stub.RecognizeCard(request, timeout=60, metadata=self._metadata(key))
        self._keep(caught.value)

    def fail_to_parse(self, data: bytes) -> None:
        """Send what is no message."""
        with pytest.raises(grpc.RpcError) as caught:
            self._malformed(data, timeout=10, metadata=self._metadata())
        self._keep(caught.value)

    def read_stream(self, images: Sequence[bytes]) -> None:
        """Read many over one call."""
        requests = [messages.RecognizeCardsRequest(request_id=f"item {n}", image=data) for n, data in enumerate(images)]
        answers = list(self._stub.RecognizeCards(iter(requests), timeout=120, metadata=self._metadata()))
        assert len(answers) == len(images)
        self._watched.answered += [str(answer.error) for answer in answers if answer.HasField("error")]

    def _metadata(self, key: str | None = None) -> tuple[tuple[str, str | bytes], ...]:
        return (("x-api-key", self._watched.key if key is None else key),)

    def _keep(self, error: object) -> None:
        assert isinstance(error, grpc.Call)
        self._watched.answered.append(f"{error.details()} {error.trailing_metadata()!r}")


def call_grpc(watched: WatchedServer, specimens: SpecimenSet) -> list[messages.CardRecognition]:
    """Read cards, provoke errors, and give what was read."""
    images = [specimens.path(stratum).read_bytes() for stratum in (Stratum.CLEAN, Stratum.PHONE)]
    bad = [b"", NAME.encode(), images[0][:5000], b"\xff" * 3_000_000]
    bad += [specimens.path(stratum).read_bytes() for stratum in (Stratum.EMPTY, Stratum.SEVERAL)]
    with grpc.insecure_channel(f"127.0.0.1:{watched.ports['gRPC']}") as channel:
        caller = GrpcCaller(watched, channel)
        recognitions = [caller.read(image) for image in images]
        for image in bad:
            caller.fail(messages.RecognizeCardRequest(image=image))
        caller.fail(messages.RecognizeCardRequest(image=images[0], require=[NAME]))
        caller.fail(messages.RecognizeCardRequest(image=images[0], request_id=f"{NIK}\n"))
        caller.fail(messages.RecognizeCardRequest(image=images[0]), watched.key + "x")
        caller.fail(messages.RecognizeCardRequest(image=images[0]), f"{NIK}.{NAME}")
        caller.fail_to_parse(f"\xff{NIK}".encode("latin-1"))
        caller.read_stream(images + bad)
    return recognitions


def call_http(watched: WatchedServer, specimens: SpecimenSet) -> None:
    """Read by each of the HTTP APIs, and send them what is none of their business."""
    data = specimens.path(Stratum.CLEAN).read_bytes()
    image = base64.b64encode(data).decode()
    foreign_key = {"X-API-Key": f"{NIK}.{NAME}"}
    with httpx.Client(
        base_url=f"http://127.0.0.1:{watched.ports['HTTP']}", timeout=60, headers={"X-API-Key": watched.key}
    ) as client:
        paths = client.get("/openapi.json").json()["paths"]
        posts = [path for path, methods in paths.items() if "post" in methods]
        assert len(posts) >= 3
        for path in posts:
            read = [client.post(path, json={"image": image}), client.post(path, data={"img": image})]
            assert 200 in {answer.status_code for answer in read}
            failing = [
                client.post(path, json={"image": NAME}),
                client.post(path, json={"image": image, NAME: NIK}),
                client.post(path, data={"img": NAME, "nik": NIK}),
                client.post(path, content=f'{{"nik": "{NIK}"'.encode(), headers={"Content-Type": "application/json"}),
                client.post(path, files={"image": (f"{NIK}.jpg", NAME.encode(), "image/jpeg")}),
                client.post(path, json={"image": image}, headers=foreign_key),
            ]
            assert min(answer.status_code for answer in failing) >= 400
            watched.answered += [answer.text for answer in failing]
        for path in (f"/v1/cards/{NIK}", f"/healthz?nik={NIK}", f"/readyz?nama={NAME}", "/metrics"):
            watched.answered.append(client.get(path).text)


def values_of(recognitions: Sequence[messages.CardRecognition], specimens: SpecimenSet) -> set[str]:
    """Give all that was read and all that is printed on the cards."""
    found: set[str] = set()
    for recognition in recognitions:
        for descriptor, value in recognition.card.ListFields():
            if descriptor.message_type is not None and descriptor.message_type.name == "Field":
                found |= {value.value, value.raw_value}
    for truth in (truth for truths in specimens.truths.values() for truth in truths):
        for card in truth.cards:
            found |= set(card.fields.values())
    return {value for value in found if len(value) >= VALUE_LENGTH_MIN}


def is_in(text: str, evidence: str) -> bool:
    """Tell whether a text stands there, and not only inside of a word such as status_perkawinan."""
    return re.search(rf"(?<!\w){re.escape(text.casefold())}(?!\w)", evidence) is not None


@pytest.mark.parametrize("worker_count", [1, 2])
def test_no_value_of_a_card_and_no_key_is_written_anywhere(
    tmp_path: Path, specimens: SpecimenSet, worker_count: int
) -> None:
    with run_watched(tmp_path, worker_count) as watched:
        recognitions = call_grpc(watched, specimens)
        call_http(watched, specimens)
        watched.process.send_signal(signal.SIGHUP)
        watched.wait_for("keys read anew", worker_count)
        watched.filed = watched.read_files()
        watched.process.terminate()
        assert watched.process.wait(timeout=60) == 0, b"".join(watched.written).decode()
    evidence = watched.evidence().casefold()
    # It is what it should be: records of these calls, of the reload, metrics and traces.
    for expected in ("recognizecard", "image_corrupt", "unauthenticated", "keys read anew", "ktp_ocr_", "item 0"):
        assert expected in evidence, expected
    assert watched.collector.received
    assert bool(watched.filed) == (worker_count > 1)  # the counters, which stand nowhere else
    assert list(watched.home.rglob("*")) == []

    values = values_of(recognitions, specimens)
    assert len(values) > 60
    pictures = {base64.b64encode(specimens.path(Stratum.CLEAN).read_bytes()[:60]).decode()}
    secrets = {NIK, NAME, watched.key.partition(".")[2]}
    assert [text for text in values | pictures | secrets if is_in(text, evidence)] == []
