"""Callers who go on whatever happens, and keep account: every answer is held against what it must be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from ktp_server.engines.port import FailureKind, InferenceEngine, InferenceError, TensorBatch

__all__ = ["Account", "call_steadily"]

PAUSE_S = 0.01
PATIENCE_S = 30.0
"""How long the service may be away after what happened to it is over."""


@dataclass(slots=True)
class Account:
    """What the callers got.

    Attributes:
        answer_count: right answers.
        wrong_count: answers to another question.
        failures: the errors.
    """

    answer_count: int = 0
    wrong_count: int = 0
    failures: list[InferenceError] = field(default_factory=list)

    @property
    def failure_kinds(self) -> set[FailureKind]:
        """How the calls failed that failed."""
        return {failure.kind for failure in self.failures}

    async def wait_for_answers(self, count: int = 50, patience_s: float = PATIENCE_S) -> None:
        """Wait for so many more answers.

        Raises:
            TimeoutError: they did not come.
        """
        wanted = self.answer_count + count
        async with asyncio.timeout(patience_s):
            while self.answer_count < wanted:
                await asyncio.sleep(PAUSE_S)

    async def wait_for_failure(self) -> None:
        """Wait for one more failure.

        Raises:
            TimeoutError: it did not come.
        """
        seen = len(self.failures)
        async with asyncio.timeout(PATIENCE_S):
            while len(self.failures) == seen:
                await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def call_steadily(engine: InferenceEngine, model: str, caller_count: int = 8) -> AsyncIterator[Account]:
    """Keep so many callers busy while the context is open; each sends numbers of its own to a doubling model."""
    account, ends = Account(), asyncio.Event()

    async def call(caller: int) -> None:
        number = 0
        while not ends.is_set():
            number += 1
            values = np.full((1, 3), 10_000 * caller + number, dtype=np.float32)
            try:
                answer = await engine.infer(model, TensorBatch({"x": values}))
            except InferenceError as error:
                account.failures.append(error)
                await asyncio.sleep(PAUSE_S)
                continue
            if np.array_equal(answer.tensors["y"], 2 * values):
                account.answer_count += 1
            else:
                account.wrong_count += 1

    callers = [asyncio.create_task(call(caller)) for caller in range(caller_count)]
    try:
        await account.wait_for_answers()
        yield account
    finally:
        ends.set()
        await asyncio.gather(*callers)
