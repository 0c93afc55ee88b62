"""Kinds of settings' values, and the defaults that depend on the machine.

docs/configuration.md quotes the docstring of such a default.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from ktp_server.cores import count_cores

__all__ = [
    "Bound",
    "Count",
    "Fraction",
    "Names",
    "count_bulk_places",
    "count_execution_threads",
    "count_executions",
    "count_places",
    "count_threads",
]


def count_threads() -> int:
    """The cores that the process may use."""
    return count_cores()


def count_places() -> int:
    """2 for each core."""  # measured: that keeps the cores busy, and more only makes each call wait
    return 2 * count_cores()


def count_bulk_places() -> int:
    """1 more than the cores."""  # likewise
    return count_cores() + 1


def count_executions() -> int:
    """The number of cores, at most 2."""
    return min(count_cores(), 2)


def count_execution_threads() -> int:
    """Half the cores."""
    return max(count_cores() // 2, 1)


def _split_names(given: object) -> object:
    return tuple(name.strip() for name in given.split(",") if name.strip()) if isinstance(given, str) else given


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Bound = Annotated[str, Field(pattern=r"^\d{1,10}(\.\d{1,6})? (warn|reject)$")]
"""A requirement: its bound, and what a failure leads to."""
Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]
"""A list of words: in flags and in the environment with commas between them, in YAML a list."""
