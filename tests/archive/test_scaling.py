"""The simulation of benchmarks/scaling.py: what it must give where the answer is known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def scaling() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "scaling.py"
    spec = importlib.util.spec_from_file_location("scaling", path)
    assert spec and spec.loader
    module = sys.modules["scaling"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_workers_with_a_driver_that_takes_no_time_are_always_at_work(scaling: ModuleType) -> None:
    result = scaling.simulate(10, 20_000, [0.36], scaling.DriverTimes(0, 0, 0))
    assert result.hours == pytest.approx(20_000 * 0.36 / 10 / 3600, rel=0.01)
    assert (result.listing, result.driver) == (0, 0)
    assert result.efficiency == pytest.approx(1, abs=0.01)


def test_a_slow_driver_and_a_slow_listing_are_found(scaling: ModuleType) -> None:
    driver = scaling.simulate(1000, 20_000, [0.1], scaling.DriverTimes(0, 1, 0))
    assert driver.driver > 0.95 and driver.efficiency < 0.01
    listing = scaling.simulate(10, 1000, [0.1], scaling.DriverTimes(0.1, 0, 0))
    assert listing.listing == pytest.approx(100 / 110, abs=0.02)
    parts = scaling.simulate(10, 20_000, [0.1], scaling.DriverTimes(0, 0, 15))
    assert parts.driver > 0.3
