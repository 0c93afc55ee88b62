"""New templates by SIGHUP while a real server is at work: no call is lost, and a faulty table changes nothing."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_postprocessing.knowledge import CardKnowledge
from ktp_postprocessing.tables import TemplateError
from ktp_preprocessing.requirements import RequirementRules
from ktp_server.cards import CardSelection
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.front.app import start_server
from ktp_server.line_reading import ReadingRules
from ktp_server.models import CardModels
from ktp_server.pipeline import Pipeline, PipelineRules
from ktp_server.reload import TemplateReloader
from ktp_server.settings import Settings
from ktp_server.stages import CpuWorkers
from ktp_server.steps import CardRules
from tests.contract.card_oracle import draw_card, oracle

QUAD = np.array([[180.0, 190.0], [1010.0, 150.0], [1040.0, 680.0], [150.0, 700.0]])
IMAGE = draw_card(QUAD)
HEADER = "printed,meaning,card\n"
CALLS_AT_A_TIME = 4


@pytest.fixture
async def pipeline() -> AsyncIterator[Pipeline]:
    specs = read_model_repository(find_model_repository())
    rules = PipelineRules(
        image=RequirementRules(),
        card=CardRules(CardSelection(0.5, 0.8), RequirementRules()),
        reading=ReadingRules(CardKnowledge.load(), 0.02),
    )
    workers = CpuWorkers(2)
    yield Pipeline(CardModels.build(oracle(specs, [QUAD]), specs), workers, rules)
    workers.close()


@pytest.fixture
async def stub(pipeline: Pipeline, tmp_path: Path) -> AsyncIterator["stubs.KtpOcrServiceAsyncStub"]:
    """A server that reads `tmp_path` on SIGHUP."""
    server = await start_server(pipeline, Settings(listen_address="127.0.0.1:0"))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, TemplateReloader(pipeline, tmp_path).request)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield stubs.KtpOcrServiceStub(channel)
    loop.remove_signal_handler(signal.SIGHUP)
    await server.drain(1.0)


async def read_occupation(stub: "stubs.KtpOcrServiceAsyncStub") -> str:
    answer = await stub.RecognizeCard(messages.RecognizeCardRequest(image=IMAGE), timeout=60)
    assert answer.recognition.card.pekerjaan.value == "KARYAWAN SWASTA"
    return answer.recognition.card.normalised.occupation


async def test_templates_change_under_load_without_losing_a_call(
    stub: "stubs.KtpOcrServiceAsyncStub", tmp_path: Path
) -> None:
    """Callers keep asking until each has seen the new table; a lost call would raise."""
    table = tmp_path / "occupations.csv"
    seen: list[str] = []

    async def call() -> None:
        while (occupation := await read_occupation(stub)) != "WIRASWASTA":
            seen.append(occupation)

    callers = [asyncio.create_task(call()) for _ in range(CALLS_AT_A_TIME)]
    while len(seen) < CALLS_AT_A_TIME:
        await asyncio.sleep(0.01)
    table.write_text(HEADER + "KARYAWAN SWASTA,WIRASWASTA,wni\n")
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(60):
        await asyncio.gather(*callers)
    assert set(seen) == {"KARYAWAN SWASTA"}


async def test_a_faulty_table_keeps_the_old_ones_and_is_logged(
    stub: "stubs.KtpOcrServiceAsyncStub", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "occupations.csv").write_text(HEADER + "KARYAWAN SWASTA,WIRASWASTA,someone\n")
    with caplog.at_level(logging.INFO):
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(30):
            while "the templates stay as they were" not in caplog.text:
                await asyncio.sleep(0.01)
    assert "occupations.csv, line 2, column card: expected wni, wna or both" in caplog.text
    assert await read_occupation(stub) == "KARYAWAN SWASTA"


async def test_reloads_that_overlap_end_with_the_newest_tables(pipeline: Pipeline, tmp_path: Path) -> None:
    reloader = TemplateReloader(pipeline, tmp_path)
    (tmp_path / "religions.csv").write_text("wrong")
    first = asyncio.create_task(reloader.reload())
    second = asyncio.create_task(reloader.reload())
    assert await first is False
    (tmp_path / "religions.csv").write_text(HEADER)
    await second
    assert await reloader.reload() is True


def test_a_faulty_table_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "religions.csv").write_text("wrong")
    with pytest.raises(TemplateError, match=r"religions\.csv, line 1"):
        CardKnowledge.open(tmp_path)
