"""Triton's Python backend as a thin adapter: it hands a batch to ONNX Runtime and cuts the answer up again.

For Triton builds that have no onnxruntime backend. Everything it needs to know stands in config.pbtxt beside it; the
file is copied into every model's folder, and Triton loads it in a process of its own.
"""

# Triton gives its module the classes only after it has looked at this file: annotations must not ask for them.
from __future__ import annotations

import json
import os
from pathlib import Path

# Without it ONNX Runtime's official builds send events to their maker. Source: ONNX Runtime, docs/Privacy.md.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

MODEL_FILE_NAME = "model.onnx"
THREAD_COUNT_KEY = "intra_op_thread_count"
"""The parameter that the onnxruntime backend reads too."""


class TritonPythonModel:
    """One instance of a model; Triton finds the class by its name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph.

        Args:
            args: what Triton tells of the model: its configuration as JSON, its folder and version.
        """
        config = json.loads(args["model_config"])
        self._input_names = [tensor["name"] for tensor in config["input"]]
        self._output_names = [tensor["name"] for tensor in config["output"]]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(config["parameters"][THREAD_COUNT_KEY]["string_value"])
        options.inter_op_num_threads = 1
        # Threads that spin would take the cores of the other models' processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        file = Path(args["model_repository"]) / args["model_version"] / MODEL_FILE_NAME
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Answer the requests that Triton has put into one batch; their shapes are equal but for the batch axis."""
        tensors = [[_read_input(request, name) for name in self._input_names] for request in requests]
        item_counts = [inputs[0].shape[0] for inputs in tensors]
        batch = {name: np.concatenate(parts) for name, *parts in zip(self._input_names, *tensors, strict=True)}
        try:
            outputs = self._session.run(self._output_names, batch)
        except Exception as error:  # noqa: BLE001  # ONNX Runtime's exceptions share no base class; each waiter must hear
            # Only the kind: the message may quote what the tensors hold.
            failure = f"ONNX Runtime failed ({type(error).__name__})"
            # An error object of its own for each: Triton 2.51.0 crashes as a whole when two responses share one.
            return [
                pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(failure)) for _ in requests
            ]
        bounds = np.cumsum(item_counts)[:-1]
        pieces = zip(*(np.split(np.asarray(output), bounds) for output in outputs), strict=True)
        return [
            pb_utils.InferenceResponse(output_tensors=list(map(pb_utils.Tensor, self._output_names, arrays)))
            for arrays in pieces
        ]


def _read_input(request: pb_utils.InferenceRequest, name: str) -> np.ndarray:
    array: np.ndarray = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
    return array
