"""Regions of system shared memory for tensors that go to a Triton server on the same host.

A region serves one request at a time. When nobody can tell whether the server still reads or writes it (the call was
cancelled or ran out of time), it is dropped instead of used again: another request's tensors must never meet it there.

Python's resource tracker, a process of its own, unlinks what is left when this process ends without cleaning up. A
server that has opened such a region keeps its memory until somebody has it unregistered: the next process does
(`KnownRegions.release_orphans`).
"""

import errno
import os
import uuid
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np

from ktp_server.engines.port import Tensor

__all__ = ["REGION_PREFIX", "Region", "RegionPool", "is_orphan"]

REGION_PREFIX = "ktp_ocr_"
SMALLEST_REGION_BYTES = 1 << 16
SPARED_SHARE = 0.25
"""Part of the host's shared memory that is left to others: Triton's Python models need it to answer at all."""
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  # where Linux shows shared memory; Triton servers run on Linux only


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region.

    Attributes:
        memory: the mapped region.
    """

    memory: SharedMemory

    @property
    def name(self) -> str:
        """Name under which servers know it: the shared memory object's own."""
        return self.memory.name

    @property
    def size_bytes(self) -> int:
        """Bytes in it."""
        return self.memory.size

    def write(self, tensor: Tensor) -> None:
        """Copy a tensor to the region's start."""
        target: Tensor = np.ndarray(tensor.shape, dtype=tensor.dtype, buffer=self.memory.buf)
        target[...] = tensor

    def read(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Tensor:
        """Copy a tensor from the region's start.

        Raises:
            TypeError: the region is too small for it.
        """
        source: Tensor = np.ndarray(shape, dtype=dtype, buffer=self.memory.buf)
        return source.copy()


class RegionPool:
    """Regions by size, made when first needed and kept; used on the event loop only."""

    def __init__(self) -> None:
        self._free: dict[int, list[Region]] = {}
        self._all: set[Region] = set()

    def take(self, size_bytes: int) -> Region:
        """Take a region of at least so many bytes.

        Raises:
            OSError: the host has no shared memory left but what is spared for others.
        """
        rounded = max(SMALLEST_REGION_BYTES, 1 << (size_bytes - 1).bit_length())
        waiting = self._free.setdefault(rounded, [])
        if waiting:
            return waiting.pop()
        region = Region(_make_memory(rounded))
        self._all.add(region)
        return region

    def give_back(self, region: Region) -> None:
        """Return a region that no server uses any more."""
        if region in self._all:
            self._free.setdefault(region.size_bytes, []).append(region)

    def drop(self, region: Region) -> None:
        """Remove a region that a server may still use: the server keeps its mapping, nobody else gets one."""
        if region not in self._all:
            return
        self._all.discard(region)
        region.memory.close()
        region.memory.unlink()

    def close(self) -> None:
        """Remove every region."""
        for region in list(self._all):
            self.drop(region)
        self._free.clear()


def is_orphan(name: str) -> bool:
    """Tell whether a name that a server knows is that of a region of ours which nobody has any more."""
    return name.startswith(REGION_PREFIX) and not (MEMORY_FOLDER / name).exists()


def _make_memory(size_bytes: int) -> SharedMemory:
    host = os.statvfs(MEMORY_FOLDER)
    if host.f_bavail * host.f_frsize - size_bytes < SPARED_SHARE * host.f_blocks * host.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    memory = SharedMemory(name=f"{REGION_PREFIX}{os.getpid()}_{uuid.uuid4().hex[:12]}", create=True, size=size_bytes)
    try:
        # Pages are given on first use, and where there are none left (a container's 64 MB) the process gets SIGBUS.
        with (MEMORY_FOLDER / memory.name).open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
    except OSError:
        memory.close()
        memory.unlink()
        raise
    return memory
