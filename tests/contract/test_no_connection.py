"""A client without a connection says why, and finds files that are no PEM before it calls."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ktp_server.client import AsyncKtpOcrClient, CallError, Endpoint, RetryPolicy
from ktp_server.errors import ErrorReason
from tests.certificates import Authority, encrypt_key
from tests.contract.conftest import SETTINGS, serve
from tests.contract.scripted_reader import ScriptedReader

NEVER = RetryPolicy(attempt_count=1)


class Place:
    """A server with TLS, its authority's file, another's, and what a caller of it would show."""

    def __init__(self, folder: Path) -> None:
        authority, other = Authority(), Authority("other")
        self.ca, self.other_ca = folder / "ca.pem", folder / "other.pem"
        self.ca.write_bytes(authority.pair.certificate)
        self.other_ca.write_bytes(other.pair.certificate)
        self.certificate, self.key = authority.issue().write(folder, "server")
        self.misnamed = authority.issue("elsewhere").write(folder, "elsewhere")
        self.foreign = other.issue().write(folder, "foreign")
        self.locked = encrypt_key(authority.issue()).write(folder, "locked")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@asynccontextmanager
async def speaking_http() -> AsyncIterator[int]:
    """A port on which something speaks HTTP/1."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def reason_of(endpoint: Endpoint) -> str:
    """What a call says."""
    async with AsyncKtpOcrClient(endpoint, NEVER) as client:
        with pytest.raises(CallError) as caught:
            await client.recognize(b"A")
    assert caught.value.reason is ErrorReason.MODEL_UNAVAILABLE
    return caught.value.message


async def test_a_server_with_tls(place: Place) -> None:
    tls = {"tls_certificate": place.certificate, "tls_key": place.key}
    async with serve(ScriptedReader(), SETTINGS.model_copy(update=tls)) as server:
        address = f"127.0.0.1:{server.port}"
        assert "its certificate does not hold" in await reason_of(Endpoint(address, place.other_ca))
        assert "it may ask for TLS" in await reason_of(Endpoint(address))


async def test_a_server_with_another_name(place: Place) -> None:
    tls = {"tls_certificate": place.misnamed[0], "tls_key": place.misnamed[1]}
    async with serve(ScriptedReader(), SETTINGS.model_copy(update=tls)) as server:
        assert "is for another name" in await reason_of(Endpoint(f"127.0.0.1:{server.port}", place.ca))


async def test_a_server_that_asks_for_certificates(place: Place) -> None:
    tls = {"tls_certificate": place.certificate, "tls_key": place.key, "tls_client_ca": place.ca}
    async with serve(ScriptedReader(), SETTINGS.model_copy(update=tls)) as server:
        address = f"127.0.0.1:{server.port}"
        for endpoint in (Endpoint(address, place.ca), Endpoint(address, place.ca, *place.foreign)):
            assert "a certificate of the caller's" in await reason_of(endpoint)


async def test_a_server_without_tls(place: Place) -> None:
    async with serve(ScriptedReader()) as server:
        assert "without TLS" in await reason_of(Endpoint(f"127.0.0.1:{server.port}", place.ca))


async def test_a_server_without_grpc() -> None:
    async with speaking_http() as port:
        assert "speaks HTTP/1" in await reason_of(Endpoint(f"127.0.0.1:{port}"))


def test_files_that_are_no_pem_are_named(place: Place, tmp_path: Path) -> None:
    words = tmp_path / "words.pem"
    words.write_text("no certificate")
    with pytest.raises(ValueError, match=r"tls_ca .*words\.pem holds no PEM certificate"):
        Endpoint("localhost:1", words).credentials()
    for certificate, key in ((place.certificate, words), (place.certificate, place.foreign[1]), place.locked):
        with pytest.raises(ValueError, match=rf"tls_key {key} is no PEM key .* tls_certificate {certificate}$"):
            Endpoint("localhost:1", place.ca, certificate, key).credentials()
    with pytest.raises(OSError, match=r"none\.pem"):
        Endpoint("localhost:1", place.ca, place.certificate, tmp_path / "none.pem").credentials()


async def test_the_command_line_keeps_grpcs_own_lines_quiet(place: Place, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"A")
    script = "import sys; from ktp_server.cli import main; sys.argv[0] = 'ktp-ocr'; main()"
    tls = {"tls_certificate": place.certificate, "tls_key": place.key}
    async with serve(ScriptedReader(), SETTINGS.model_copy(update=tls)) as server:
        flags = ("--target", f"127.0.0.1:{server.port}", "--tls-ca", str(place.other_ca), "--timeout", "3")
        command = [sys.executable, "-c", script, "call", str(tmp_path / "photo.jpg"), *flags]
        run = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "photo.jpg" in run.stdout
    assert run.stderr == ""
