"""What a Triton server counts of its own work (statistics API), which it notes a moment after it has answered."""

import time

from tritonclient.grpc import InferenceServerClient

from tests.triton.triton_process import TritonProcess

__all__ = ["count_executions", "count_requests", "wait_for_requests"]

PATIENCE_S = 30.0
PAUSE_S = 0.05


def count_executions(triton: TritonProcess, model: str) -> int:
    """Executions of a model since the server started, warm-up aside."""
    return _read(triton, model)[0]


def count_requests(triton: TritonProcess, model: str) -> int:
    """Requests that were answered since the server started."""
    return _read(triton, model)[1]


def wait_for_requests(triton: TritonProcess, model: str, count: int) -> None:
    """Wait until so many answered requests are counted, and the executions they took.

    Raises:
        TimeoutError: they are not.
    """
    latest_s = time.monotonic() + PATIENCE_S
    while _read(triton, model)[1] < count:
        if time.monotonic() > latest_s:
            raise TimeoutError(f"{model} has not answered {count} requests")
        time.sleep(PAUSE_S)
    # Executions are noted after their requests.
    time.sleep(PAUSE_S)


def _read(triton: TritonProcess, model: str) -> tuple[int, int]:
    with InferenceServerClient(triton.grpc_address) as client:
        statistics = client.get_inference_statistics(model).model_stats[0]
    return int(statistics.execution_count), int(statistics.inference_stats.success.count)
