"""`ktp-ocr serve` with keys and certificates: what stops its start, and what it takes over while it runs."""

import signal
import time
from pathlib import Path

import grpc
import pytest

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.server_process import ServerProcess
from ktp_specimen.strata import Stratum
from tests.certificates import DAY, Authority
from tests.end_to_end.conftest import SpecimenSet, run_command, start_process


def wait_for_log(server: ServerProcess, text: str) -> None:
    """Wait until a line holds this text."""
    latest_s = time.monotonic() + 30
    while not any(text in line for line in server.log):
        assert time.monotonic() < latest_s, f"{text!r} was not logged"
        time.sleep(0.05)


def test_keys_and_certificates_of_a_process(tmp_path: Path, specimens: SpecimenSet) -> None:
    keys, authority = str(tmp_path / "keys.txt"), Authority()
    certificate, private_key = authority.issue().write(tmp_path, "server")
    key = run_command("keys", "add", "teller", "--file", keys).stdout.strip()
    server = start_process(
        *("--tls-certificate", str(certificate), "--tls-key", str(private_key), "--api-keys", keys),
        *("--http-address", "none"),
    )
    credentials = grpc.ssl_channel_credentials(authority.pair.certificate)
    with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
        stub = stubs.KtpOcrServiceStub(channel)
        request = messages.RecognizeCardRequest(image=specimens.path(Stratum.CLEAN).read_bytes())
        answer = stub.RecognizeCard(request, timeout=30, metadata=(("x-api-key", key),))
        assert answer.recognition.card.HasField("nik")
        other = run_command("keys", "add", "kiosk", "--file", keys).stdout.strip()
        assert run_command("keys", "revoke", "teller", "--file", keys).returncode == 0
        server.process.send_signal(signal.SIGHUP)
        wait_for_log(server, "API keys read anew")
        wait_for_log(server, "certificates read anew")
        assert stub.RecognizeCard(request, timeout=30, metadata=(("x-api-key", other),)).recognition.card.HasField(
            "nik"
        )
        with pytest.raises(grpc.RpcError) as caught:
            stub.RecognizeCard(request, timeout=30, metadata=(("x-api-key", key),))
        assert "UNAUTHENTICATED" in str(caught.value)
    assert server.stop() == 0
    log = "".join(server.log)
    assert [secret for secret in (key, other) if secret.partition(".")[2] in log] == []


def test_what_is_wrong_with_the_files_stops_the_start_in_one_line(tmp_path: Path) -> None:
    certificate, private_key = (str(path) for path in Authority().issue(end=-DAY).write(tmp_path, "old"))
    pair = ("--tls-certificate", certificate, "--tls-key", private_key)
    for arguments, message in (
        (pair, f"tls_certificate {certificate}: certificate has expired"),
        (("--api-keys", str(tmp_path / "none.txt")), f"api_keys {tmp_path / 'none.txt'} cannot be read"),
        (("--http-address", "0.0.0.0:0"), "http_address 0.0.0.0:0 is open to the network"),
        (("--listen", "0.0.0.0:0"), "listen_address 0.0.0.0:0 is open to the network"),
    ):
        outcome = run_command("serve", "--listen", "127.0.0.1:0", "--http-address", "127.0.0.1:0", *arguments)
        assert outcome.returncode == 2
        assert message in outcome.stderr.replace("\n", " ")
        assert "Traceback" not in outcome.stderr
