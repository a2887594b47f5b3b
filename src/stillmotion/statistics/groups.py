"""What grouped videos are worth: design effect, intraclass correlation and effective numbers.

Videos of one group are alike, so n videos carry less information than n independent ones. How much less is measured.
The design effect is the variance of the mean with whole groups as units (by the jackknife, which holds for unequal
groups: Bell & McCaffrey 2002, Survey Methodology 28) over the variance with single videos (Kish 1965, Survey
Sampling). The effective number of videos is n over the design effect.

The jackknife underestimates where a few large groups happen to agree. So the design effect is at least what Kish's
formula gives for the intraclass correlation, which comes from the analysis of variance (Donner & Klar 2000).

Few disagreements measure a design effect badly, and no disagreement does not measure it at all. So it is drawn
towards the value it would have if all videos of a group had the same outcome, with the weight of one disagreement.
Without any disagreement, every group counts as one video.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillmotion.statistics.arrays import Floats, Ints

# Weight of the prior on the design effect, in disagreements. Of 0.5, 1, 2 and 4 this value kept false claims at 2.5 %
# in simulation (benchmarks/coverage.py) without intervals wider than necessary.
PRIOR = 1.0


def group_codes(groups: Sequence[str]) -> tuple[int, Ints]:
    """Number the groups.

    Args:
        groups: the group of each video.

    Returns:
        The number of groups, and an integer array of shape `(n,)` with the group of each video.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    return len(names), codes


def kish(codes: Ints) -> float:
    """How many equal groups the given groups are worth: (sum of sizes)^2 / (sum of squared sizes).

    Args:
        codes: `(n,)`, the group of each video.

    Returns:
        Kish's effective number of groups; the number of groups if all have the same size.
    """
    sizes = np.bincount(codes).astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def effective_groups(codes: Ints) -> float:
    """How many equal groups would measure a variance as well: the harmonic mean of the number of groups and `kish`.

    The variance between unequal groups is measured mostly from the large ones.

    Args:
        codes: `(n,)`, the group of each video.

    Returns:
        At most the number of groups. One less is the degrees of freedom of Student's t.
    """
    return 2 / (1 / len(np.unique(codes)) + 1 / kish(codes))


def effective_videos(values: Floats, codes: Ints, prior: float = PRIOR) -> float:
    """How many independent videos would measure the mean as well.

    Without any disagreement, equal groups count as one video each; for unequal groups the result is then halfway (in
    the design effect) between the number of groups and `kish`.

    Args:
        values: `(n,)`, one value per video.
        codes: `(n,)`, the group of each video.
        prior: weight of the prior on the design effect, in disagreements.

    Returns:
        A number of videos, at most n. 0 for a single group, which says nothing about other groups.
    """
    counts = np.bincount(codes)
    present = counts > 0
    sizes: Floats = counts[present].astype(float)
    videos = float(len(values))
    n_groups = len(sizes)
    if n_groups < 2:
        return 0.0
    # The design effect if all videos of a group had the same outcome: the largest possible one, and a typical one.
    largest = videos / kish(codes)
    same_outcome = (largest + videos / n_groups) / 2
    deviations = values - values.mean()
    sums: Floats = np.bincount(codes, deviations).astype(float)[present]
    shifts = sums / (videos - sizes)  # how far the mean moves without each group
    by_video = float((deviations**2).sum())
    by_group = videos**2 * float((shifts**2).sum()) * (n_groups - 1) / n_groups
    by_group = max(by_group, by_video * (1 + (largest - 1) * intraclass_correlation(sums, sizes, by_video)))
    design_effect = (by_group + prior * same_outcome) / (by_video + prior)
    return float(videos / np.clip(design_effect, 1.0, largest))


def intraclass_correlation(sums: Floats, sizes: Floats | Ints, total: float) -> float:
    """Correlation of two videos of a group, by the analysis of variance (Donner & Klar 2000).

    Args:
        sums: `(groups,)`, sums of deviations from the overall mean.
        sizes: `(groups,)`, number of videos in each group.
        total: sum of squared deviations of all videos.

    Returns:
        At most 1; negative where groups are more mixed than by chance; 0 if every group has one video.
    """
    n_groups, videos = len(sizes), float(sizes.sum())
    if n_groups == videos:
        return 0.0
    explained = float((sums**2 / sizes).sum())
    among, within = explained / (n_groups - 1), max(0.0, total - explained) / (videos - n_groups)
    typical_size = (videos - float((sizes**2).sum()) / videos) / (n_groups - 1)
    spread = among + (typical_size - 1) * within
    return min(1.0, (among - within) / spread) if spread > 0 else 0.0
