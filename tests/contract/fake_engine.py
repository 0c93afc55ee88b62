"""An engine without a runtime: what the tests of the fronts use, held to the same contract as the real ones."""

import time
from collections.abc import Callable, Mapping

from ktp_server.engines.port import FailureKind, InferenceError, Tensor, TensorBatch
from ktp_server.engines.spec import ModelSpec

Function = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


class FakeEngine:
    """Answers by Python functions, one a model."""

    def __init__(self, specs: Mapping[str, ModelSpec], functions: Mapping[str, Function]) -> None:
        self._specs = specs
        self._functions = functions

    @property
    def available(self) -> bool:
        """See `InferenceEngine.available`."""
        return True

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        """See `InferenceEngine.infer`."""
        if model not in self._functions:
            raise InferenceError(FailureKind.UNAVAILABLE, model, "no such model")
        self._specs[model].check_inputs(batch)
        if deadline_s is not None and deadline_s <= time.monotonic():
            raise InferenceError(FailureKind.DEADLINE, model, "too late")
        try:
            outputs = self._functions[model](batch.tensors)
        except IndexError as error:
            raise InferenceError(FailureKind.UNAVAILABLE, model, "the execution failed") from error
        for tensor in outputs.values():
            tensor.flags.writeable = False
        return TensorBatch(outputs)
