"""Cards read through a real Triton server: as the embedded engine reads them, many at a time, and through bad times."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from ktp_benchmarks.server_process import ServerProcess
from ktp_server.assembly import open_pipeline
from ktp_server.client import Endpoint, KtpOcrClient, RetryPolicy
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.engines.shared_memory import REGION_PREFIX
from ktp_server.engines.triton import TritonEngineSettings, open_triton_engine
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.model_building.samples import Sample, record_samples
from ktp_server.results import RecognitionResult
from ktp_server.settings import Settings
from ktp_specimen.generate import SpecimenSettings, write_specimens
from ktp_specimen.strata import Stratum
from ktp_specimen.truth import read_truths
from tests.end_to_end.conftest import start_process
from tests.triton.statistics import count_executions, count_requests, wait_for_requests
from tests.triton.triton_process import TritonProcess, run_triton

RECOGNITION = "ktp_text_recognition"
CALLER_COUNT = 16
CARD_COUNT = 4
SPECIMEN_SEED = 7711
SPECS = read_model_repository(find_model_repository())
TIMEOUT_S = 60.0
BACK_WITHIN_S = 30.0
"""On a quiet machine it takes a few seconds; wide, so that another load fails no test."""

both_ways = pytest.mark.parametrize("uses_shared_memory", [False, True], ids=["messages", "shared memory"])


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonProcess]:
    """A server of the three models."""
    with run_triton(find_model_repository(), tmp_path_factory.mktemp("cards")) as process:
        yield process
        # Nobody looks how it ends: killed, it does so at once.
        process.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("specimens")
    assert (
        list(write_specimens(SpecimenSettings(folder, SPECIMEN_SEED, CARD_COUNT, (Stratum.CLEAN,))))[-1] == CARD_COUNT
    )
    return [folder / truth.file for truth in read_truths(folder)]


@pytest.fixture(scope="module")
def samples(images: list[Path]) -> dict[str, list[Sample]]:
    """What the models are asked while the pictures are read in this process, and what they answer."""
    return record_samples(SPECS, "model.onnx", images)


@both_ways
async def test_models_answer_as_in_this_process(
    cards: TritonProcess, samples: dict[str, list[Sample]], uses_shared_memory: bool
) -> None:
    async with open_triton_engine(SPECS, TritonEngineSettings((cards.grpc_address,), uses_shared_memory)) as engine:
        for model, recorded in samples.items():
            assert len(recorded) >= CARD_COUNT
            for sample in recorded:
                answer = await engine.infer(model, sample.inputs)
                assert answer.tensors.keys() == sample.outputs.tensors.keys()
                for name, tensor in answer.tensors.items():
                    np.testing.assert_array_equal(tensor, sample.outputs.tensors[name])


async def test_lines_of_different_cards_share_executions(
    cards: TritonProcess, samples: dict[str, list[Sample]]
) -> None:
    """16 cards at once, each with a request for every width: Triton alone would join next to none of them."""
    lines = samples[RECOGNITION]
    cards_of_lines = [lines[caller % CARD_COUNT :: CARD_COUNT] for caller in range(CALLER_COUNT)]
    assert len({width_of(sample) for sample in cards_of_lines[0]}) > 2
    before = count_executions(cards, RECOGNITION), count_requests(cards, RECOGNITION)

    async with open_triton_engine(SPECS, TritonEngineSettings((cards.grpc_address,))) as engine:

        async def call(sample: Sample) -> None:
            answer = await engine.infer(RECOGNITION, sample.inputs)
            found, wanted = answer.tensors["log_probability"], sample.outputs.tensors["log_probability"]
            np.testing.assert_allclose(found.astype(np.float32), wanted.astype(np.float32), atol=1e-3)

        await asyncio.gather(*[call(sample) for card in cards_of_lines for sample in card])
    requests = sum(map(len, cards_of_lines))
    wait_for_requests(cards, RECOGNITION, before[1] + requests)
    assert requests >= 2 * (count_executions(cards, RECOGNITION) - before[0])


def width_of(sample: Sample) -> int:
    """Width of the lines in a request."""
    return int(sample.inputs.tensors["image"].shape[2])


async def read_cards(images: list[Path], settings: Settings) -> list[RecognitionResult]:
    async with open_pipeline(settings) as pipeline:
        return await asyncio.gather(*[pipeline.recognize(image.read_bytes()) for image in images])


async def test_cards_are_read_as_by_the_embedded_engine(cards: TritonProcess, images: list[Path]) -> None:
    remote = Settings(engine="triton", triton_addresses=(cards.grpc_address,), triton_shared_memory=True)
    through_triton = await read_cards(images, remote)
    embedded = await read_cards(images, Settings())
    for one, other in zip(through_triton, embedded, strict=True):
        assert {name: field.value for name, field in one.card.fields.items()} == {
            name: field.value for name, field in other.card.fields.items()
        }
        assert one.card.quad == other.card.quad
    assert len({result.card.fields["nik"].value for result in embedded}) == CARD_COUNT


@pytest.fixture(scope="module")
def server(cards: TritonProcess) -> Iterator[ServerProcess]:
    """`ktp-ocr serve` with its models on Triton; at its end nothing of it is left."""
    server = start_process(
        *("--engine", "triton", "--triton-addresses", cards.grpc_address, "--triton-shared-memory"),
    )
    yield server
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.log)
    assert list(Path("/dev/shm").glob(f"{REGION_PREFIX}{server.process.pid}_*")) == []


def nik_of(server: ServerProcess, image: Path) -> str | None:
    with KtpOcrClient(Endpoint(f"127.0.0.1:{server.port}"), RetryPolicy(attempt_count=1)) as client:
        return client.recognize(image.read_bytes(), TIMEOUT_S).card.fields["nik"].value


def wait_for_nik(server: ServerProcess, image: Path) -> tuple[str | None, set[ErrorReason]]:
    """Ask until there is an answer, in the time that is allowed; give what was refused with on the way."""
    reasons: set[ErrorReason] = set()
    latest_s = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            return nik_of(server, image), reasons
        except RecognitionError as error:
            reasons.add(error.reason)
            if time.monotonic() > latest_s:
                raise
            time.sleep(0.05)


def wait_for_health(server: ServerProcess, status: int) -> None:
    latest_s = time.monotonic() + BACK_WITHIN_S
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        while check(HealthCheckRequest(), timeout=5).status != status:
            assert time.monotonic() < latest_s
            time.sleep(0.05)


def test_a_recogniser_whose_process_is_killed_is_back_soon(
    cards: TritonProcess, server: ServerProcess, images: list[Path]
) -> None:
    expected = nik_of(server, images[0])
    assert expected is not None
    for process_id in cards.model_process_ids(RECOGNITION):
        os.kill(process_id, signal.SIGKILL)
    nik, reasons = wait_for_nik(server, images[0])
    assert (nik, reasons) == (expected, {ErrorReason.MODEL_UNAVAILABLE})
    wait_for_health(server, HealthCheckResponse.SERVING)


def test_health_follows_triton(cards: TritonProcess, server: ServerProcess, images: list[Path]) -> None:
    """Nobody calls meanwhile: the probes notice."""
    wait_for_health(server, HealthCheckResponse.SERVING)
    cards.stop(signal.SIGKILL)
    wait_for_health(server, HealthCheckResponse.NOT_SERVING)
    cards.start()
    wait_for_health(server, HealthCheckResponse.SERVING)
    nik, reasons = wait_for_nik(server, images[1])
    assert nik is not None
    assert reasons == set()
