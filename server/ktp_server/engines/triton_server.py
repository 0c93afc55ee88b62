"""One Triton server as the engine sees it: its connection, whether it can be used, and calls to it."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from ktp_server.engines.circuit import Circuit
from ktp_server.engines.port import FailureKind, InferenceError, TensorBatch, current_priority
from ktp_server.engines.shared_memory import Region
from ktp_server.engines.spec import ModelSpec
from ktp_server.engines.triton_contract import TRITON_DTYPE_NAMES, count_instances, find_differences
from ktp_server.engines.triton_errors import (
    RegionUnknown,
    is_dead_process,
    is_server_fault,
    is_silence,
    to_inference_error,
)
from ktp_server.engines.triton_regions import KnownRegions
from ktp_server.engines.triton_reload import ModelReloader
from ktp_server.engines.triton_turns import ShapeTurns

__all__ = ["RemoteTensors", "TritonServer"]

LOOK_INTERVAL_S = 0.5
PROBE_DEADLINE_S = 5.0
LIFE_SIGN_DEADLINE_S = 1.0
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A server that comes back after a long while must be found within seconds; gRPC's own bound is two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)

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

    def regions(self) -> list[Region]:
        """Give all regions."""
        return [*self.input_regions.values(), *self.output_regions.values()]


class TritonServer:
    """One address.

    A task watches it for as long as it is open: it probes what is in doubt (see `Circuit`) or cannot be reached, has
    models loaded anew whose process died, and unregisters shared memory that calls left behind. A probe compares the
    configuration and runs every model once over an empty input: a model whose process died still says that it is ready.
    """

    def __init__(
        self, address: str, specs: Mapping[str, ModelSpec], *, reloads_models: bool, sample: Region | None = None
    ) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            address: host:port of the server's gRPC endpoint.
            specs: the models it must serve.
            reloads_models: ask it to load a model anew whose process died.
            sample: a region that it must be able to open, where tensors travel by shared memory.
        """
        self.address = address
        self.in_flight_count = 0
        self.looked = asyncio.Event()
        self.differences: tuple[str, ...] = ()
        self._specs = specs
        self._sample = sample
        self._client = InferenceServerClient(url=address, channel_args=CHANNEL_OPTIONS)
        self._circuit = Circuit(specs)
        self._regions = KnownRegions(self._client)
        self._turns = {name: ShapeTurns(spec.max_batch_size) for name, spec in specs.items()}
        self._reloader = ModelReloader(address, self._client) if reloads_models else None
        self._problem = ""
        self._watching: asyncio.Task[None] | None = None

    @property
    def usable(self) -> bool:
        """Whether calls may go to it."""
        return self._circuit.usable

    @property
    def problem(self) -> str:
        """Why it is not usable, as far as is known."""
        return self._problem

    def watch(self) -> None:
        """Find out whether it can be used, now and again; `looked` is set after the first time."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def infer(self, model: str, tensors: RemoteTensors, deadline_s: float | None) -> InferResult:
        """Run a model there.

        Raises:
            InferenceError: no answer.
        """
        batch = tensors.batch
        self.in_flight_count += 1
        try:
            async with self._turns[model].turn(batch.item_extents, batch.item_count, deadline_s):
                return await self._send(model, tensors, deadline_s)
        except TimeoutError as error:
            raise InferenceError(FailureKind.DEADLINE, model, "the deadline passed before its turn") from error
        finally:
            self.in_flight_count -= 1

    def leave(self, regions: Iterable[Region]) -> None:
        """Have regions unregistered once no execution uses them any more."""
        self._regions.leave(regions)

    async def close(self) -> None:
        """End the watch, unregister all shared memory, close the connection."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._regions.close()
        await self._client.close()

    async def _watch(self) -> None:
        while True:
            if self._circuit.is_doubtful or not await self._is_within_reach():
                await self._look()
                self.looked.set()
            await self._regions.sweep()
            # A server that is cut off is in doubt all the time: it is asked at intervals.
            if self.usable:
                await self._circuit.wait_for_doubt(LOOK_INTERVAL_S)
            else:
                await asyncio.sleep(LOOK_INTERVAL_S)

    async def _is_within_reach(self) -> bool:
        """Ask for a sign of life, which costs next to nothing: a server that goes while nobody calls is missed soon."""
        try:
            await self._client.is_server_live(client_timeout=LIFE_SIGN_DEADLINE_S)
        except InferenceServerException as error:
            # Who is silent may be busy: calls and heartbeats tell.
            return is_silence(error)
        return True

    async def _look(self) -> None:
        """Probe once, and let calls through or not."""
        began_s = time.monotonic()
        try:
            self.differences = tuple(await self._compare())
            if not self.differences:
                await self._try_out()
        except InferenceError as error:
            # A full queue is an answer; and a model that answers others in the meantime is busy, not gone.
            has_run_out = error.kind is FailureKind.DEADLINE
            is_busy = has_run_out and self.usable and self._circuit.has_answered_since(error.model, began_s)
            if error.kind is not FailureKind.OVERLOADED and not is_busy:
                self._cut(str(error))
            if self._reloader is not None:
                await self._reloader.reload_dead()
            return
        if self.differences:
            self._cut("; ".join(self.differences))
            return
        if not self.usable:
            logger.info("Triton at %s serves all models", self.address)
        self._problem = ""
        if self._reloader is not None:
            self._reloader.note_all_alive()
        self._circuit.restore()

    def _cut(self, problem: str) -> None:
        self._circuit.cut()
        if problem != self._problem:
            logger.warning("Triton at %s gets no calls: %s", self.address, problem)
        self._problem = problem

    async def _compare(self) -> list[str]:
        differences = []
        for spec in self._specs.values():
            try:
                served = await self._client.get_model_config(spec.name, client_timeout=PROBE_DEADLINE_S)
            except InferenceServerException as error:
                raise to_inference_error(spec.name, error) from error
            differences += find_differences(spec, served.config)
            self._turns[spec.name].set_instance_count(count_instances(served.config))
        return differences

    async def _try_out(self) -> None:
        deadline_s = time.monotonic() + PROBE_DEADLINE_S
        if self._sample is not None:
            await self._try_out_regions(self._sample, deadline_s)
        probes = [
            self._call(spec.name, RemoteTensors(spec.example_batch(), {}, {}), deadline_s)
            for spec in self._specs.values()
        ]
        # All at once, and to the end: each that died is found now, not by a later look.
        for outcome in await asyncio.gather(*probes, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _try_out_regions(self, sample: Region, deadline_s: float) -> None:
        model = next(iter(self._specs))
        self._regions.forget(sample)
        await self._introduce(model, [sample], deadline_s)
        try:
            await self._regions.release_orphans(deadline_s)
        except InferenceServerException as error:
            raise self._judge(model, error) from error

    async def _send(self, model: str, tensors: RemoteTensors, deadline_s: float | None) -> InferResult:
        await self._introduce(model, tensors.regions(), deadline_s)
        try:
            return await self._call(model, tensors, deadline_s)
        except RegionUnknown:
            self._regions.forget_all()
            await self._introduce(model, tensors.regions(), deadline_s)
            return await self._call(model, tensors, deadline_s)

    async def _introduce(self, model: str, regions: Iterable[Region], deadline_s: float | None) -> None:
        try:
            await self._regions.introduce(regions, deadline_s)
        except InferenceServerException as error:
            raise self._judge(model, error) from error

    async def _call(self, model: str, tensors: RemoteTensors, deadline_s: float | None) -> InferResult:
        remaining_s = None if deadline_s is None else deadline_s - time.monotonic()
        if remaining_s is not None and remaining_s <= 0:
            raise InferenceError(FailureKind.DEADLINE, model, "the deadline passed before the call")
        try:
            result = await self._client.infer(
                model,
                [_input(name, tensor, tensors) for name, tensor in tensors.batch.tensors.items()],
                outputs=self._outputs(model, tensors),
                priority=current_priority().value,
                # The server drops the request from its queue when nobody waits for the answer any more.
                timeout=None if remaining_s is None else max(1, int(remaining_s * 1e6)),
                client_timeout=remaining_s,
            )
        except InferenceServerException as error:
            raise self._judge(model, error) from error
        self._circuit.note_answer(model)
        return result

    def _judge(self, model: str, error: InferenceServerException) -> InferenceError:
        """Note what a failure tells of the server, and say what it means for the caller."""
        if is_silence(error):
            self._circuit.note_silence(model)
        elif is_server_fault(error):
            self._circuit.note_fault(model, is_certain=is_dead_process(error))
        if self._reloader is not None and is_dead_process(error):
            self._reloader.note_dead(model)
        return to_inference_error(model, error)

    def _outputs(self, model: str, tensors: RemoteTensors) -> list[InferRequestedOutput]:
        outputs = []
        for spec in self._specs[model].outputs:
            output = InferRequestedOutput(spec.name)
            region = tensors.output_regions.get(spec.name)
            if region is not None:
                output.set_shared_memory(region.name, region.size_bytes)
            outputs.append(output)
        return outputs


def _input(name: str, tensor: np.typing.NDArray[np.generic], tensors: RemoteTensors) -> InferInput:
    travelling = InferInput(name, list(tensor.shape), TRITON_DTYPE_NAMES[tensor.dtype])
    region = tensors.input_regions.get(name)
    if region is None:
        travelling.set_data_from_numpy(np.ascontiguousarray(tensor))
    else:
        travelling.set_shared_memory(region.name, tensor.nbytes)
    return travelling
