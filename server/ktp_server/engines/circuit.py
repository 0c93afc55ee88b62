"""Whether calls may go to one server (circuit breaker): pure state, no connection.

    unknown ── restore ──▶ usable ── faults of one model in a row, or a certain one ──▶ cut ── restore ──▶ usable
                             ╰─ silence, or nothing heard for long: doubt; a probe decides

Faults count for each model: the others' answers say nothing of the one that is gone.
Source: Nygard 2007, Release It!, circuit breaker.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable

__all__ = ["Circuit"]

FAULTS_UNTIL_CUT_COUNT = 3
"""Faults in a row after which a server gets no more calls: one may be an accident."""
SILENCE_S = 2.0
"""A call that ran out of time casts doubt on the server only if the model has not answered anybody for so long."""
HEARTBEAT_INTERVAL_S = 10.0
"""A model that nobody has heard of for so long is to be asked: an idle server must not look healthy for ever."""


class Circuit:
    """What is known of one server."""

    def __init__(self, models: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet: no calls.

        Args:
            models: names of the models that the server must serve.
            clock: seconds that only grow.
        """
        self._clock = clock
        self._answered_s = dict.fromkeys(models, float("-inf"))
        self._fault_counts: Counter[str] = Counter()
        self._is_usable = False
        self._doubt = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether calls may go to the server."""
        return self._is_usable

    @property
    def is_doubtful(self) -> bool:
        """Whether the server must be probed before it is believed."""
        return not self._is_usable or self._doubt.is_set() or self._longest_quiet_s() >= HEARTBEAT_INTERVAL_S

    def has_answered_since(self, model: str, moment_s: float) -> bool:
        """Tell whether a model has answered anybody after a moment on the clock."""
        return self._answered_s.get(model, float("-inf")) > moment_s

    def note_answer(self, model: str) -> None:
        """A model answered."""
        self._answered_s[model] = self._clock()
        self._fault_counts.pop(model, None)

    def note_fault(self, model: str, *, is_certain: bool = False) -> None:
        """A call failed by the server's fault.

        Args:
            model: the model that was called.
            is_certain: it will fail again, so that there is no need to try.
        """
        self._fault_counts[model] += 1
        if is_certain or self._fault_counts[model] >= FAULTS_UNTIL_CUT_COUNT:
            self.cut()

    def note_silence(self, model: str) -> None:
        """A call got no answer in its time, which may be the fault of its short time."""
        if self._clock() - self._answered_s[model] >= SILENCE_S:
            self._doubt.set()

    def cut(self) -> None:
        """Let no more calls through."""
        self._is_usable = False
        self._doubt.set()

    def restore(self) -> None:
        """Let calls through: a probe has found everything well."""
        self._is_usable = True
        self._fault_counts.clear()
        self._doubt.clear()

    async def wait_for_doubt(self, timeout_s: float) -> None:
        """Wait until there is doubt, at most so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._doubt.wait()
        except TimeoutError:
            return

    def _longest_quiet_s(self) -> float:
        return self._clock() - min(self._answered_s.values())
