"""SIGTERM before the server serves: a start that waits for something gives up at once."""

import signal
import socket
import subprocess
import threading

import pytest

from ktp_benchmarks.server_process import COMMAND

WAIT_S = 600
"""How long the start would wait; the test takes a small part of that, however busy the machine is."""
END_TIMEOUT_S = 120


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_for_triton_ends_when_told_to(workers: str, how: signal.Signals) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and never listened on: no Triton answers there
        process = subprocess.Popen(
            [
                *(COMMAND, "serve", "--listen", "127.0.0.1:0", "--http-address", "none", "--workers", workers),
                *("--set", "engine=triton", "--set", f"triton_addresses=127.0.0.1:{nobody.getsockname()[1]}"),
                *("--set", f"triton_wait_s={WAIT_S}"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        log: list[str] = []
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                log.append(line)
                if "gets no calls" in line:
                    break
            process.send_signal(how)
            reading = threading.Thread(target=log.extend, args=(lines,))
            reading.start()
            try:
                status = process.wait(END_TIMEOUT_S)
            finally:
                process.kill()
                reading.join()
    text = "".join(log)
    assert status == 0, text
    assert "stopped" in text
    assert "Traceback" not in text
