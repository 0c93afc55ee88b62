"""`ktp-ocr demo`: one card through a real server on this machine, as a table and as an annotated picture."""

import asyncio
from importlib.resources import files
from pathlib import Path

from ktp_server.annotate import write_annotated
from ktp_server.client import AsyncKtpOcrClient, Endpoint
from ktp_server.errors import RecognitionError
from ktp_server.front.app import run_server
from ktp_server.outcomes import FileOutcome
from ktp_server.settings import Settings

__all__ = ["bundled_specimen", "demonstrate"]

TIMEOUT_S = 60.0


def bundled_specimen() -> Path:
    """Give the path of the specimen card that comes with the package."""
    return Path(str(files("ktp_server").joinpath("data", "specimen.jpg")))


async def demonstrate(image: Path, picture: Path, settings: Settings) -> FileOutcome:
    """Start a server on a free port, send it an image over gRPC, and write the annotated picture.

    Args:
        image: the image file.
        picture: where the annotated picture is written; its suffix chooses the format. Only written on success.
        settings: the server's settings; the address is replaced.

    Raises:
        OSError: a file cannot be read or written.
    """
    data = await asyncio.to_thread(image.read_bytes)
    local = settings.model_copy(update={"listen_address": "127.0.0.1:0", "drain_grace_s": 1.0})
    async with run_server(local) as server, AsyncKtpOcrClient(Endpoint(f"127.0.0.1:{server.port}")) as client:
        try:
            result = await client.recognize(data, TIMEOUT_S)
        except RecognitionError as error:
            return FileOutcome(image, error=error)
    await asyncio.to_thread(write_annotated, picture, data, result)
    return FileOutcome(image, result=result)
