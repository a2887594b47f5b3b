"""How much this machine can do side by side."""

from __future__ import annotations

import math
import re
from pathlib import Path

import loky

# A backend, a model and its batches.
WORKER_BYTES = 1.5 * 2**30
# Where there are more cores, workers get several threads each: a comparison has no use for more workers.
MAX_WORKERS = 8


def default_workers() -> int:
    """How many workers suit a comparison on this machine: at most 8."""
    return min(most_workers(), cores() // threads_per_worker(), MAX_WORKERS)


def most_workers() -> int:
    """How many workers this machine can have: one for each core, as far as its free memory allows; at least one."""
    return max(1, int(min(available_memory() / WORKER_BYTES, cores())))


def cores() -> int:
    """Cores that this process may use: not more than its affinity and its container allow."""
    return int(loky.cpu_count())


def threads_per_worker() -> int:
    """Threads of each worker of a comparison: one with fewer than 16 cores."""
    return max(1, cores() // MAX_WORKERS)


def available_memory(root: Path = Path("/")) -> float:
    """Bytes of memory that this process can still take.

    Args:
        root: where the file systems proc and sys are.

    Returns:
        What the system has left, and the control group of a container; infinite where neither says.
    """
    limits = [math.inf]
    meminfo = _read(root / "proc/meminfo")
    if found := re.search(r"MemAvailable:\s+(\d+) kB", meminfo):
        limits.append(2**10 * int(found[1]))
    group = root / "sys/fs/cgroup"
    limit, used = _read(group / "memory.max").strip(), _read(group / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        # Cached files count as used, and make room when it is needed.
        cached = re.search(r"^inactive_file (\d+)", _read(group / "memory.stat"), re.MULTILINE)
        limits.append(int(limit) - int(used) + int(cached[1] if cached else 0))
    return float(min(limits))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
