"""How often each key may be used: a token bucket a key."""

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["RateLimits"]


ROUNDING = 1e-6
"""What sums of floating point numbers may lack of a token: who has waited as told must not be sent away again."""


@dataclass(slots=True)
class _Bucket:
    """Tokens, and when they were counted."""

    rate_per_s: float
    tokens: float
    counted_at_s: float


class RateLimits:
    """Spends tokens; used on the event loop only.

    A bucket fills with the key's rate and holds the tokens of one second, at least one: a burst of that size passes,
    and over any longer time the rate holds.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Start with full buckets.

        Args:
            clock_s: a clock that never goes back.
        """
        self._clock_s = clock_s
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, name: str, rate_per_s: float) -> float:
        """Take one token, if there is one.

        Args:
            name: the key's name.
            rate_per_s: its rate; another one than before holds from now on.

        Returns:
            0.0 when the token was taken, else the seconds until there will be one.
        """
        now_s, capacity = self._clock_s(), max(1.0, rate_per_s)
        bucket = self._buckets.setdefault(name, _Bucket(rate_per_s, capacity, now_s))
        grown = bucket.tokens + (now_s - bucket.counted_at_s) * bucket.rate_per_s
        bucket.rate_per_s, bucket.tokens, bucket.counted_at_s = rate_per_s, min(grown, capacity), now_s
        if bucket.tokens < 1.0 - ROUNDING:
            return (1.0 - bucket.tokens) / rate_per_s
        bucket.tokens -= 1.0
        return 0.0
