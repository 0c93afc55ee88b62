"""A call that is late or taken back stops its work wherever it is: at a model, before a thread, between two stages."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import grpc
import numpy as np
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.engines.port import TensorBatch
from ktp_server.front.app import start_server
from ktp_server.models import CardModels
from ktp_server.pipeline import Pipeline
from ktp_server.settings import Settings
from ktp_server.stages import CpuWorkers
from tests.contract.card_oracle import draw_card, oracle
from tests.contract.test_pipeline import QUAD, RULES, SPECS

P = ParamSpec("P")
T = TypeVar("T")

CARD = draw_card(QUAD)


@dataclass
class HeldEngine:
    """Knows the card, and keeps whoever asks for one of its models waiting until it is released.

    Attributes:
        held: name of that model.
        calls: models that were asked, in order.
        deadlines_s: what they were told.
        cancelled: models whose call was given up.
    """

    held: str = ""
    calls: list[str] = field(default_factory=list)
    deadlines_s: list[float | None] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    available: bool = True

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        self.calls.append(model)
        self.deadlines_s.append(deadline_s)
        if model == self.held:
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled.append(model)
                raise
        return await oracle(SPECS, [np.array(QUAD)]).infer(model, batch, deadline_s)


class CountingWorkers(CpuWorkers):
    """Notes which functions really ran."""

    def __init__(self, worker_count: int) -> None:
        super().__init__(worker_count)
        self.ran: list[str] = []

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def noted() -> T:
            self.ran.append(function.__name__)
            return function(*args, **kwargs)

        return await super().run(noted)


@dataclass(frozen=True)
class Bench:
    """A real server over the real pipeline, with one thread, and the stub that calls it."""

    engine: HeldEngine
    workers: CountingWorkers
    stub: "stubs.KtpOcrServiceAsyncStub"  # a name of the type stubs only


@asynccontextmanager
async def serving(held: str = "") -> AsyncIterator[Bench]:
    engine, workers = HeldEngine(held), CountingWorkers(1)
    settings = Settings(listen_address="127.0.0.1:0")
    server = await start_server(Pipeline(CardModels.build(engine, SPECS), workers, RULES), settings)
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Bench(engine, workers, stubs.KtpOcrServiceStub(channel))
    engine.release.set()
    await server.drain(5.0)
    workers.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20.0):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_undisturbed_call_is_answered() -> None:
    async with serving() as bench:
        answer = await bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=CARD))
    assert answer.recognition.card.nama.value == "SITI AMINAH"
    assert bench.workers.ran[0] == "prepare_image"
    assert bench.workers.ran[-2:] == ["cut_lines", "read_fields"]


async def test_a_deadline_reaches_the_model_and_nothing_follows_it() -> None:
    async with serving(held="ktp_text_detection") as bench:
        latest_s = time.monotonic() + 8.0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=CARD), timeout=8.0)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: bench.engine.cancelled == ["ktp_text_detection"])
        # The default would be 22 s later.
        assert [-1.0 < (told or 0.0) - latest_s < 10.0 for told in bench.engine.deadlines_s] == [True, True]
        bench.engine.release.set()
        await asyncio.sleep(0.1)
        assert bench.engine.calls == ["ktp_segmentation", "ktp_text_detection"]
        assert bench.workers.ran[-1] == "align_card"


async def test_a_cancelled_call_leaves_its_model_and_nothing_follows_it() -> None:
    async with serving(held="ktp_segmentation") as bench:
        call = bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=CARD))
        waiting = asyncio.ensure_future(call)
        await until(lambda: bench.engine.calls == ["ktp_segmentation"])
        waiting.cancel()
        await until(lambda: bench.engine.cancelled == ["ktp_segmentation"])
        bench.engine.release.set()
        await asyncio.sleep(0.1)
        assert bench.workers.ran == ["prepare_image"]


@pytest.mark.parametrize("taken_back", [False, True], ids=["late", "cancelled"])
async def test_work_that_waits_for_a_thread_is_dropped(*, taken_back: bool) -> None:
    async with serving() as bench:
        gate = threading.Event()
        occupying = asyncio.create_task(bench.workers.run(gate.wait, 30.0))
        call = asyncio.ensure_future(
            bench.stub.RecognizeCard(messages.RecognizeCardRequest(image=CARD), timeout=30.0 if taken_back else 0.5)
        )
        await asyncio.sleep(0.5)
        if taken_back:
            call.cancel()
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
            await call
        await asyncio.sleep(0.1)
        gate.set()
        await occupying
        assert await bench.workers.run(str, 1) == "1"
        assert bench.workers.ran == ["wait", "str"]
        assert bench.engine.calls == []
