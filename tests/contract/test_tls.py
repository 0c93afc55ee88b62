"""TLS and mutual TLS at a real server, and certificates that change while it serves."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from ktp_server.front.app import start_server
from ktp_server.security.errors import SecurityError
from ktp_server.settings import Settings
from tests.certificates import DAY, Authority, Pair
from tests.contract.guarded_server import GuardedServer, code_of, new_key, read_one, run_guarded
from tests.contract.scripted_reader import ScriptedReader

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@dataclass(frozen=True)
class Files:
    """A server's files, and the authority that signed them."""

    folder: Path
    authority: Authority

    def settings(self, *, mutual: bool = False) -> Settings:
        """Serve with them."""
        return Settings(
            listen_address="127.0.0.1:0",
            tls_certificate=self.folder / "server.pem",
            tls_key=self.folder / "server.key",
            tls_client_ca=self.folder / "clients.pem" if mutual else None,
        )

    def exchange(self, authority: Authority) -> None:
        """Put another authority's certificate into their place."""
        authority.issue().write(self.folder, "server")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path, Authority())
    files.exchange(files.authority)
    (tmp_path / "clients.pem").write_bytes(files.authority.pair.certificate)
    return files


@asynccontextmanager
async def connect(
    server: GuardedServer, authority: Authority, own: Pair | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of its own connection that believes one authority, and may show a certificate."""
    credentials = grpc.ssl_channel_credentials(
        authority.pair.certificate, own.key if own else None, own.certificate if own else None
    )
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(server.target, credentials, options) as channel:
        yield channel


async def test_calls_travel_by_tls(files: Files) -> None:
    async with run_guarded(files.settings()) as server, connect(server, files.authority) as channel:
        assert await read_one(channel) == "A"


async def test_plaintext_does_not_get_in(files: Files) -> None:
    async with run_guarded(files.settings()) as server:
        async with grpc.aio.insecure_channel(server.target) as channel:
            assert await code_of(channel) == UNAVAILABLE
        async with connect(server, files.authority) as channel:
            assert await code_of(channel) == grpc.StatusCode.OK
        assert server.reader.started.total() == 1


async def test_a_caller_that_believes_another_authority_turns_away(files: Files) -> None:
    async with run_guarded(files.settings()) as server, connect(server, Authority()) as channel:
        assert await code_of(channel) == UNAVAILABLE


async def test_mutual_tls_lets_in_who_shows_a_certificate(files: Files) -> None:
    async with (
        run_guarded(files.settings(mutual=True)) as server,
        connect(server, files.authority, files.authority.issue("caller")) as channel,
    ):
        assert await read_one(channel) == "A"


@pytest.mark.parametrize("kind", ["none", "foreign", "expired", "self-signed"])
async def test_mutual_tls_keeps_others_out(files: Files, kind: str) -> None:
    own = {
        "none": None,
        "foreign": Authority().issue("caller"),
        "expired": files.authority.issue("caller", end=-DAY),
        "self-signed": Authority("caller").pair,
    }[kind]
    async with run_guarded(files.settings(mutual=True)) as server:
        async with connect(server, files.authority, own) as channel:
            assert await code_of(channel) == UNAVAILABLE
        assert server.reader.started.total() == 0


async def test_keys_are_asked_for_beside_tls(files: Files, tmp_path: Path) -> None:
    key = new_key(tmp_path / "keys.txt")
    settings = files.settings().model_copy(update={"api_keys": tmp_path / "keys.txt"})
    async with run_guarded(settings) as server, connect(server, files.authority) as channel:
        assert await code_of(channel) == grpc.StatusCode.UNAUTHENTICATED
        assert await code_of(channel, (("x-api-key", key),)) == grpc.StatusCode.OK


async def test_a_certificate_is_exchanged_while_serving(files: Files) -> None:
    following = Authority()
    async with run_guarded(files.settings()) as server, connect(server, files.authority) as standing:
        assert await code_of(standing) == grpc.StatusCode.OK
        files.exchange(following)
        async with connect(server, following) as channel:
            assert await code_of(channel) == grpc.StatusCode.OK
        async with connect(server, files.authority) as channel:
            assert await code_of(channel) == UNAVAILABLE
        assert await code_of(standing) == grpc.StatusCode.OK


async def test_the_callers_authority_is_exchanged_while_serving(files: Files) -> None:
    following = Authority()
    async with run_guarded(files.settings(mutual=True)) as server:
        async with connect(server, files.authority, files.authority.issue("caller")) as channel:
            assert await code_of(channel) == grpc.StatusCode.OK
        (files.folder / "clients.pem").write_bytes(following.pair.certificate)
        async with connect(server, files.authority, following.issue("caller")) as channel:
            assert await code_of(channel) == grpc.StatusCode.OK
        async with connect(server, files.authority, files.authority.issue("caller")) as channel:
            assert await code_of(channel) == UNAVAILABLE


async def test_a_faulty_exchange_leaves_the_certificate_in_use(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    async with run_guarded(files.settings()) as server:
        (files.folder / "server.pem").write_bytes(Authority().issue().certificate)
        with caplog.at_level(logging.ERROR):
            for _ in range(2):
                async with connect(server, files.authority) as channel:
                    assert await code_of(channel) == grpc.StatusCode.OK
    assert caplog.text.count("the certificates stay as they were: tls_key") == 1


async def test_a_server_does_not_start_with_an_expired_certificate(files: Files) -> None:
    files.authority.issue(end=-DAY).write(files.folder, "server")
    with pytest.raises(SecurityError, match=r"server\.pem: certificate has expired"):
        await start_server(ScriptedReader(), files.settings())
