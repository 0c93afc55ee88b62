"""How this process keeps its memory: in one heap, from which whatever is freed serves whoever asks next."""

import ctypes

__all__ = ["keep_one_heap"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Source: glibc, malloc.h."""

HEAP_COUNT = 1
"""By default each thread fills a heap of its own, up to eight a core, and what one frees is of no use to another."""

MAPPED_BYTES = 32 << 20
"""Larger blocks are mapped and unmapped by themselves; the most that glibc allows. Mapping smaller ones, images and
tensors among them, costs a page fault for each 4 KiB: 3 to 7 % of a card's CPU time with a bound of 1 MiB."""

FREE_TOP_BYTES = 64 << 20
"""What may stay free at the heap's end: about what one execution of a model takes and gives back."""


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
