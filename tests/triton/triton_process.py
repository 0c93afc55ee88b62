"""A real Triton server: built for, started, asked whether it is ready, stopped, and cleaned up after.

The server comes with the wheel nvidia-pytriton (`make setup-triton`) and has the Python backend only, so that every
repository is built for that one first.
"""

import os
import signal
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ktp_server.model_building.building import build_repository
from ktp_server.model_building.options import BuildOptions, Platform

__all__ = [
    "WITH_QUEUE_POLICY",
    "TritonFailed",
    "TritonProcess",
    "find_free_ports",
    "find_installed_server",
    "run_triton",
]

VENV = Path(__file__).resolve().parents[2] / ".venv-triton"
SHARED_MEMORY = Path("/dev/shm")
LOG_NAME = "triton.log"
WATCH = 'read _; kill -TERM "$0"; sleep 10; kill -KILL -- "-$0"'
"""Ends a server whose starter died without a word: then its end of the pipe to this closes."""
PROBLEMS = ("E", "[libprotobuf ERROR")
"""How lines of the log begin that tell of a mistake: the second names the line of a configuration."""
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PYTHON_REPOSITORY = BuildOptions(Platform.PYTHON)
WITH_QUEUE_POLICY = BuildOptions(Platform.PYTHON, keeps_queue_policy=True)


class TritonFailed(Exception):
    """The server did not start; the message has the errors of its log."""


@dataclass(slots=True, eq=False)
class TritonProcess:
    """One server, which may be stopped and started again on the same ports.

    Attributes:
        repository: the models it serves, built for the Python backend.
        folder: for its log and its backends.
        grpc_port, http_port, metrics_port: on 127.0.0.1.
    """

    repository: Path
    folder: Path
    grpc_port: int
    http_port: int
    metrics_port: int
    _process: subprocess.Popen[bytes] | None = None
    _watcher: subprocess.Popen[bytes] | None = None
    _memory_prefix: str = field(default_factory=lambda: f"ktp_triton_{uuid.uuid4().hex[:8]}_")

    @property
    def grpc_address(self) -> str:
        """host:port for gRPC clients."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def process_id(self) -> int:
        """The server's process, which leads the session of its models' processes; 0 while it is stopped."""
        return 0 if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """What it has written since it was first started."""
        file = self.folder / LOG_NAME
        return file.read_text(errors="replace") if file.is_file() else ""

    def start(self) -> None:
        """Start and wait until every model is ready.

        Raises:
            TritonFailed: it ended or did not become ready.
        """
        home = find_installed_server()
        command = [
            str(home / "bin" / "tritonserver"),
            f"--model-repository={self.repository}",
            f"--backend-directory={_lay_out_backends(home, self.folder / 'backends')}",
            *("--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--metrics-address=127.0.0.1"),
            *(f"--grpc-port={self.grpc_port}", f"--http-port={self.http_port}", f"--metrics-port={self.metrics_port}"),
            # Clients may then load a model anew whose process died.
            *("--model-control-mode=explicit", "--load-model=*"),
            # The configurations are whole; completing them would start every model twice.
            *("--disable-auto-complete-config", "--exit-timeout-secs=5"),
            # Two servers on one host must not meet in shared memory, and what one leaves behind can be told apart.
            f"--backend-config=python,shm-region-prefix-name={self._memory_prefix}",
        ]
        environment = {
            **os.environ,
            "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": _python_library_folder(),
        }
        with (self.folder / LOG_NAME).open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        watch = ["sh", "-c", WATCH, str(self._process.pid)]
        self._watcher = subprocess.Popen(
            watch, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server and its models' processes, and remove what they leave in shared memory."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._end_watcher()
        # Its models' processes are of its group; they outlive a server that is killed.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for region in self.shared_memory():
            region.unlink(missing_ok=True)

    def shared_memory(self) -> list[Path]:
        """Regions that the server and its models' processes share."""
        return sorted(SHARED_MEMORY.glob(f"{self._memory_prefix}*"))

    def model_process_ids(self, model: str) -> list[int]:
        """Give the processes that run a model's instances."""
        return [
            process_id
            for process_id, command in _read_commands()
            if "triton_python_backend_stub" in command[0] and str(self.repository / model) in " ".join(command)
        ]

    def _end_watcher(self) -> None:
        assert self._watcher is not None
        assert self._watcher.stdin is not None
        self._watcher.kill()
        self._watcher.wait()
        self._watcher.stdin.close()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        latest_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < latest_s and self._process.poll() is None:
            if self._is_ready():
                return
            time.sleep(0.05)
        state = "did not become ready" if self._process.poll() is None else f"ended with {self._process.returncode}"
        self.stop(signal.SIGKILL)
        problems = "\n".join(line for line in self.log.splitlines() if line.startswith(PROBLEMS) or "error:" in line)
        raise TritonFailed(f"Triton {state}; {self.folder / LOG_NAME} says:\n{problems}")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/v2/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:  # refused, reset, or not ready yet
            return False


@contextmanager
def run_triton(source: Path, folder: Path, options: BuildOptions = PYTHON_REPOSITORY) -> Iterator[TritonProcess]:
    """Build a repository for the Python backend and serve it for as long as the context is open.

    Args:
        source: the repository to build from.
        folder: where the built repository, the backends and the log go.
        options: how it is built.

    Raises:
        TritonFailed: the server did not start.
    """
    build_repository(source, folder / "models", options)
    triton = TritonProcess(folder / "models", folder, *find_free_ports())
    try:
        triton.start()
        yield triton
    finally:
        triton.stop()


def find_installed_server() -> Path:
    """Give the folder of the server that the wheel brought.

    Raises:
        TritonFailed: there is none.
    """
    found = sorted(VENV.glob("lib/python3.*/site-packages/pytriton/tritonserver"))
    if not found:
        raise TritonFailed("there is no Triton server; `make setup-triton` installs it")
    return found[0]


def _lay_out_backends(home: Path, folder: Path) -> Path:
    """Put the Python backend together with the stub for the interpreter of the models' environment."""
    python = folder / "python"
    if not python.exists():
        python.mkdir(parents=True)
        version = home.parents[2].name.removeprefix("python")
        for source in (
            home / "backends" / "python" / "libtriton_python.so",
            home / "backends" / "python" / "triton_python_backend_utils.py",
            home / "python_backend_stubs" / version / "triton_python_backend_stub",
        ):
            (python / source.name).symlink_to(source)
    return folder


def _python_library_folder() -> str:
    """The folder of libpython, against which the stub is linked."""
    question = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    return subprocess.run(
        [VENV / "bin" / "python", "-c", question], check=True, capture_output=True, text=True
    ).stdout.strip()


def find_free_ports() -> tuple[int, int, int]:
    """Give ports for gRPC, HTTP and metrics."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for each in (one, two, three):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1], three.getsockname()[1]


def _read_commands() -> Iterator[tuple[int, list[str]]]:
    """Every process with its command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(folder.name), (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
