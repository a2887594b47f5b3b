"""Untrained runs that predict different clips differently, shared by the tests that only read them."""

from __future__ import annotations

import pytest

import stillmotion as sm
from helpers.training import whole_networks, write_untrained_run


@pytest.fixture(scope="session")
def motion_run(tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """conv3d, whose windows of 4 frames last 0.4 s."""
    spec = sm.ClipSpec(frames=4, rate=10, size=16)
    with whole_networks():
        return write_untrained_run(tmp_path_factory.mktemp("runs") / "motion", "conv3d", spec, ("left", "right"))


@pytest.fixture(scope="session")
def still_run(tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """frame_pool, whose windows are whole videos."""
    spec = sm.ClipSpec(frames=4, size=16)
    return write_untrained_run(tmp_path_factory.mktemp("runs") / "still", "frame_pool", spec, ("left", "right"))
