"""How many cores there are for this process, which in a container are fewer than the machine has."""

import math
import os
from pathlib import Path

__all__ = ["count_cores"]

CONTROL_GROUP_ROOT = Path("/sys/fs/cgroup")


def count_cores(control_group: Path = CONTROL_GROUP_ROOT) -> int:
    """Count the cores that the scheduler allows and the control group grants, rounded up; at least 1.

    Args:
        control_group: folder of the process's control group, as a container sees it.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(allowed, math.ceil(_granted(control_group))), 1)


def _granted(control_group: Path) -> float:
    """CPU time a second that the control group may take; without a limit, all that the machine has.

    Source: Linux, Control Group v2, cpu.max; v1, cpu.cfs_quota_us and cpu.cfs_period_us.
    """
    try:
        quota, period = (control_group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (control_group / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (control_group / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return float(os.cpu_count() or 1)
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:  # "max", or -1
        return float(os.cpu_count() or 1)
    return int(quota) / int(period)
