"""What a Triton server counts of its own work (statistics API)."""

from tritonclient.grpc import InferenceServerClient

from tests.triton.triton_process import TritonProcess

__all__ = ["count_executions", "count_inferences", "count_requests"]


def count_executions(triton: TritonProcess, model: str) -> int:
    """Executions of a model since the server started, warm-up aside."""
    return _read(triton, model)[0]


def count_inferences(triton: TritonProcess, model: str) -> int:
    """Items that went through a model since the server started."""
    return _read(triton, model)[1]


def count_requests(triton: TritonProcess, model: str) -> int:
    """Requests that were answered since the server started."""
    return _read(triton, model)[2]


def _read(triton: TritonProcess, model: str) -> tuple[int, int, int]:
    with InferenceServerClient(triton.grpc_address) as client:
        statistics = client.get_inference_statistics(model).model_stats[0]
    requests = statistics.inference_stats.success.count
    return int(statistics.execution_count), int(statistics.inference_count), int(requests)
