"""Coverage by simulation of the intervals that verdict and accuracies rest on; prints Markdown tables.

    python benchmarks/coverage.py [--draws 4000]

Each draw is a test set of so many groups. Two models disagree on a clip with probabilities (only
motion right, only still right) that vary between groups as a Dirichlet does, so that two clips of
a group have a given correlation. The cells are over the shapes below: clips a group, equal or not, and
their correlation. *too high* is the share of intervals that lie wholly above the truth: with the
truth at the margin, the share of false *motion needed*; *too low* likewise of false *stills suffice*;
both are those of the worst shape. Beside it stands the percentile bootstrap over groups, which has no
width where nothing disagrees.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stillmotion.comparison.intervals import difference_interval, effective_videos, proportion_interval
from stillmotion.comparison.predictions import Floats, Ints

GROUPS = (5, 10, 20, 50, 100)
DIFFERENCES = {  # only motion right, only still right
    "both always right": (0.0, 0.0),
    "equal, rarely differ": (0.02, 0.02),
    "equal, often differ": (0.2, 0.2),
    "at the margin, one-sided": (0.05, 0.0),
    "at the margin": (0.1, 0.05),
    "at the margin, often differ": (0.3, 0.25),
    "motion gains 0.45": (0.5, 0.05),
    "motion gains 0.88": (0.9, 0.02),
    "motion loses 0.10, one-sided": (0.0, 0.1),
}
ACCURACIES = (0.1, 0.5, 0.8, 0.95, 0.99, 1.0)
SHAPES = (  # clips of each group, or what the first group holds beside single clips; correlation
    (1, 0.0),
    (2, 0.5),
    (5, 0.0),
    (5, 0.3),
    (5, 1.0),
    (25, 0.1),
    ("half in one group", 0.0),
    ("half in one group", 0.3),
    ("sizes fall off", 0.2),
)


def group_codes_of(shape: int | str, groups: int) -> Ints:
    """(n,) int: the group of each clip."""
    if shape == "half in one group":
        sizes = np.array([groups - 1, *[1] * (groups - 1)])
    elif shape == "sizes fall off":
        sizes = np.maximum(1, 20 // np.arange(1, groups + 1))
    else:
        sizes = np.full(groups, int(shape))
    return np.repeat(np.arange(groups), sizes)


def draw_differences(
    rng: np.random.Generator, draws: int, codes: Ints, correlation: float, chances: tuple[float, float]
) -> Floats:
    """(draws, n) of -1, 0, 1: only the still model right, no disagreement, only motion right."""
    share = np.array([chances[0], chances[1], 1 - sum(chances)])
    groups, values = int(codes.max()) + 1, np.array([1.0, -1.0, 0.0])
    if correlation == 1:
        drawn: Floats = values[rng.choice(3, size=(draws, groups), p=share)][:, codes]
        return drawn
    spread = share * (1 - correlation) / correlation if correlation else share
    weights = rng.gamma(np.maximum(spread, 1e-300), size=(draws, groups, 3)) if correlation else share
    limits = np.broadcast_to(weights / weights.sum(axis=-1, keepdims=True), (draws, groups, 3)).cumsum(axis=2)
    drawn = values[(rng.random((draws, len(codes), 1)) > limits[:, codes, :2]).sum(axis=2)]
    return drawn


def ours(sample: Floats, codes: Ints) -> tuple[float, float]:
    """The interval of a difference."""
    return difference_interval(float(sample.mean()), float((sample**2).mean()), effective_videos(sample, codes))


def bootstrap(sample: Floats, codes: Ints, weights: Floats) -> tuple[float, float]:
    """The percentile bootstrap over groups; weights: (resamples, groups)."""
    means = weights @ np.bincount(codes, sample) / (weights @ np.bincount(codes))
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def hits(intervals: Floats, truth: float) -> dict[str, float]:
    """Shares of (draws, 2) intervals that hold the truth, or miss it on either side, and their width."""
    too_high, too_low = intervals[:, 0] > truth + 1e-9, intervals[:, 1] < truth - 1e-9
    return {
        "coverage": float((~too_high & ~too_low).mean()),
        "too high": float(too_high.mean()),
        "too low": float(too_low.mean()),
        "width": float(np.diff(intervals).mean()),
    }


def difference_rows(
    draws: int, group_counts: tuple[int, ...] = GROUPS, shapes: tuple[tuple[int | str, float], ...] = SHAPES
) -> Iterator[dict[str, Any]]:
    """One row a setting, with the coverage of the bootstrap beside ours."""
    for groups in group_counts:
        for shape, correlation in shapes:
            codes = group_codes_of(shape, groups)
            for case, chances in DIFFERENCES.items():
                rng = np.random.default_rng((0, groups, len(codes), round(10 * correlation)))
                samples = draw_differences(rng, draws, codes, correlation, chances)
                weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=400).astype(float)
                plain = np.array([bootstrap(sample, codes, weights) for sample in samples[: draws // 10]])
                truth = chances[0] - chances[1]
                found = hits(np.array([ours(sample, codes) for sample in samples]), truth)
                yield {"groups": groups, "case": case, "bootstrap": hits(plain, truth)["coverage"], **found}


def accuracy_rows(
    draws: int, group_counts: tuple[int, ...] = GROUPS, shapes: tuple[tuple[int | str, float], ...] = SHAPES
) -> Iterator[dict[str, Any]]:
    """Likewise for the interval of one accuracy."""
    for groups in group_counts:
        for shape, correlation in shapes:
            codes = group_codes_of(shape, groups)
            for accuracy in ACCURACIES:
                rng = np.random.default_rng((1, groups, len(codes), round(10 * correlation)))
                samples = draw_differences(rng, draws, codes, correlation, (accuracy, 0.0))
                intervals = np.array([proportion_interval(sample, codes) for sample in samples])
                yield {"groups": groups, "case": accuracy, **hits(intervals, accuracy)}


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """A line for each number of groups and case, over all shapes."""
    columns: dict[str, Callable[[list[dict[str, Any]]], float]] = {
        "lowest coverage": lambda cell: min(row["coverage"] for row in cell),
        "mean": lambda cell: float(np.mean([row["coverage"] for row in cell])),
        "too high": lambda cell: max(row["too high"] for row in cell),
        "too low": lambda cell: max(row["too low"] for row in cell),
        "width": lambda cell: float(np.mean([row["width"] for row in cell])),
    }
    if "bootstrap" in rows[0]:
        columns["bootstrap, lowest"] = lambda cell: min(row["bootstrap"] for row in cell)
    print(f"| groups | {title} | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}")
    for groups in dict.fromkeys(row["groups"] for row in rows):
        for case in dict.fromkeys(row["case"] for row in rows):
            cell = [row for row in rows if row["groups"] == groups and row["case"] == case]
            figures = " | ".join(f"{column(cell):.3f}" for column in columns.values())
            print(f"| {groups} | {case} | {figures} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000, help="test sets a setting")
    draws = parser.parse_args().draws
    print_table("difference", list(difference_rows(draws)))
    print_table("accuracy", list(accuracy_rows(draws)))


if __name__ == "__main__":
    main()
