"""95 % intervals for few, grouped videos.

Videos of one group are alike, so n videos say less than n. How much less is measured: the design
effect is the variance of the mean with whole groups as units (by the jackknife, which holds for
unequal groups: Bell & McCaffrey 2002, Survey Methodology 28) over that with single videos (Kish
1965, Survey Sampling), and the effective number of videos is n over it. Few disagreements measure
it badly, and none not at all. So it is drawn towards what it would be if all videos of a group
answered alike, as if four disagreements had shown that: without any, every group counts as one
video. The effective number goes into intervals that keep their coverage on small samples and at the
edges, where the bootstrap has no width: benchmarks/coverage.py shows it.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from stillmotion.comparison.predictions import Floats, Ints

LEVEL = 0.95
_Z = float(norm.ppf((1 + LEVEL) / 2))
_PRIOR = 4.0  # disagreements; of 1, 2, 3, 4, 8 the one that best kept coverage and power in simulation


def group_codes(groups: Sequence[str]) -> tuple[int, Ints]:
    """The number of groups, and (n,) int: the group of each video."""
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    return len(names), codes


def effective_videos(values: Floats, codes: Ints) -> float:
    """How many independent videos the n videos are worth, at most n.

    values: (n,) float. codes: (n,) int, the group of each. 0 for one group alone, which says nothing of
    others. If no value differs from another, equal groups count as one video each. For unequal
    ones that is taken halfway between the number of groups and (sum of sizes)^2 / (sum of squares).
    """
    sizes = np.bincount(codes).astype(float)
    present = sizes > 0
    n_groups, videos = int(present.sum()), float(sizes.sum())
    if n_groups < 2:
        return 0.0
    largest = float((sizes**2).sum()) / videos  # the design effect of groups of one mind, by their sizes
    alike = (largest + videos / n_groups) / 2
    rest = values - values.mean()
    moved = np.bincount(codes, rest)[present] / (videos - sizes[present])  # the mean without each group
    whole = videos**2 * float((moved**2).sum()) * (n_groups - 1) / n_groups
    single = float((rest**2).sum())
    design = (whole + _PRIOR * alike) / (single + _PRIOR)
    return float(videos / np.clip(design, 1.0, largest))


def proportion_interval(rights: Floats, codes: Ints) -> tuple[float, float]:
    """The interval of a share of videos: Wilson's, on the effective number of videos.

    rights: (n,) float in 0..1 (the mean over seeds). Wilson with effective sizes did best of seven in
    Franco, Little, Louis & Slud 2019, J. Survey Statistics and Methodology 7. Never of zero width.
    """
    if len(rights) == 0:
        return 0.0, 1.0
    videos = effective_videos(rights, codes)
    share = float(rights.mean())
    centre = (videos * share + _Z**2 / 2) / (videos + _Z**2)
    half = _Z * np.sqrt(videos * share * (1 - share) + _Z**2 / 4) / (videos + _Z**2)
    return min(share, max(0.0, float(centre - half))), max(share, min(1.0, float(centre + half)))


def difference_interval(mean: float, square: float, videos: float) -> tuple[float, float]:
    """The interval of a paired difference of accuracies: Bonett & Price's adjusted Wald (2012).

    mean, square: of the differences d of single videos (-1..1) and of d squared. videos: their
    effective number. Two imaginary disagreements are added, one each way, so that without a single
    disagreement on n independent videos it still reaches 2.8 / (n + 2) to both sides.
    (Adjusted Wald intervals for a difference of proportions with paired data, J. Educational and
    Behavioral Statistics 37; written with moments, it also takes means over seeds.)
    """
    if videos <= 0:
        return -1.0, 1.0
    total = videos + 2
    centre = videos * mean / total
    half = _Z * np.sqrt(((videos * square + 2) / total - centre**2) / total)
    return min(mean, max(-1.0, float(centre - half))), max(mean, min(1.0, float(centre + half)))
