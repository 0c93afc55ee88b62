"""The Triton engine: the models run on one or several Triton servers, which batch the requests of all callers.

pipeline ── infer ──▶ least busy usable server ──▶ gRPC, or shared memory where the server is on this host
                          ╰─ it is gone: the next one, while the deadline lasts
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from tritonclient.grpc import InferResult

from ktp_server.engines.port import FailureKind, InferenceError, Tensor, TensorBatch
from ktp_server.engines.repository import ModelRepositoryError
from ktp_server.engines.shared_memory import Region, RegionPool
from ktp_server.engines.spec import ModelSpec, TensorSpec
from ktp_server.engines.triton_server import RemoteTensors, TritonServer
from ktp_server.observability.observer import Observer, SilentObserver

__all__ = ["TritonEngine", "TritonEngineSettings", "open_triton_engine"]

WAIT_BETWEEN_ATTEMPTS_S = 0.5
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


@dataclass(slots=True)
class _Loan:
    """The regions of one call."""

    inputs: dict[str, Region] = field(default_factory=dict)
    outputs: dict[str, Region] = field(default_factory=dict)

    def regions(self) -> list[Region]:
        return [*self.inputs.values(), *self.outputs.values()]


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
        self._servers = [
            TritonServer(address, self._specs, reloads_models=settings.reloads_models) for address in settings.addresses
        ]
        self._regions = RegionPool()
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
        latest_s = time.monotonic() + self._settings.patience_s
        while True:
            problems = await asyncio.gather(*[_problem(server) for server in self._servers])
            differences = [problem for problem in problems if problem is not None and problem.is_final]
            if differences:
                raise ModelRepositoryError("; ".join(problem.message for problem in differences))
            if self.available:
                break
            if time.monotonic() >= latest_s:
                found = "; ".join(problem.message for problem in problems if problem is not None)
                raise ModelRepositoryError(f"no Triton server within {self._settings.patience_s:.0f} s: {found}")
            await asyncio.sleep(WAIT_BETWEEN_ATTEMPTS_S)
        for server in self._servers:
            if not server.usable:
                server.start_probing()

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
        for server in self._servers:
            for name in self._regions.names_at(server.address):
                await server.unregister(name)
            await server.close()
        self._regions.close()

    def _least_busy(self, tried: set[str]) -> TritonServer | None:
        candidates = [server for server in self._servers if server.usable and server.address not in tried]
        return min(candidates, key=lambda server: server.in_flight_count, default=None)

    async def _infer_at(
        self, server: TritonServer, model: str, batch: TensorBatch, deadline_s: float | None
    ) -> TensorBatch:
        started_s = time.monotonic()
        if not self._settings.uses_shared_memory:
            result = await server.infer(model, RemoteTensors(batch, {}, {}), deadline_s)
            answer = self._collect(model, batch, result, {})
        else:
            answer = await self._infer_by_regions(server, model, batch, deadline_s)
        self._observer.batch_executed(model, batch.item_count, time.monotonic() - started_s)
        return answer

    async def _infer_by_regions(
        self, server: TritonServer, model: str, batch: TensorBatch, deadline_s: float | None
    ) -> TensorBatch:
        loan, finished = self._borrow(model, batch), False
        try:
            for region in loan.regions():
                await server.register(region)
            result = await server.infer(model, RemoteTensors(batch, loan.inputs, loan.outputs), deadline_s)
            answer = self._collect(model, batch, result, loan.outputs)
            finished = True
        except InferenceError as error:
            # A refusal is an answer: the server is done with the regions. Silence is none.
            finished = error.kind in (FailureKind.OVERLOADED, FailureKind.INVALID)
            raise
        finally:
            for region in loan.regions():
                (self._regions.give_back if finished else self._regions.retire)(region)
        return answer

    def _borrow(self, model: str, batch: TensorBatch) -> _Loan:
        """Put the inputs into regions; outputs get theirs once their shape is known from an earlier answer."""
        loan = _Loan()
        for name, tensor in batch.tensors.items():
            loan.inputs[name] = self._regions.take(tensor.nbytes)
            loan.inputs[name].write(tensor)
        known = self._known_outputs.get((model, _item_extents(batch)))
        if known is not None:
            for spec in self._specs[model].outputs:
                size_bytes = batch.item_count * int(np.prod(known[spec.name])) * spec.dtype.itemsize
                loan.outputs[spec.name] = self._regions.take(size_bytes)
        return loan

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
            (model, _item_extents(batch)), {name: output.shape[1:] for name, output in outputs.items()}
        )
        return TensorBatch(outputs)


def _item_extents(batch: TensorBatch) -> tuple[int, ...]:
    """Extents of one item of every input, in a row."""
    return tuple(extent for name in sorted(batch.tensors) for extent in batch.tensors[name].shape[1:])


def _read_output(model: str, spec: TensorSpec, result: InferResult, region: Region | None) -> Tensor:
    if region is not None:
        described = result.get_output(spec.name)
        if described is None:
            raise InferenceError(FailureKind.UNAVAILABLE, model, f"output {spec.name} is missing in the answer")
        return region.read(tuple(int(extent) for extent in described.shape), spec.dtype)
    array = result.as_numpy(spec.name)
    if array is None or array.dtype != spec.dtype:
        raise InferenceError(FailureKind.UNAVAILABLE, model, f"output {spec.name} is missing in the answer")
    return np.array(array)


@dataclass(frozen=True, slots=True)
class _Problem:
    message: str
    is_final: bool


async def _problem(server: TritonServer) -> _Problem | None:
    if server.usable:
        return None
    try:
        differences = await server.probe()
    except InferenceError as error:
        return _Problem(f"{server.address}: {error}", is_final=False)
    return _Problem(f"{server.address}: {'; '.join(differences)}", is_final=True) if differences else None
