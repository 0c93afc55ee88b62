"""Keys over HTTP: a stranger is refused before his image is read, also by a gateway before a server elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ktp_server.client import Endpoint
from ktp_server.gateway.life import run_gateway
from ktp_server.gateway.upstream import Target
from ktp_server.observability.session import open_observability
from ktp_server.security.api_keys import make_api_key
from ktp_server.security.key_file import add_key
from tests.contract.conftest import serve
from tests.contract.gateway.conftest import SETTINGS, changed, open_bench, validate
from tests.contract.gateway.test_apis import ASSESS, FORM, JOBS, RECOGNIZE, send_form
from tests.contract.gateway.test_bounds import IMAGE, head
from tests.contract.scripted_reader import ScriptedReader

PATHS = (JOBS, FORM, RECOGNIZE, ASSESS)
HUGE_BYTES = 100_000_000


def upload(path: str, *lines: str) -> bytes:
    """The head of a request whose body is of the API's own type."""
    kind = "application/x-www-form-urlencoded" if path == FORM else "image/jpeg"
    head = (f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", "X-API-Key: shop.wrong", *lines, "", "")
    return "\r\n".join(head).encode()


async def answer_to(port: int, data: bytes) -> bytes:
    """Send bytes as they are; give the head of the answer, which comes before the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    writer.close()
    return head


@asynccontextmanager
async def guarded_port(keys: Path, *, apart: bool) -> AsyncIterator[int]:
    """A gateway's port: in the server's own process, or before a server of which it knows nothing."""
    if not apart:
        async with open_bench(changed(api_keys=keys)) as bench:
            yield bench.port
        return
    with open_observability(SETTINGS) as observability:
        async with (
            serve(ScriptedReader(), changed(api_keys=keys)) as server,
            run_gateway(SETTINGS, Target(Endpoint(server.address)), observability) as gateway,
        ):
            yield gateway.port


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    add_key(tmp_path / "keys.txt", make_api_key("shop")[1])
    return tmp_path / "keys.txt"


@pytest.mark.parametrize("apart", [False, True])
async def test_a_wrong_key_is_refused_before_the_body_is_read(keys: Path, *, apart: bool) -> None:
    async with guarded_port(keys, apart=apart) as port:
        for path in PATHS:
            promised = await answer_to(port, upload(path, f"Content-Length: {HUGE_BYTES}"))  # and nothing follows
            assert promised.startswith(b"HTTP/1.1 401")
            assert b"x-charged: no" in promised
            endless = upload(path, "Transfer-Encoding: chunked") + b"1\r\nx\r\n"
            assert (await answer_to(port, endless)).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("apart", [False, True])
async def test_a_huge_body_with_a_wrong_key_is_answered_while_it_is_sent(keys: Path, *, apart: bool) -> None:
    """The caller sends until it hears something; of 100 MB little has left it by then."""
    async with guarded_port(keys, apart=apart) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(upload(RECOGNIZE, f"Content-Length: {HUGE_BYTES}"))
        answering = asyncio.create_task(reader.readline())
        sent_bytes = 0
        while not answering.done() and sent_bytes < HUGE_BYTES:
            writer.write(bytes(2**16))
            await writer.drain()
            sent_bytes += 2**16
        assert (await answering).startswith(b"HTTP/1.1 401")
        assert sent_bytes < HUGE_BYTES
        writer.close()


async def test_a_server_that_asks_for_no_key_is_served_through_a_gateway_apart() -> None:
    with open_observability(SETTINGS) as observability:
        async with (
            serve(ScriptedReader()) as server,
            run_gateway(SETTINGS, Target(Endpoint(server.address)), observability) as gateway,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", verify=False) as http,
        ):
            assert (await http.post(RECOGNIZE, content=b"A", headers=IMAGE)).status_code == 200


async def test_keys_are_asked_for_but_not_by_probes(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    secret, key = make_api_key("shop", 0.001)
    add_key(keys, key)
    async with open_bench(changed(api_keys=keys)) as bench:
        refused: list[Mapping[str, str]] = [{}, {"X-API-Key": "shop.wrong"}, {"Authorization": "Bearer shop.wrong"}]
        for headers in [*refused, {"Authorization": f"Basic {secret}"}]:
            answer = await bench.http.post(JOBS, content=b"A", headers={**IMAGE, **headers})
            assert (answer.status_code, answer.headers["x-charged"]) == (401, "no")
            validate(answer.json(), "job_failure")
            assert "WWW-Authenticate" in answer.headers
        odd = [(b"Content-Type", b"image/png"), (b"X-API-Key", "shop.é".encode("latin-1"))]
        assert (await bench.http.post(JOBS, content=b"A", headers=odd)).status_code == 401
        form = await send_form(bench, b"A")
        assert (form.status_code, form.json()["status"]) == (401, "INVALID_REQUEST")
        refused_early = await answer_to(bench.port, head("Content-Length: 100"))  # and nothing follows
        assert refused_early.startswith(b"HTTP/1.1 401")
        assert not bench.reader.started
        granted = await bench.http.post(JOBS, content=b"A", headers={**IMAGE, "X-API-Key": secret})
        assert granted.status_code == 200
        limited = await bench.http.post(JOBS, content=b"A", headers={**IMAGE, "Authorization": f"bearer {secret}"})
        assert (limited.status_code, limited.headers["x-error-reason"]) == (429, "RATE_LIMITED")
        assert int(limited.headers["retry-after"]) > 100
        for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
            assert (await bench.http.get(path)).status_code == 200
