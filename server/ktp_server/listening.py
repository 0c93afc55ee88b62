"""Where a front listens, and what keeps it from it."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ListenError", "private_socket", "reserve_port"]


class ListenError(Exception):
    """The address cannot be listened on."""


@contextmanager
def private_socket() -> Iterator[str]:
    """Give a gRPC address that only processes of this user can reach: a unix socket in a folder of mode 0700."""
    with tempfile.TemporaryDirectory(prefix="ktp-ocr-") as folder:
        yield f"unix:{Path(folder, 'grpc.sock')}"


@contextmanager
def reserve_port(address: str) -> Iterator[str]:
    """Hold a port for several processes that will listen on it by SO_REUSEPORT.

    Args:
        address: host:port; port 0 takes a free one.

    Yields:
        The address with its port.

    Raises:
        ListenError: the address is taken or not ours.
    """
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        # Bound without SO_REUSEPORT first: it fails where another server listens, instead of sharing its port.
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            place = probe.getsockname()
        held = socket.socket(family, kind, protocol)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(place)
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: is the port taken?") from error
    with held:
        yield f"{host}:{place[1]}"
