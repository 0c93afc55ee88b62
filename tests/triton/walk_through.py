"""`make triton`: a specimen read by our server, its models on a real Triton server; afterwards nothing is left.

specimen ── gRPC ──▶ ktp-ocr serve ── gRPC, shared memory ──▶ tritonserver ──▶ a process for each model
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from ktp_server.demonstration import bundled_specimen
from ktp_server.engines.repository import find_model_repository, read_model_repository
from ktp_server.engines.shared_memory import REGION_PREFIX
from tests.end_to_end.conftest import run_command, start_process
from tests.triton.triton_process import SHARED_MEMORY, TritonProcess, run_triton


def walk_through(console: Console, folder: Path) -> bool:
    """Do it all once.

    Args:
        console: is told of each step.
        folder: for the built repository and Triton's log.

    Returns:
        Whether the card was read, both servers ended well, and nothing is left.
    """
    console.print("building the model repository for Triton's Python backend, starting Triton")
    with run_triton(find_model_repository(), folder) as triton:
        console.print(f"Triton is ready on {triton.grpc_address}; starting ktp-ocr")
        server = start_process(
            "--engine", "triton", "--triton-addresses", triton.grpc_address, "--triton-shared-memory"
        )
        console.print(f"ktp-ocr is ready on 127.0.0.1:{server.port}; sending the specimen")
        answer = run_command("call", "--target", f"127.0.0.1:{server.port}", str(bundled_specimen()))
        console.print(answer.stdout + answer.stderr, highlight=False, markup=False)
        processes = {server.process.pid, triton.process_id, *model_processes(triton)}
        server_status = server.stop()
    left = [*(f"process {number}" for number in sorted(processes) if Path(f"/proc/{number}").exists())]
    left += [f"shared memory {path.name}" for path in [*triton.shared_memory(), *regions_of(server.process.pid)]]
    console.print(f"ktp-ocr ended with status {server_status}")
    console.print(f"left behind: {', '.join(left) or 'nothing, neither processes nor shared memory'}")
    return answer.returncode == 0 and server_status == 0 and not left


def model_processes(triton: TritonProcess) -> Iterator[int]:
    """Give the processes of all models."""
    for model in read_model_repository(triton.repository):
        yield from triton.model_process_ids(model)


def regions_of(process_id: int) -> list[Path]:
    """Give the shared memory of one of our servers."""
    return sorted(SHARED_MEMORY.glob(f"{REGION_PREFIX}{process_id}_*"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        sys.exit(0 if walk_through(Console(), Path(name)) else 1)
