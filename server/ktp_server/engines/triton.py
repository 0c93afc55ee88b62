"""The Triton engine: the models run on one or several Triton servers, which batch the requests of all callers.

pipeline ── infer ──▶ least busy usable server ──▶ gRPC, or shared memory where the server is on this host
                          ╰─ it is gone: the next one, while the deadline lasts
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from tritonclient.grpc import InferResult

from ktp_server.engines.port import FailureKind, InferenceError, Tensor, TensorBatch
from ktp_server.engines.repository import ModelRepositoryError
from ktp_server.engines.shared_memory import Region, RegionPool
from ktp_server.engines.spec import ModelSpec, TensorSpec
from ktp_server.engines.triton_server import RemoteTensors, TritonServer
from ktp_server.observability.observer import Observer, SilentObserver

__all__ = ["TritonEngine", "TritonEngineSettings", "open_triton_engine"]

WAIT_BETWEEN_LOOKS_S = 0.1
OutputShapes = dict[str, tuple[int, ...]]
"""Shape of one item of each output."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TritonEngineSettings:
    """Where the servers are and how to talk to them.

    Attributes:
        addresses: host:port of each server's gRPC endpoint; all serve the same models.
        uses_shared_memory: tensors travel by system shared memory; every server must run on this host.
        reloads_models: ask a server to load a model anew whose process died.
        patience_s: how long the start waits for the first server.
    """

    addresses: tuple[str, ...]
    uses_shared_memory: bool = False
    reloads_models: bool = True
    patience_s: float = 60.0


@asynccontextmanager
async def open_triton_engine(
    specs: Mapping[str, ModelSpec], settings: TritonEngineSettings, observer: Observer | None = None
) -> AsyncIterator["TritonEngine"]:
    """Connect, and let go of everything at the end, whatever happened.

    Raises:
        ModelRepositoryError: no server came up in time, or what they serve differs from the local repository.
    """
    engine = TritonEngine(specs, settings, observer)
    try:
        await engine.connect()
        yield engine
    finally:
        await engine.close()


class TritonEngine:
    """An `InferenceEngine` over Triton servers."""

    def __init__(
        self, specs: Mapping[str, ModelSpec], settings: TritonEngineSettings, observer: Observer | None = None
    ) -> None:
        """Prepare; `connect` does the rest.

        Args:
            specs: the local repository's models by name: the contract that every server is held to.
            settings: where the servers are.
            observer: is told of refused work.
        """
        self._specs = dict(specs)
        self._settings = settings
        self._observer = observer or SilentObserver()
        self._regions = RegionPool()
        sample = self._regions.take(1) if settings.uses_shared_memory else None
        self._servers = [
            TritonServer(address, self._specs, reloads_models=settings.reloads_models, sample=sample)
            for address in settings.addresses
        ]
        self._known_outputs: dict[tuple[str, tuple[int, ...]], OutputShapes] = {}

    @property
    def available(self) -> bool:
        """Whether at least one server can be used."""
        return any(server.usable for server in self._servers)

    async def connect(self) -> None:
        """Wait until a server serves our models; the others are looked for in the background.

        Raises:
            ModelRepositoryError: see `open_triton_engine`.
        """
        for server in self._servers:
            server.watch()
        try:
            async with asyncio.timeout(self._settings.patience_s):
                await asyncio.gather(*[server.looked.wait() for server in self._servers])
                while not self.available and not self._differences():  # noqa: ASYNC110  # the first of several servers
                    await asyncio.sleep(WAIT_BETWEEN_LOOKS_S)
        except TimeoutError as error:
            found = "; ".join(f"{server.address}: {server.problem or 'no answer'}" for server in self._servers)
            message = f"no Triton server can be used within {self._settings.patience_s:.0f} s: {found}"
            raise ModelRepositoryError(message) from error
        if differences := self._differences():
            raise ModelRepositoryError(differences)

    async def infer(self, model: str, batch: TensorBatch, deadline_s: float | None = None) -> TensorBatch:
        """Run a model; see `InferenceEngine.infer`."""
        if model not in self._specs:
            raise InferenceError(FailureKind.UNAVAILABLE, model, "the repository holds no such model")
        self._specs[model].check_inputs(batch)
        tried: set[str] = set()
        failure = InferenceError(FailureKind.UNAVAILABLE, model, "no Triton server can be used")
        while (server := self._least_busy(tried)) is not None:
            tried.add(server.address)
            try:
                return await self._infer_at(server, model, batch, deadline_s)
            except InferenceError as error:
                if error.kind is FailureKind.OVERLOADED:
                    self._observer.work_refused(model)
                # Another server may do what this one cannot; an inference changes nothing, so that twice is harmless.
                if error.kind not in (FailureKind.UNAVAILABLE, FailureKind.OVERLOADED):
                    raise
                failure = error
        raise failure

    async def close(self) -> None:
        """Unregister and remove all shared memory, close the connections."""
        try:
            await asyncio.gather(*[server.close() for server in self._servers])
        finally:
            self._regions.close()

    def _differences(self) -> str:
        return "; ".join(f"{server.address}: {found}" for server in self._servers for found in server.differences)

    def _least_busy(self, tried: set[str]) -> TritonServer | None:
        candidates = [server for server in self._servers if server.usable and server.address not in tried]
        return min(candidates, key=lambda server: server.in_flight_count, default=None)

    async def _infer_at(
        self, server: TritonServer, model: str, batch: TensorBatch, deadline_s: float | None
    ) -> TensorBatch:
        tensors = self._prepare(model, batch)
        has_ended = False
        try:
            result = await server.infer(model, tensors, deadline_s)
            answer = self._collect(model, batch, result, tensors.output_regions)
            has_ended = True
        except InferenceError as error:
            # A refusal is an answer: the server is done with the regions. Silence is none.
            has_ended = error.kind in (FailureKind.OVERLOADED, FailureKind.INVALID)
            raise
        finally:
            self._release(tensors.regions(), can_be_reused=has_ended)
        return answer

    def _prepare(self, model: str, batch: TensorBatch) -> RemoteTensors:
        """Put the inputs into regions, where there is room; outputs get theirs once their shape is known."""
        inputs: dict[str, Region] = {}
        outputs: dict[str, Region] = {}
        if not self._settings.uses_shared_memory:
            return RemoteTensors(batch, inputs, outputs)
        try:
            for name, tensor in batch.tensors.items():
                inputs[name] = self._regions.take(tensor.nbytes)
                inputs[name].write(tensor)
            for name, size_bytes in self._output_sizes(model, batch).items():
                outputs[name] = self._regions.take(size_bytes)
        except OSError as error:
            self._release([*inputs.values(), *outputs.values()], can_be_reused=True)
            logger.warning("shared memory is full (%s): tensors travel in messages", error.strerror)
            return RemoteTensors(batch, {}, {})
        return RemoteTensors(batch, inputs, outputs)

    def _release(self, regions: Sequence[Region], *, can_be_reused: bool) -> None:
        for region in regions:
            if can_be_reused:
                self._regions.give_back(region)
            else:
                self._regions.drop(region)
        if not can_be_reused:
            for server in self._servers:
                server.leave(regions)

    def _output_sizes(self, model: str, batch: TensorBatch) -> dict[str, int]:
        """Bytes of each output, if an earlier answer to such inputs has told its shape."""
        known = self._known_outputs.get((model, batch.item_extents), {})
        return {
            spec.name: batch.item_count * math.prod(known[spec.name]) * spec.dtype.itemsize
            for spec in self._specs[model].outputs
            if spec.name in known
        }

    def _collect(
        self, model: str, batch: TensorBatch, result: InferResult, regions: Mapping[str, Region]
    ) -> TensorBatch:
        outputs: dict[str, Tensor] = {}
        for spec in self._specs[model].outputs:
            output = _read_output(model, spec, result, regions.get(spec.name))
            if output.shape[0] != batch.item_count or not spec.accepts(output.shape[1:]):
                raise InferenceError(FailureKind.UNAVAILABLE, model, f"output {spec.name} came as {output.shape}")
            output.flags.writeable = False
            outputs[spec.name] = output
        self._known_outputs.setdefault(
            (model, batch.item_extents), {name: output.shape[1:] for name, output in outputs.items()}
        )
        return TensorBatch(outputs)


def _read_output(model: str, spec: TensorSpec, result: InferResult, region: Region | None) -> Tensor:
    if region is not None:
        described = result.get_output(spec.name)
        shape = () if described is None else tuple(int(extent) for extent in described.shape)
        if not shape or math.prod(shape) * spec.dtype.itemsize > region.size_bytes:
            raise InferenceError(FailureKind.UNAVAILABLE, model, f"output {spec.name} is missing in the answer")
        return region.read(shape, spec.dtype)
    array = result.as_numpy(spec.name)
    if array is None or array.dtype != spec.dtype:
        raise InferenceError(FailureKind.UNAVAILABLE, model, f"output {spec.name} is missing in the answer")
    return np.array(array)
