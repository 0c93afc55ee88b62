"""Regions: what was written is read, none is shared, none is left."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ktp_server.engines.port import Tensor
from ktp_server.engines.shared_memory import REGION_PREFIX, RegionPool, is_orphan


def left_behind() -> list[Path]:
    return list(Path("/dev/shm").glob(f"{REGION_PREFIX}{os.getpid()}_*"))


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.float32, np.int64]), arrays.array_shapes(min_dims=1, max_dims=4, max_side=8)
    )
)
def test_what_was_written_is_read(tensor: Tensor) -> None:
    pool = RegionPool()
    region = pool.take(tensor.nbytes)
    region.write(tensor)
    np.testing.assert_array_equal(region.read(tensor.shape, tensor.dtype), tensor)
    pool.close()
    assert left_behind() == []


def test_orphans_are_regions_of_ours_that_nobody_has() -> None:
    pool = RegionPool()
    region = pool.take(1)
    assert not is_orphan(region.name)
    pool.close()
    assert is_orphan(region.name)
    assert not is_orphan("somebody_elses")


def test_a_region_that_was_given_back_is_used_again() -> None:
    pool = RegionPool()
    first = pool.take(100_000)
    assert first.size_bytes >= 100_000
    assert pool.take(100_000) is not first
    pool.give_back(first)
    assert pool.take(90_000) is first
    pool.close()


def test_a_dropped_region_is_never_seen_again() -> None:
    pool = RegionPool()
    region = pool.take(1)
    pool.drop(region)
    assert left_behind() == []
    pool.give_back(region)
    assert pool.take(1) is not region
    pool.close()


def test_a_region_too_small_for_the_answer_is_an_error() -> None:
    pool = RegionPool()
    region = pool.take(1)
    with pytest.raises(TypeError):
        region.read((region.size_bytes + 1,), np.dtype(np.uint8))
    pool.close()


def test_full_memory_is_an_error_that_leaves_nothing() -> None:
    """A tenth more than there is: found out when the region is made, not by SIGBUS when it is written."""
    room = os.statvfs("/dev/shm")
    pool = RegionPool()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        pool.take(int(1.1 * room.f_blocks * room.f_frsize))
    pool.close()
    assert left_behind() == []


@pytest.mark.parametrize(("free_count", "is_given"), [(250, False), (265, False), (266, True)])
def test_a_quarter_of_the_hosts_memory_is_left_to_others(
    monkeypatch: pytest.MonkeyPatch, free_count: int, is_given: bool
) -> None:
    """Of 1000 blocks of 4 KiB: a region of 64 KiB takes 16."""
    host = os.statvfs_result((4096, 4096, 1000, free_count, free_count, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: host)
    pool = RegionPool()
    with nullcontext() if is_given else pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        pool.take(1)
    pool.close()
    assert left_behind() == []
