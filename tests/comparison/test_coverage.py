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


def test_a_ladder_makes_few_false_claims(coverage: ModuleType) -> None:
    """Whether validation or the test videos choose, at a true gain of the margin."""
    rows = list(coverage.ladder_rows(60, (20,)))
    for claim in ("needed, test", "needed, validation", "suffice, test", "suffice, validation"):
        assert np.mean([row[claim] for row in rows]) <= 0.025
        assert max(row[claim] for row in rows) <= 0.1  # the worst of 12 settings, a standard error of 0.02


def test_models_that_guess_are_rarely_answered_for(coverage: ModuleType) -> None:
    rows = list(coverage.guessing_rows(40, (30,)))
    for claim in ("stills", "motion", "an answer", "an answer, validation"):
        assert np.mean([row[claim] for row in rows]) <= 0.06  # of 120 draws, a standard error of 0.015


def test_balanced_intervals_cover_and_labels_are_rarely_missed_by_chance(coverage: ModuleType) -> None:
    rows = list(coverage.balanced_rows(60, (30,)))
    assert np.mean([row["coverage"] for row in rows]) >= 0.96
    missed = list(coverage.missed_rows(40, (60,)))
    lost = "5 %, recall 0.17 and 0.97"
    assert {row["motions"] for row in missed} == {1, 3}
    assert min(row["missed"] for row in missed if row["case"] == lost) >= 0.4
    assert max(row["missed"] for row in missed if row["case"] != lost) <= 0.1


def test_the_leaning_is_rarely_false_and_earlier_than_the_verdict(coverage: ModuleType) -> None:
    rows = list(coverage.leaning_rows(40, (12,)))
    equal = [row for row in rows if "more" not in row["case"]]
    assert np.mean([row["Brier above 0"] for row in equal]) <= 0.03
    assert np.mean([row["Brier below 0"] for row in equal]) <= 0.03
    more = [row for row in rows if row["case"] == "motion knows more"]
    assert all(row["leaning or needed"] > row["needed"] for row in more)


def test_ladders_are_rarely_wrong_in_their_leaning_or_at_any_look(coverage: ModuleType) -> None:
    assert np.mean([row["leaning"] for row in coverage.leaning_ladder_rows(8, (12,))]) <= 0.1
    looks = list(coverage.looking_ladder_rows(20, (6, 10, 20)))
    assert np.mean([[row["needed"], row["suffice"]] for row in looks]) <= 0.025


def test_looking_again_makes_usual_intervals_fail_but_not_sequential_ones(coverage: ModuleType) -> None:
    rows = list(coverage.looking_rows(25, (6, 10, 15, 20, 30)))
    for claim in ("needed", "suffice"):
        assert np.mean([row[f"usual, {claim}"] for row in rows]) >= 0.04
        assert np.mean([row[f"sequential, {claim}"] for row in rows]) <= 0.025
