"""`ktp-ocr serve` as a process: start, stop, and what it leaves in its log."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from ktp.ocr.v1 import ktp_ocr_service_pb2 as messages
from ktp.ocr.v1 import ktp_ocr_service_pb2_grpc as stubs
from ktp_benchmarks.server_process import ServerProcess
from ktp_specimen.strata import Stratum
from tests.end_to_end.conftest import SpecimenSet, run_command, start_process

FREE = ("--listen", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
"""Addresses that nobody has taken, whatever else this machine runs."""


def test_health_is_serving_once_the_port_is_told() -> None:
    server = start_process()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        assert check(HealthCheckRequest(), timeout=60).status == HealthCheckResponse.SERVING
    assert server.stop() == 0


def test_interrupt_stops_cleanly() -> None:
    server = start_process()
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in "".join(server.log)


def test_hangup_reads_the_templates_anew_and_a_faulty_table_stops_the_start(tmp_path: Path) -> None:
    server = start_process("--templates", str(tmp_path))
    server.process.send_signal(signal.SIGHUP)
    deadline_s = time.monotonic() + 30
    while not any("templates read anew" in line for line in server.log) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert server.stop() == 0
    assert any("templates read anew" in line for line in server.log)
    (tmp_path / "areas.csv").write_text("code,name\n32.73,bandung\n")
    outcome = run_command("serve", *FREE, "--templates", str(tmp_path))
    assert outcome.returncode == 2
    assert "areas.csv, line 2, column name" in outcome.stderr.replace("\n", " ")
    assert "Traceback" not in outcome.stderr


def test_workers_read_cards_and_a_lost_one_is_replaced(specimens: SpecimenSet) -> None:
    server = start_process("--workers", "2")
    workers = worker_processes(server)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: sum("with 2 workers" in line for line in server.log) == 2)
    assert any("worker 1 is replaced" in line or "worker 2 is replaced" in line for line in server.log)
    image = specimens.path(Stratum.CLEAN).read_bytes()
    for _ in range(4):
        with grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            answer = stubs.KtpOcrServiceStub(channel).RecognizeCard(
                messages.RecognizeCardRequest(image=image), timeout=60
            )
        assert answer.recognition.card.nik.value == specimens.truths[Stratum.CLEAN][0].cards[0].fields["nik"]
    assert server.stop() == 0
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
    assert "Traceback" not in "".join(server.log)


def test_a_supervisor_that_is_killed_leaves_no_worker() -> None:
    server = start_process("--workers", "2")
    workers = worker_processes(server)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_a_reason_not_to_start_is_told_once_by_all_workers(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_text("code,name\n32.73,bandung\n")
    outcome = run_command("serve", *FREE, "--workers", "2", "--templates", str(tmp_path))
    assert outcome.returncode == 2
    assert outcome.stderr.count("areas.csv, line 2, column name") == 1
    assert "Traceback" not in outcome.stderr


def worker_processes(server: ServerProcess) -> list[int]:
    """The workers among a supervisor's children; the other is Python's own resource tracker."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_log_holds_no_field_value(specimens: SpecimenSet) -> None:
    server = start_process("--set", "log_level=DEBUG")
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = stubs.KtpOcrServiceStub(channel)
        image = specimens.path(Stratum.CLEAN).read_bytes()
        card = stub.RecognizeCard(messages.RecognizeCardRequest(image=image), timeout=30).recognition.card
    assert server.stop() == 0
    log = "".join(server.log)
    values = [value.value for descriptor, value in card.ListFields() if descriptor.name in {"nik", "nama", "alamat"}]
    assert len(values) == 3
    assert [value for value in values if value in log] == []


def test_taken_port_is_told_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        outcome = run_command("serve", *FREE, "--listen", address)
    assert outcome.returncode == 2
    assert f"cannot listen on {address}" in outcome.stderr.replace("\n", " ")
    assert "Traceback" not in outcome.stderr
