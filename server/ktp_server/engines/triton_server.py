"""One Triton server as the engine sees it: its connection, whether it can be used, and calls to it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ktp_server.engines.port import FailureKind, InferenceError, TensorBatch, current_priority
from ktp_server.engines.shared_memory import Region
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.triton_contract import TRITON_DTYPE_NAMES, find_differences
from ktp_server.engines.triton_errors import is_server_fault, to_inference_error

__all__ = ["RemoteTensors", "TritonServer"]

FAULTS_UNTIL_CLOSED_COUNT = 3
"""Faults in a row after which a server gets no more calls until a probe succeeds: one may be an accident."""
PROBE_INTERVAL_S = 0.5
PROBE_DEADLINE_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RemoteTensors:
    """A request's tensors as they travel: in the message, or by the regions that hold them.

    Attributes:
        batch: the inputs.
        input_regions: region of each input that travels by shared memory, already written.
        output_regions: region for each output that travels so.
    """

    batch: TensorBatch
    input_regions: Mapping[str, Region]
    output_regions: Mapping[str, Region]


class TritonServer:
    """One address.

    Calls stop after a few faults in a row (circuit breaker); then only probes go out, and the first that succeeds opens
    the way again. A probe compares the configuration and runs every model once over an empty input: a model whose
    process died still says that it is ready. Source: Nygard 2007, Release It! (circuit breaker).
    """

    def __init__(self, address: str, specs: Mapping[str, ModelSpec], *, reloads_models: bool) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            address: host:port of the server's gRPC endpoint.
            specs: the models it must serve.
            reloads_models: ask it to load a model anew that does not answer.
        """
        self.address = address
        self.in_flight_count = 0
        self._specs = specs
        self._reloads_models = reloads_models
        self._client = InferenceServerClient(url=address)
        self._fault_count = 0
        self._usable = False
        self._probing: asyncio.Task[None] | None = None
        self._last_problem = "it was not asked yet"

    @property
    def usable(self) -> bool:
        """Whether calls may go to it."""
        return self._usable

    @property
    def last_problem(self) -> str:
        """Why it is not usable, as far as is known."""
        return self._last_problem

    async def probe(self) -> list[str]:
        """Find out whether the server serves our models, and let calls through if so.

        Returns:
            What differs from the local repository; empty if it is usable now.

        Raises:
            InferenceError: it does not answer, or a model fails.
        """
        try:
            differences = await self._compare()
            if differences:
                self._last_problem = "; ".join(differences)
                return differences
            for spec in self._specs.values():
                deadline_s = time.monotonic() + PROBE_DEADLINE_S
                await self._call(spec.name, RemoteTensors(spec.example_batch(), {}, {}), deadline_s)
        except InferenceError as error:
            self._last_problem = str(error)
            raise
        if not self._usable:
            logger.info("Triton at %s serves all models", self.address)
        self._usable, self._fault_count = True, 0
        return []

    async def infer(self, model: str, tensors: RemoteTensors, deadline_s: float | None) -> InferResult:
        """Run a model there.

        Raises:
            InferenceError: no answer.
        """
        self.in_flight_count += 1
        try:
            result = await self._call(model, tensors, deadline_s)
        finally:
            self.in_flight_count -= 1
        self._fault_count = 0
        return result

    async def register(self, region: Region) -> None:
        """Make a region known to the server.

        Raises:
            InferenceError: it cannot open the region: it does not run on this host, or refuses.
        """
        if self.address in region.registered_at:
            return
        try:
            await self._client.register_system_shared_memory(region.name, f"/{region.name}", region.size_bytes)
        except InferenceServerException as error:
            raise to_inference_error("shared memory", error) from error
        region.registered_at.add(self.address)

    async def unregister(self, name: str) -> None:
        """Let the server forget a region; a server that is gone has forgotten it."""
        with contextlib.suppress(InferenceServerException):
            await self._client.unregister_system_shared_memory(name)

    async def close(self) -> None:
        """End probes and the connection."""
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing
        await self._client.close()

    async def _call(self, model: str, tensors: RemoteTensors, deadline_s: float | None) -> InferResult:
        remaining_s = None if deadline_s is None else deadline_s - time.monotonic()
        if remaining_s is not None and remaining_s <= 0:
            raise InferenceError(FailureKind.DEADLINE, model, "the deadline passed before the call")
        try:
            return await self._client.infer(
                model,
                [_input(name, tensor, tensors) for name, tensor in tensors.batch.tensors.items()],
                outputs=self._outputs(model, tensors),
                priority=current_priority().value,
                # The server drops the request from its queue when nobody waits for the answer any more.
                timeout=None if remaining_s is None else max(1, int(remaining_s * 1e6)),
                client_timeout=remaining_s,
            )
        except InferenceServerException as error:
            if is_server_fault(error):
                self._count_fault(str(error))
            raise to_inference_error(model, error) from error

    def _outputs(self, model: str, tensors: RemoteTensors) -> list[InferRequestedOutput]:
        outputs = []
        for spec in self._specs[model].outputs:
            output = InferRequestedOutput(spec.name)
            region = tensors.output_regions.get(spec.name)
            if region is not None:
                output.set_shared_memory(region.name, region.size_bytes)
            outputs.append(output)
        return outputs

    async def _compare(self) -> list[str]:
        differences = []
        for spec in self._specs.values():
            try:
                served = await self._client.get_model_config(spec.name, client_timeout=PROBE_DEADLINE_S)
            except InferenceServerException as error:
                raise to_inference_error(spec.name, error) from error
            differences += find_differences(spec, served.config)
        return differences

    def _count_fault(self, problem: str) -> None:
        self._fault_count += 1
        if self._usable and self._fault_count >= FAULTS_UNTIL_CLOSED_COUNT:
            self._usable, self._last_problem = False, problem
            logger.warning("Triton at %s gets no calls until it answers a probe", self.address)
        if not self._usable and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self._probe_until_usable())

    def start_probing(self) -> None:
        """Probe in the background until the server is usable."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe_until_usable())

    async def _probe_until_usable(self) -> None:
        while not self._usable:
            try:
                await self.probe()
            except InferenceError as error:
                if self._reloads_models and error.model in self._specs:
                    await self._reload(error.model)
            if not self._usable:
                await asyncio.sleep(PROBE_INTERVAL_S)

    async def _reload(self, model: str) -> None:
        """Ask for a fresh process; servers that do not let clients load models refuse, and the probes go on."""
        with contextlib.suppress(InferenceServerException):
            await self._client.unload_model(model, client_timeout=PROBE_DEADLINE_S)
            await self._client.load_model(model, client_timeout=PROBE_DEADLINE_S)
            logger.warning("Triton at %s was asked to load %s anew", self.address, model)


def _input(name: str, tensor: np.typing.NDArray[np.generic], tensors: RemoteTensors) -> InferInput:
    travelling = InferInput(name, list(tensor.shape), TRITON_DTYPE_NAMES[tensor.dtype])
    region = tensors.input_regions.get(name)
    if region is None:
        travelling.set_data_from_numpy(np.ascontiguousarray(tensor))
    else:
        travelling.set_shared_memory(region.name, tensor.nbytes)
    return travelling
