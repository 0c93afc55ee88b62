"""How this process keeps its memory: in one heap, from which whatever is freed serves whoever asks next."""

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["TAKEN_BYTES", "keep_one_heap", "kept_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Source: glibc, malloc.h."""

HEAP_COUNT = 1
"""By default each thread fills a heap of its own, up to eight a core, and what one frees is of no use to another."""

MAPPED_BYTES = 32 << 20
"""Larger blocks are mapped and unmapped by themselves; the most that glibc allows. Mapping smaller ones, images and
tensors among them, costs a page fault for each 4 KiB: 3 to 7 % of a card's CPU time with a bound of 1 MiB."""

FREE_TOP_BYTES = 64 << 20
"""What may stay free at the heap's end: about what one execution of a model takes and gives back."""


RESIDENT_FILE = Path("/proc/self/statm")


def keep_one_heap() -> bool:
    """Have all threads share one heap; to be called before there are many of them.

    Models take their tensors from it, too (`engines.embedded`), so that there is one place in the process where memory
    is kept, and it grows no further than to what was needed at one time.

    Returns:
        Whether the C library could be told; only glibc can.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    options = {M_ARENA_MAX: HEAP_COUNT, M_MMAP_THRESHOLD: MAPPED_BYTES, M_TRIM_THRESHOLD: FREE_TOP_BYTES}
    return all(set_option(option, value) == 1 for option, value in options.items())


GIVE_BACK_INTERVAL_S = 10.0
"""How often the process looks at what it holds; short beside the hours in which holes would add up."""

TAKEN_BYTES = 80 << 20
"""What a process may hold for each of its threads beyond the least that it came down to: somewhat more than full work
on images of one size takes (142 MB with two threads), so that holes reach it and work does not. A page that is given
back costs a fault when it is taken again, and a whole working set of them as much CPU time as a card: too much for
every ten seconds, and for a lone call after a pause."""


@asynccontextmanager
async def kept_memory(taken_bytes: int, give_back_interval_s: float = GIVE_BACK_INTERVAL_S) -> AsyncIterator[None]:
    """As long as the context is open, give what lies free in the heap back: at once, and when it has become much.

    By itself the C library gives back the heap's end only: holes between blocks that stay would add up, a little with
    every image of another size.

    Args:
        taken_bytes: how much the process may hold beyond the least that it came down to, until it gives back.
        give_back_interval_s: seconds from one look to the next.
    """
    giving_back = asyncio.create_task(_give_back(give_back_interval_s, taken_bytes))
    try:
        yield
    finally:
        giving_back.cancel()


async def _give_back(interval_s: float, taken_bytes: int) -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    least_bytes = -taken_bytes
    while trim is not None:
        held_bytes = _resident_bytes()
        if held_bytes - least_bytes > taken_bytes:
            await asyncio.to_thread(trim, 0)
            held_bytes = _resident_bytes()
            least_bytes = held_bytes if least_bytes < 0 else min(least_bytes, held_bytes)
        await asyncio.sleep(interval_s)


def _resident_bytes() -> int:
    """Source: Linux, proc_pid_statm(5); what has malloc_trim has this, too."""
    return int(RESIDENT_FILE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
