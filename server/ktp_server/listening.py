"""Where a front listens, and what keeps it from it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ListenError", "private_socket"]


class ListenError(Exception):
    """The address cannot be listened on."""


@contextmanager
def private_socket() -> Iterator[str]:
    """Give a gRPC address that only processes of this user can reach: a unix socket in a folder of mode 0700."""
    with tempfile.TemporaryDirectory(prefix="ktp-ocr-") as folder:
        yield f"unix:{Path(folder, 'grpc.sock')}"
