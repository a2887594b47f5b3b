"""What all tests share: a cache folder of their own, and small videos with known labels."""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.media import write_lossy_video
from helpers.training import short_networks

# Tests run in parallel, one per core: each uses one thread, and so do the programs that it starts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}

# They begin first, so that at the end of a parallel run no worker waits long for the other.
SLOWEST = (
    "test_examples.py", "cli/test_compare.py", "experiments/test_comparing.py", "training/test_fitting.py",
    "models/test_contract.py", "cli/test_bad_input.py", "training/test_heads.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """JAX keeps what takes it long to compile: several tests, and the processes that they start, train the same."""
    assert config.cache is not None
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(config.cache.mkdir("jax")))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, in the order of the list."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path, len(SLOWEST)))


def pytest_xdist_auto_num_workers() -> int:
    """One more worker than cores, and four at most: tests also wait, for processes and for live sources."""
    return min(4, (os.cpu_count() or 2) + 1)


@pytest.fixture(scope="session", autouse=True)
def small() -> Iterator[None]:
    """Networks trained from nothing are short in this process, but where a test asks for `whole_networks`."""
    if "keras" not in sys.modules:  # no test that was collected builds one
        yield
        return
    with short_networks():
        yield


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """The same weights and noise in each run: Keras draws the seeds of what has none from Python's `random`."""
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of decoded frames for each test."""
    monkeypatch.setenv("STILLMOTION_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """The library's log as it is without the command line, which sets its level and handlers for the whole process."""
    log = logging.getLogger("stillmotion")
    # Fixtures of a whole file may have run the command line before.
    log.setLevel(logging.NOTSET)
    log.propagate, log.handlers = True, []
    yield
    log.setLevel(logging.NOTSET)
    log.propagate, log.handlers = True, []


@pytest.fixture
def moving(tmp_path: Path) -> Path:
    """A folder of folders: squares that move left or right, 12 recordings of each."""
    for label, step in (("left", -2), ("right", 2)):
        for number in range(12):
            rng = np.random.default_rng((number, step > 0))
            start, row = int(rng.integers(32)), int(rng.integers(20))
            pictures = np.full((12, 32, 32, 3), 60, np.uint8)
            for t in range(12):
                x = (start + step * t + np.arange(10)) % 32
                pictures[t, row : row + 10, x] = 230
            write_lossy_video(tmp_path / "moving" / label / f"rec{number}.mp4", pictures)
    return tmp_path / "moving"
