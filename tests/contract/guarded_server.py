"""A real server over a scripted reader with keys and certificates, and callers of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.rpc import error_details_pb2, status_pb2

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_server.front.app import RunningServer, start_server
from ktp_server.front.interceptors import STATUS_DETAILS_KEY
from ktp_server.security.api_keys import make_api_key
from ktp_server.security.key_file import add_key
from ktp_server.settings import Settings
from tests.contract.scripted_reader import ScriptedReader

TIMEOUT_S = 10.0
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class GuardedServer:
    """A server and what it reads with."""

    running: RunningServer
    reader: ScriptedReader

    @property
    def target(self) -> str:
        """Its address, by the name in the certificates."""
        return f"localhost:{self.running.port}"


@asynccontextmanager
async def run_guarded(settings: Settings) -> AsyncIterator[GuardedServer]:
    """Serve with these settings for as long as the context is open."""
    reader = ScriptedReader()
    running = await start_server(reader, settings)
    try:
        yield GuardedServer(running, reader)
    finally:
        reader.release.set()
        await running.drain(1.0)


def new_key(path: Path, name: str = "teller", rate_per_s: float | None = None) -> str:
    """Put a new key into a file and give what its caller shows."""
    presented, key = make_api_key(name, rate_per_s)
    add_key(path, key)
    return presented


async def read_one(channel: grpc.aio.Channel, metadata: Metadata = (), image: bytes = b"A") -> str:
    """Read one image; give the name on it."""
    request = messages.RecognizeCardRequest(image=image)
    response = await stubs.KtpOcrServiceStub(channel).RecognizeCard(request, timeout=TIMEOUT_S, metadata=metadata)
    return response.recognition.card.nama.value


async def code_of(channel: grpc.aio.Channel, metadata: Metadata = ()) -> grpc.StatusCode:
    """Give the status of reading one image."""
    try:
        await read_one(channel, metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def details_of(error: grpc.aio.AioRpcError) -> tuple[str, float | None]:
    """Give the reason and the advised delay in seconds of a failure of ours."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
                detail.Unpack(retry)
    delay = retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None
    return info.reason, delay
