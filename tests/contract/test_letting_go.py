"""A request that fails is gone when it is answered: what it held is not left to the garbage collector."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

import grpc
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_preprocessing.errors import ImageCorrupt
from ktp_server.errors import ErrorReason, RecognitionError
from ktp_server.results import RecognitionResult
from tests.contract.conftest import serve
from tests.contract.scripted_reader import ScriptedReader
from tests.contract.test_intake import until

FAILURES: Mapping[bytes, Callable[[], Exception]] = {
    b"known": lambda: RecognitionError(ErrorReason.CARD_NOT_FOUND, "no card"),
    b"translated": lambda: ImageCorrupt("no JPEG"),
    b"unforeseen": lambda: KeyError("0"),
}


class Pixels:
    """Stands for a decoded image."""


class HoldingReader(ScriptedReader):
    """Holds an image while it works.

    Attributes:
        held: the images, as long as somebody else holds them, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: weakref.WeakSet[Pixels] = weakref.WeakSet()

    async def recognize(
        self, data: bytes, deadline_s: float | None = None, require: Collection[str] = ()
    ) -> RecognitionResult:
        """See `CardReader`."""
        pixels = Pixels()
        self.held.add(pixels)
        try:
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self._work(pixels, data, deadline_s, require))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return await work

    async def _work(
        self, pixels: Pixels, data: bytes, deadline_s: float | None, require: Collection[str]
    ) -> RecognitionResult:
        assert pixels in self.held
        if data in FAILURES:
            raise FAILURES[data]()
        return await super().recognize(data, deadline_s, require)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def calls_held() -> int:
    """Calls that this process serves, or has served and not let go."""
    return sum(type(held).__name__ == "_ServicerContext" for held in gc.get_objects())


async def send(call: Awaitable[object]) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("image", [b"BUDI", *FAILURES], ids=bytes.decode)
async def test_a_call_is_gone_when_it_is_answered(image: bytes) -> None:
    reader = HoldingReader()
    async with serve(reader) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        code = await send(stub.RecognizeCard(messages.RecognizeCardRequest(image=image)))
        assert (code is grpc.StatusCode.OK) == (image not in FAILURES)
        await until(lambda: not reader.held and not calls_held())


@pytest.mark.usefixtures("no_collector")
async def test_a_call_that_is_refused_before_it_is_read_is_gone() -> None:
    async with serve(HoldingReader()) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        request = messages.RecognizeCardRequest(request_id="\x00", image=b"BUDI")
        assert await send(stub.RecognizeCard(request)) is grpc.StatusCode.INVALID_ARGUMENT
        await until(lambda: not calls_held())


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("ends_by_deadline", [True, False], ids=["deadline", "taken back"])
async def test_a_call_that_is_cut_off_is_gone(*, ends_by_deadline: bool) -> None:
    reader = HoldingReader()
    async with serve(reader) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        call = stub.RecognizeCard(messages.RecognizeCardRequest(image=b"wait"), timeout=1.0)
        await until(lambda: bool(reader.held))
        if not ends_by_deadline:
            call.cancel()
        expected = grpc.StatusCode.DEADLINE_EXCEEDED if ends_by_deadline else grpc.StatusCode.CANCELLED
        assert await call.code() is expected
        await until(lambda: not reader.held and not calls_held())


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("image", [b"BUDI", *FAILURES], ids=bytes.decode)
async def test_an_item_is_gone_when_it_is_answered(image: bytes) -> None:
    reader = HoldingReader()
    async with serve(reader) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        stream = stub.RecognizeCards()
        await stream.write(messages.RecognizeCardsRequest(request_id="1", image=image))
        answer = await stream.read()
        assert isinstance(answer, messages.RecognizeCardsResponse)
        assert answer.HasField("error") == (image in FAILURES)
        await until(lambda: not reader.held)
        await stream.done_writing()
        assert await stream.code() is grpc.StatusCode.OK
        await until(lambda: not calls_held())


@pytest.mark.usefixtures("no_collector")
async def test_a_stream_that_is_taken_back_is_gone() -> None:
    reader = HoldingReader()
    async with serve(reader) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: stubs.KtpOcrServiceAsyncStub = stubs.KtpOcrServiceStub(channel)
        stream = stub.RecognizeCards()
        for number in range(2):
            await stream.write(messages.RecognizeCardsRequest(request_id=str(number), image=b"wait"))
        await until(lambda: len(reader.held) == 2)
        stream.cancel()
        await until(lambda: not reader.held and not calls_held())
