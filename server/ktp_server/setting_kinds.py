"""Kinds of settings' values, and the defaults that depend on the machine.

docs/configuration.md quotes the docstring of such a default. What a kind says of a wrong value never repeats it.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ktp_server.cores import count_cores
from ktp_server.listening import NOWHERE

__all__ = [
    "Address",
    "Addresses",
    "Bound",
    "Count",
    "Fraction",
    "Names",
    "OptionalAddress",
    "Url",
    "count_bulk_places",
    "count_execution_threads",
    "count_executions",
    "count_open_calls",
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


def count_open_calls() -> int:
    """16 for each core, at least 128."""  # callers that upload slowly leave room for others; 128 hold at most 2 GB
    return max(16 * count_cores(), 128)


def count_executions() -> int:
    """The number of cores, at most 2."""
    return min(count_cores(), 2)


def count_execution_threads() -> int:
    """Half the cores."""
    return max(count_cores() // 2, 1)


PORT_MAX = 65535
BOUND = re.compile(r"\d{1,10}(\.\d{1,6})? (warn|reject)")


def _check_address(given: str) -> str:
    host, _, port = given.rpartition(":")
    if not host or re.fullmatch("[0-9]{1,5}", port) is None or int(port) > PORT_MAX:
        raise ValueError("expected host:port, such as 127.0.0.1:50051")
    return given


def _check_optional_address(given: str) -> str:
    return given if given == NOWHERE else _check_address(given)


def _check_bound(given: str) -> str:
    if BOUND.fullmatch(given) is None:
        raise ValueError("expected a number, then warn or reject, such as `80 warn`")
    return given


def _check_url(given: str) -> str:
    if re.fullmatch(r"https?://[^@\s]+", given) is None:
        raise ValueError("expected a URL without a user or a password, such as http://collector:4317")
    return given


def _split_names(given: object) -> object:
    return tuple(name.strip() for name in given.split(",") if name.strip()) if isinstance(given, str) else given


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Address = Annotated[str, AfterValidator(_check_address)]
"""Where something listens: host:port."""
OptionalAddress = Annotated[str, AfterValidator(_check_optional_address)]
"""The same, or `none` for nowhere."""
Url = Annotated[str, AfterValidator(_check_url)]
Bound = Annotated[str, AfterValidator(_check_bound)]
"""A requirement: its bound, and what a failure leads to."""
Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]
"""A list of words: in flags and in the environment with commas between them, in YAML a list."""
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_split_names)]
"""A list of addresses, likewise."""
