"""Where a front listens, and what keeps it from it."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["NOWHERE", "ListenError", "bind_address", "private_socket", "reserve_port"]

NOWHERE = "none"
"""The address of what shall not listen."""


class ListenError(Exception):
    """The address cannot be listened on."""


@contextmanager
def private_socket() -> Iterator[str]:
    """Give a gRPC address that only processes of this user can reach: a unix socket in a folder of mode 0700."""
    with tempfile.TemporaryDirectory(prefix="ktp-ocr-") as folder:
        yield f"unix:{Path(folder, 'grpc.sock')}"


def bind_address(address: str, *, is_shared: bool) -> socket.socket:
    """Take an address.

    Args:
        address: host:port; port 0 takes a free one.
        is_shared: whether other processes take it, too (SO_REUSEPORT), and share what comes.

    Raises:
        ListenError: the address is taken or not ours.
    """
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if is_shared else socket.SO_REUSEADDR, 1)
            bound.bind(place)
        except OSError:
            bound.close()
            raise
    except (OSError, OverflowError) as error:
        raise ListenError(f"cannot listen on {address}: is the port taken?") from error
    return bound


@contextmanager
def reserve_port(address: str) -> Iterator[str]:
    """Hold a port for several processes that will listen on it by SO_REUSEPORT.

    Args:
        address: host:port; port 0 takes a free one, and `NOWHERE` holds nothing.

    Yields:
        The address with its port.

    Raises:
        ListenError: the address is taken or not ours.
    """
    if address == NOWHERE:
        yield address
        return
    # Bound without SO_REUSEPORT first: it fails where another server listens, instead of sharing its port.
    with bind_address(address, is_shared=False) as probe:
        resolved = f"{address.rpartition(':')[0]}:{probe.getsockname()[1]}"
    with bind_address(resolved, is_shared=True):
        yield resolved
