"""The quick version of benchmarks/coverage.py."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SHAPES = ((1, 0.0), (4, 0.3), (3, 1.0), ("half in one group", 0.3))


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_intervals_cover_and_motion_is_rarely_needed_by_chance(coverage: ModuleType) -> None:
    rows = list(coverage.difference_rows(300, (5, 20, 60), SHAPES))
    cover = np.array([row["coverage"] for row in rows])
    assert cover.min() >= 0.90  # 300 draws, a standard error of 0.013, and the worst of 108 settings
    assert cover.mean() >= 0.96
    at_margin = [row["too high"] for row in rows if row["case"].startswith("at the margin")]
    assert np.mean(at_margin) <= 0.025
    assert max(at_margin) <= 0.06  # the worst of 36 settings, a standard error of 0.009
    assert min(row["bootstrap"] for row in rows) < 0.5  # why it is not a plain bootstrap


def test_accuracy_intervals_cover(coverage: ModuleType) -> None:
    rows = list(coverage.accuracy_rows(150, (5, 20, 60), SHAPES))
    assert np.mean([row["coverage"] for row in rows]) >= 0.95
    assert min(row["coverage"] for row in rows) >= 0.86
    assert all(row["width"] > 0 for row in rows)
