"""Cores as a container has them."""

import os
from pathlib import Path

import pytest

from ktp_server.cores import count_cores

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("99900000 100000", ALLOWED),
        ("max 100000", ALLOWED),
        ("what is this", ALLOWED),
        ("", ALLOWED),
        ("1 0", ALLOWED),
    ],
)
def test_the_control_groups_grant_counts(tmp_path: Path, limit: str, count: int) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    assert count_cores(tmp_path) == count


@pytest.mark.parametrize(("quota", "count"), [("100000\n", 1), ("-1\n", ALLOWED)])
def test_the_grant_of_an_older_kernel_counts(tmp_path: Path, quota: str, count: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert count_cores(tmp_path) == count


def test_without_a_control_group_the_scheduler_has_the_say(tmp_path: Path) -> None:
    assert count_cores(tmp_path / "nowhere") == ALLOWED
