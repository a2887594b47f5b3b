"""Coverage of the interval that the verdict rests on, by simulation; prints a Markdown table.

    python benchmarks/coverage.py [--draws 4000]

Each draw is a test set of `groups` recordings with `clips` each. Two models disagree on a clip with
probabilities (only motion right, only still right) that vary between groups as a Dirichlet does, so
that the correlation of two clips of a group is what the column says. Shown beside it: the
percentile bootstrap over groups, which has no width where nothing disagrees.
*too high* is the share of intervals that lie wholly above the truth: with the truth at the margin,
the share of false *motion needed*; *too low* likewise of false *stills suffice*.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from stillmotion.comparison.intervals import difference_interval, effective_videos, proportion_interval
from stillmotion.comparison.predictions import Floats

SETTINGS = {  # only motion right, only still right
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
SHAPES = (
    (1, 0.0),
    (2, 0.5),
    (3, 0.0),
    (3, 0.3),
    (3, 1.0),
    (5, 0.0),
    (5, 0.3),
    (5, 1.0),
    (25, 0.1),
    (25, 0.3),
)  # clips a group


def draw_differences(
    rng: np.random.Generator,
    draws: int,
    groups: int,
    clips: int,
    correlation: float,
    chances: tuple[float, float],
) -> Floats:
    """(draws, groups, clips) of -1, 0, 1: only the still model right, no disagreement, only motion right."""
    share = np.array([chances[0], chances[1], 1 - sum(chances)])
    values = np.array([1.0, -1.0, 0.0])
    if correlation == 0:
        return values[rng.choice(3, size=(draws, groups, clips), p=share)]
    if correlation == 1:
        return np.repeat(values[rng.choice(3, size=(draws, groups, 1), p=share)], clips, axis=2)
    weights = rng.gamma(np.maximum(share * (1 - correlation) / correlation, 1e-300), size=(draws, groups, 3))
    limits = (weights / weights.sum(axis=2, keepdims=True)).cumsum(axis=2)
    places = rng.random((draws, groups, clips))[..., None] > limits[:, :, None, :2]
    drawn: Floats = values[places.sum(axis=3)]
    return drawn


def ours(sample: Floats) -> tuple[float, float]:
    """The interval of one (groups, clips) sample."""
    codes = np.repeat(np.arange(sample.shape[0]), sample.shape[1])
    videos = effective_videos(sample.ravel(), codes)
    return difference_interval(float(sample.mean()), float((sample**2).mean()), videos)


def accuracy_rows(draws: int, group_counts: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Likewise for the interval of one accuracy: one row a setting."""
    for groups in group_counts:
        for clips, correlation in SHAPES:
            for accuracy in (0.1, 0.5, 0.8, 0.95, 0.99, 1.0):
                rng = np.random.default_rng((1, groups, clips, round(10 * correlation)))
                samples = draw_differences(rng, draws, groups, clips, correlation, (accuracy, 0.0))
                codes = np.repeat(np.arange(groups), clips)
                mine = np.array([proportion_interval(sample.ravel(), codes) for sample in samples])
                inside = (mine[:, 0] <= accuracy + 1e-9) & (accuracy - 1e-9 <= mine[:, 1])
                yield {
                    "groups": groups,
                    "case": accuracy,
                    "coverage": inside.mean(),
                    "width": np.diff(mine).mean(),
                }


def bootstrap(sample: Floats, weights: Floats) -> tuple[float, float]:
    """The percentile bootstrap over groups; weights: (resamples, groups)."""
    means = weights @ sample.mean(axis=1) / sample.shape[0]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def rows(
    draws: int, group_counts: tuple[int, ...], shapes: tuple[tuple[int, float], ...] = SHAPES
) -> Iterator[dict[str, Any]]:
    """One row a setting: coverage and mean width of both intervals, and the shares that miss on each side."""
    for groups in group_counts:
        for clips, correlation in shapes:
            for name, chances in SETTINGS.items():
                rng = np.random.default_rng((0, groups, clips, round(10 * correlation)))
                truth = chances[0] - chances[1]
                samples = draw_differences(rng, draws, groups, clips, correlation, chances)
                weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=400).astype(float)
                mine = np.array([ours(sample) for sample in samples])
                plain = np.array([bootstrap(sample, weights) for sample in samples[: draws // 10]])
                inside = (mine[:, 0] <= truth + 1e-9) & (truth - 1e-9 <= mine[:, 1])
                inside_plain = (plain[:, 0] <= truth + 1e-9) & (truth - 1e-9 <= plain[:, 1])
                yield {
                    "groups": groups, "clips": clips, "correlation": correlation, "case": name,
                    "coverage": inside.mean(), "too high": (mine[:, 0] > truth + 1e-9).mean(),
                    "too low": (mine[:, 1] < truth - 1e-9).mean(), "width": np.diff(mine).mean(),
                    "bootstrap": inside_plain.mean(),
                }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    counts = (5, 10, 20, 50, 100)
    print("| groups | difference | lowest coverage | mean | too high | too low | width | bootstrap, lowest |")
    print("|---|---|---|---|---|---|---|---|")
    table = list(rows(draws, counts))
    for groups in counts:
        for case in SETTINGS:
            cell = [row for row in table if row["groups"] == groups and row["case"] == case]
            cover = [row["coverage"] for row in cell]
            print(
                f"| {groups} | {case} | {min(cover):.3f} | {np.mean(cover):.3f} | "
                f"{max(row['too high'] for row in cell):.3f} | {max(row['too low'] for row in cell):.3f} | "
                f"{np.mean([row['width'] for row in cell]):.3f} | "
                f"{min(row['bootstrap'] for row in cell):.3f} |"
            )
    print("\n| groups | accuracy | lowest coverage | mean | width |\n|---|---|---|---|---|")
    table = list(accuracy_rows(draws, counts))
    for groups in counts:
        for case in dict.fromkeys(row["case"] for row in table):
            cell = [row for row in table if row["groups"] == groups and row["case"] == case]
            cover = [row["coverage"] for row in cell]
            width = np.mean([row["width"] for row in cell])
            print(f"| {groups} | {case} | {min(cover):.3f} | {np.mean(cover):.3f} | {width:.3f} |")


if __name__ == "__main__":
    main()
