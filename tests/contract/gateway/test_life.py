"""The gateway's life: readiness, keys, TLS, where it listens, what it tells, how it drains."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ktp_server.client import Endpoint
from ktp_server.gateway.life import run_gateway
from ktp_server.gateway.upstream import Target, Upstream
from ktp_server.listening import ListenError
from ktp_server.observability.session import open_observability
from ktp_server.security.errors import SecurityError
from tests.certificates import Authority
from tests.contract.gateway.conftest import SETTINGS, GatewayBench, changed, open_bench
from tests.contract.gateway.test_apis import FORM, RECOGNIZE
from tests.contract.gateway.test_bounds import IMAGE, head

PERSONAL = "SITI AMINAH"
NOWHERE = Endpoint("127.0.0.1:1")


async def test_readiness_follows_the_servers_health(bench: GatewayBench) -> None:
    assert (await bench.http.get("/readyz")).status_code == 200
    await bench.server.report(serving=False)
    assert (await bench.http.get("/readyz")).status_code == 503
    assert (await bench.http.get("/healthz")).status_code == 200
    await bench.server.report(serving=True)
    assert (await bench.http.get("/readyz")).status_code == 200


async def test_gateway_without_its_server_is_alive_but_not_ready() -> None:
    settings = changed(http_address="127.0.0.1:0")
    with open_observability(settings) as observability:
        async with (
            run_gateway(settings, Target(NOWHERE), observability) as gateway,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", verify=False) as http,
        ):
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/readyz")).status_code == 503
            answer = await http.post(RECOGNIZE, content=b"A", headers=IMAGE)
            assert (answer.status_code, answer.headers["x-error-reason"]) == (503, "MODEL_UNAVAILABLE")
            assert answer.headers["x-charged"] == "no"


async def until_refused(port: int) -> None:
    """Wait until nobody listens; a connection that comes in that very moment is reset."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await asyncio.sleep(0.01)


async def test_drain_finishes_what_was_accepted_even_half_an_upload() -> None:
    async def finish() -> None:
        await until_refused(bench.port)
        half_sent[1].write(b"DI")
        assert (await half_sent[0].read()).startswith(b"HTTP/1.1 200")
        bench.reader.release.set()
        assert (await in_work[0].read()).startswith(b"HTTP/1.1 200")

    async with open_bench(changed(http_read_timeout_s=30.0, drain_grace_s=30.0)) as bench:
        half_sent, in_work = [await asyncio.open_connection("127.0.0.1", bench.port) for _ in range(2)]
        half_sent[1].write(head("Content-Length: 4") + b"BU")
        in_work[1].write(head("Content-Length: 4") + b"wait")
        while not bench.reader.started[b"wait"]:
            await asyncio.sleep(0.01)
        finishing = asyncio.create_task(finish())
    await finishing
    for _, writer in (half_sent, in_work):
        writer.close()


async def test_drain_ends_with_its_grace_whatever_is_in_work() -> None:
    async with open_bench(changed(drain_grace_s=1.0)) as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(head("Content-Length: 4") + b"wait")
        while not bench.reader.started[b"wait"]:
            await asyncio.sleep(0.01)
    # The context was left although nobody let the work go on.
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"the server is stopping" in answer
    writer.close()


async def test_tls_is_spoken_and_certificates_are_exchanged_while_it_serves(tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    certificate, key = old.issue().write(tmp_path, "server")
    async with open_bench(changed(tls_certificate=certificate, tls_key=key)) as bench:
        assert await ask_over_tls(bench.port, old) == 200
        with pytest.raises(httpx.HTTPError):
            await bench.http.get("/healthz")  # without TLS
        with pytest.raises(httpx.ConnectError):
            await ask_over_tls(bench.port, new)
        new.issue().write(tmp_path, "server")
        assert await ask_over_tls(bench.port, new) == 200
        certificate.write_bytes(b"a slip of the pen")
        assert await ask_over_tls(bench.port, new) == 200


async def test_mutual_tls_lets_nobody_in_without_a_certificate(tmp_path: Path) -> None:
    ours, foreign = Authority("ours"), Authority("foreign")
    certificate, key = ours.issue().write(tmp_path, "server")
    client_ca = tmp_path / "ca.pem"
    client_ca.write_bytes(ours.pair.certificate)
    settings = changed(tls_certificate=certificate, tls_key=key, tls_client_ca=client_ca)
    stranger = foreign.issue("stranger").write(tmp_path, "stranger")
    late = ours.issue("late", end=timedelta(days=-1)).write(tmp_path, "late")
    friend = ours.issue("friend").write(tmp_path, "friend")
    async with open_bench(settings) as bench:
        for shown in (None, stranger, late):
            with pytest.raises(httpx.HTTPError):
                await ask_over_tls(bench.port, ours, shown)
        assert await ask_over_tls(bench.port, ours, friend) == 200


@pytest.mark.parametrize(("target", "settings"), [(Target(NOWHERE), {}), (Target(NOWHERE), {"api_keys": "k"})])
async def test_strangers_are_kept_out_by_default(target: Target, settings: Mapping[str, object]) -> None:
    settings_ = changed(http_address="0.0.0.0:0", **settings)
    with (
        open_observability(SETTINGS) as observability,
        pytest.raises(SecurityError, match=r"http_address 0\.0\.0\.0:0"),
    ):
        async with run_gateway(settings_, target, observability):
            pass


async def test_known_callers_and_insecure_open_the_port() -> None:
    known, anyone = Target(NOWHERE, asks_for_keys=True), Target(NOWHERE)
    with open_observability(SETTINGS) as observability:
        async with run_gateway(changed(http_address="0.0.0.0:0"), known, observability) as gateway:
            assert gateway.port
        async with run_gateway(changed(http_address="0.0.0.0:0", insecure=True), anyone, observability) as gateway:
            assert gateway.port


async def test_taken_port_is_told(bench: GatewayBench) -> None:
    settings = changed(http_address=f"127.0.0.1:{bench.port}")
    with (
        open_observability(settings) as observability,
        pytest.raises(ListenError, match="http_address can be another"),
    ):
        async with run_gateway(settings, Target(NOWHERE), observability):
            pass


async def test_metrics_count_what_never_became_a_call(bench: GatewayBench) -> None:
    await bench.http.post(FORM, content=b"SITI", headers={"Content-Type": "text/plain"})
    await bench.http.get("/SITI")
    answer = await bench.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert f'route="{FORM}"' in answer.text
    assert 'route="unknown"' in answer.text
    assert "ktp_ocr_http_requests_total" in answer.text
    assert "SITI" not in answer.text


async def test_callers_who_leave_are_counted_as_such(bench: GatewayBench) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await bench.http.post(RECOGNIZE, content=b"wait", headers=IMAGE, timeout=0.5)
    counted = f'ktp_ocr_http_requests_total{{method="POST",route="{RECOGNIZE}",status="0"}} 1.0'
    async with asyncio.timeout(20.0):
        while counted not in (await bench.http.get("/metrics")).text:
            await asyncio.sleep(0.01)


async def test_unforeseen_failure_tells_a_reference_and_nothing_else(
    bench: GatewayBench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError(PERSONAL)

    monkeypatch.setattr(Upstream, "recognize", fail)
    monkeypatch.setattr(Upstream, "is_ready", fail)
    with caplog.at_level(logging.DEBUG):
        for answer in (
            await bench.http.post(RECOGNIZE, content=b"A", headers=IMAGE),
            await bench.http.get("/readyz"),  # a route with no shape of its own for failures
        ):
            assert (answer.status_code, answer.headers["x-error-reason"]) == (500, "INTERNAL")
            reference = answer.json()["error"]["message"].rsplit(" ", 1)[-1]
            assert reference in caplog.text
            assert "SITI" not in answer.text
    assert "RuntimeError" in caplog.text
    assert "SITI" not in caplog.text


async def test_request_ids_are_echoed_or_made_up(bench: GatewayBench) -> None:
    given = await bench.http.get("/nowhere", headers={"X-Request-Id": "mine 1"})
    assert given.headers["x-request-id"] == "mine 1"
    made = [await bench.http.get("/healthz", headers={"X-Request-Id": odd}) for odd in ("", "x" * 129, "a\tb")]
    ids = {answer.headers["x-request-id"] for answer in made}
    assert len(ids) == 3
    assert all(len(each) == 32 for each in ids)


async def test_headers_for_browsers(bench: GatewayBench) -> None:
    for path in ("/healthz", "/nowhere", "/docs", "/docs/style.css", "/openapi.json"):
        headers = (await bench.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


async def ask_over_tls(port: int, authority: Authority, shown: tuple[Path, Path] | None = None) -> int:
    """Ask for /healthz, believing one authority; give the status."""
    context = ssl.create_default_context(cadata=authority.pair.certificate.decode())
    if shown is not None:
        context.load_cert_chain(*shown)
    async with httpx.AsyncClient(verify=context) as http:
        return (await http.get(f"https://localhost:{port}/healthz")).status_code
