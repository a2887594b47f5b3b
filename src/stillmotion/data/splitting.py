"""Train, validation and test parts that keep every group whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stillmotion.data.reading import as_videos, check_labeled
from stillmotion.data.videos import PARTS, Part, Video, Videos
from stillmotion.errors import StillmotionError, UsageError

P = TypeVar("P", bound=str)
FRACTIONS = (0.7, 0.15, 0.15)
# Folds that are advised, and the fewest that leave enough to learn from.
FOLDS, MIN_FOLDS = 5, 3

# A split is the best of this many greedy tries. With thousands of groups one try is near the best already and takes
# longer, so there are fewer: tries times groups stay below the second number.
MAX_TRIES = 200
MAX_TRIES_TIMES_GROUPS = 40_000
# Tries differ in the order in which groups are placed: by size, where each size is multiplied by a random factor.
SIZE_JITTER = (0.7, 1.3)
# The cost of a group that is larger than the median, relative to the squared size of the part that it is put in.
LARGE_GROUP_COST = 4
# The cost of a part that lacks a label, above every other cost.
MISSING_LABEL_COST = 1e6


def split(
    videos: Videos | str | Path, fractions: Sequence[float] = FRACTIONS, *, seed: int = 0
) -> tuple[Videos, Videos, Videos]:
    """Divide videos into train, validation and test parts by group, labels in proportion.

    If the table has a split, it is used; if that has no validation part, one is taken by group from its train part.
    The same videos, fractions and seed give the same parts.

    Args:
        videos: labeled videos, or their folder or table.
        fractions: the share of videos in each part; they add up to 1.
        seed: selects one of many good splits.

    Returns:
        The train, validation and test parts.

    Raises:
        UsageError: the fractions are not three shares, or there is no such data set.
        StillmotionError: there are too few groups for each label to occur in each part; the numbers are given.

    Examples:
        >>> train, validation, test = sm.split("clips/", (0.6, 0.2, 0.2))
        >>> set(train.groups) & set(test.groups)
        set()
    """
    videos = as_videos(videos)
    check_fractions(fractions)
    check_labeled(videos)
    table_parts = {video.part for video in videos}
    if table_parts == {None}:
        parts = _assign(videos, dict(zip(PARTS, fractions, strict=True)), seed)
    else:
        parts = _obey_table(videos, table_parts, fractions, seed)
    train, validation, test = (_select(videos, parts, part) for part in PARTS)
    return train, validation, test


def check_fractions(fractions: Sequence[float]) -> None:
    """Check the shares of the three parts.

    Raises:
        UsageError: they are not three shares above 0 that add up to 1.
    """
    # Comparisons with NaN are false, so the condition states what is right.
    if not (len(fractions) == 3 and min(fractions) > 0 and abs(sum(fractions) - 1) <= 1e-6):
        raise UsageError(
            f"the split {tuple(fractions)} is not three shares above 0 that add up to 1, like 0.7,0.15,0.15"
        )


def split_folds(
    videos: Videos | str | Path, folds: int, fractions: Sequence[float] = FRACTIONS, *, seed: int = 0
) -> list[tuple[Videos, Videos, Videos]]:
    """Divide videos for cross-validation by group, labels in proportion.

    If the table has a split, it is not used.

    Args:
        videos: labeled videos, or their folder or table.
        folds: the number of folds.
        fractions: shares as in `split`. Of what a fold's test part leaves, the validation part gets the second
            fraction over the sum of the first two.
        seed: selects one of many good divisions.

    Returns:
        (train, validation, test) for each fold. Every video is in the test part of exactly one fold.

    Raises:
        UsageError: fewer than 2 folds, the fractions are not three shares, or there is no such data set.
        StillmotionError: there are too few groups for each label to occur in each fold and part.

    Examples:
        >>> for train, validation, test in sm.split_folds("clips/", 3):
        ...     groups = test.groups
    """
    videos = as_videos(videos)
    if folds < 2:
        raise UsageError(f"{folds} folds; cross-validation takes 2 or more")
    check_fractions(fractions)
    check_labeled(videos)
    label, count = min(groups_per_label(videos).items(), key=lambda item: item[1])
    if folds > count:
        possible = f"at most {count} folds are possible" if count > 2 else "cross-validation takes 3 or more"
        raise StillmotionError(f"{folds} folds, but the label {label!r} has {count} groups; {possible}")
    names = [f"fold {number + 1}" for number in range(folds)]
    places = _assign(videos, dict.fromkeys(names, 1 / folds), seed)
    parts = []
    for number, name in enumerate(names):
        test = _select(videos, places, name)
        rest = videos.only([video for video, place in zip(videos, places, strict=True) if place != name])
        inner = _assign(rest, _train_and_validation(fractions), seed + number)
        parts.append((_select(rest, inner, "train"), _select(rest, inner, "validation"), test))
    return parts


def groups_per_label(videos: Iterable[Video]) -> dict[str, int]:
    """The number of groups of each label, in alphabetical order; the least limits the number of folds.

    Args:
        videos: labeled videos.

    Returns:
        Numbers of groups by label.
    """
    groups: dict[str, set[str]] = {}
    for video in videos:
        groups.setdefault(video.label or "", set()).add(video.group)
    return {label: len(groups[label]) for label in sorted(groups)}


def advised_folds(groups: Mapping[str, int]) -> int:
    """How many folds to advise: five, or fewer where a label has fewer groups; 0 where cross-validation is impossible.

    Args:
        groups: see `groups_per_label`.

    Returns:
        3 to 5, or 0.
    """
    folds = min([FOLDS, *groups.values()])
    return folds if folds >= MIN_FOLDS else 0


def divide_by_group(videos: Videos, share: float, *, seed: int = 0) -> tuple[Videos, Videos]:
    """Divide videos into two parts by group, labels in proportion.

    Args:
        videos: labeled videos, or videos without labels.
        share: of the videos that the second part gets.
        seed: selects one of many good divisions.

    Returns:
        The two parts.

    Raises:
        UsageError: the share is not between 0 and 1.
        StillmotionError: there are too few groups for each label to occur in each part.
    """
    if not (isinstance(share, Real) and 0 < float(share) < 1):
        raise UsageError(f"the share of the validation part is {share!r}; expected more than 0 and less than 1")
    labeled = videos.only([replace(video, label=video.label or "") for video in videos])
    places = _assign(labeled, {"training": 1 - share, "validation": share}, seed)
    return _select(videos, places, "training"), _select(videos, places, "validation")


def straddling_groups(parts: Sequence[Videos]) -> list[str]:
    """Find groups that are in more than one part, as a table's own split may have them.

    Args:
        parts: the parts of a split.

    Returns:
        The names of the groups, sorted.
    """
    seen = Counter(group for part in parts for group in part.groups)
    return sorted(group for group, count in seen.items() if count > 1)


def _select(videos: Videos, places: Sequence[str], wanted: str) -> Videos:
    """The videos that were put in one place."""
    return videos.only([video for video, place in zip(videos, places, strict=True) if place == wanted])


def _train_and_validation(fractions: Sequence[float]) -> dict[Part, float]:
    """The shares of train and validation in what the test part leaves."""
    share = fractions[1] / (fractions[0] + fractions[1])
    return {"train": 1 - share, "validation": share}


def _obey_table(videos: Videos, table_parts: set[Part | None], fractions: Sequence[float], seed: int) -> list[Part]:
    """The parts that the table gives, with a validation part taken from its train part if it has none."""
    if None in table_parts:
        missing = sum(video.part is None for video in videos)
        raise StillmotionError(f"{missing} of {len(videos)} videos have no split; give one to every row or to none")
    missing_parts = [part for part in ("train", "test") if part not in table_parts]
    if missing_parts:
        raise StillmotionError(
            f"the table's split has no {' and no '.join(missing_parts)} part; it needs train and test"
        )
    if "validation" in table_parts:
        return [video.part for video in videos if video.part]
    train = videos.only([video for video in videos if video.part == "train"])
    inner = iter(_assign(train, _train_and_validation(fractions), seed))
    return [next(inner) if video.part == "train" else "test" for video in videos]


@dataclass(frozen=True)
class _Problem:
    """What is to be divided among parts.

    Attributes:
        counts: `(groups, labels + 1)` videos of each label in each group; the last column is 1 for each group.
        target: `(parts, labels + 1)` what each part should get.
        weight: `(parts, labels + 1)` the cost of a squared deviation from the target.
        crowding: `(parts, groups)` the cost of a large group in a part.
    """

    counts: NDArray[np.float64]
    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    crowding: NDArray[np.float64]


# scikit-learn's StratifiedGroupKFold lacks three things. Its folds are equal: a 15 % part would take 20 folds, and 20
# groups of every label. It only warns if a part lacks a label. And it balances videos, not groups: its test part may
# be three large recordings, on which no statistics can be based.
def _assign(videos: Videos, shares: Mapping[P, float], seed: int) -> list[P]:
    """The part of each video: the best of many greedy tries, by how far labels and groups are off their shares."""
    parts, groups = tuple(shares), videos.groups
    _check_enough_groups(videos.items, parts)
    chosen = _search(_make_problem(videos, list(shares.values())), seed)
    if chosen is None:
        places = ", ".join(parts) if len(parts) <= len(PARTS) else f"{len(parts)} folds"
        raise StillmotionError(
            f"found no split of {len(groups)} groups that gives each of {len(videos.labels)} labels a video in each of "
            f"{places}; add recordings, or give the table a column 'split'"
        )
    part_of = dict(zip(groups, chosen, strict=True))
    return [parts[part_of[video.group]] for video in videos]


def _make_problem(videos: Videos, shares: Sequence[float]) -> _Problem:
    """Count the labels of each group, and weigh deviations."""
    label_index = {label: index for index, label in enumerate(videos.labels)}
    group_index = {group: index for index, group in enumerate(videos.groups)}
    # The last column counts groups: each part gets its share of these too.
    counts = np.zeros((len(group_index), len(label_index) + 1))
    counts[:, -1] = 1
    for video in videos:
        counts[group_index[video.group], label_index[video.label or ""]] += 1
    target = np.array(shares)[:, None] * counts.sum(0)
    # A rare label counts as much as a frequent one, and a small part as much as a large one.
    weight = 1.0 / (target.sum(0) * target)
    # A large group in a small part leaves it few independent ones: large groups go to the largest part.
    sizes = counts[:, :-1].sum(1)
    excess = np.maximum(sizes**2 - np.median(sizes) ** 2, 0)
    crowding = LARGE_GROUP_COST * excess / target[:, :-1].sum(1)[:, None] ** 2
    return _Problem(counts, target, weight, crowding)


def _search(problem: _Problem, seed: int) -> NDArray[np.intp] | None:
    """The part of each group in the cheapest of many greedy tries; None if each leaves a part without some label."""
    tries = max(1, min(MAX_TRIES, MAX_TRIES_TIMES_GROUPS // len(problem.counts)))
    best, best_cost = None, MISSING_LABEL_COST
    for number in range(tries):
        chosen, cost = _place_groups(problem, np.random.default_rng((seed, number)))
        if cost < best_cost:
            best, best_cost = chosen, cost
    if best is not None:
        return best
    # Labels are hard to spread here: be content with the first try that manages to.
    for number in range(tries, 2 * tries):
        chosen, cost = _place_groups(problem, np.random.default_rng((seed, number)), missing_labels_first=True)
        if cost < MISSING_LABEL_COST:
            return chosen
    return None


def _place_groups(
    problem: _Problem, rng: np.random.Generator, *, missing_labels_first: bool = False
) -> tuple[NDArray[np.intp], float]:
    """Put one group after the other where it costs least, large ones first while there is room; and the cost of all.

    `missing_labels_first` puts a group into the part that lacks most of its labels, whatever else that costs.
    """
    counts, target, weight, crowding = problem.counts, problem.target, problem.weight, problem.crowding
    number = len(counts)
    # The first draw breaks ties, the second varies the sizes.
    order = np.lexsort((rng.random(number), -counts.sum(1) * rng.uniform(*SIZE_JITTER, number)))
    filled, chosen = np.zeros_like(target), np.zeros(number, np.intp)
    for group in order:
        short = target - filled
        # By how much the squared deviation grows if the group is added to each part.
        cost = (weight * (counts[group] ** 2 - 2 * counts[group] * short)).sum(1) + crowding[:, group]
        if missing_labels_first:
            cost -= MISSING_LABEL_COST * ((filled == 0) & (counts[group] > 0)).sum(1)
        chosen[group] = part = int(np.argmin(cost))
        filled[part] += counts[group]
    total = (weight * (filled - target) ** 2).sum() + crowding[chosen, np.arange(number)].sum()
    return chosen, float(total + MISSING_LABEL_COST * (filled == 0).sum())


def _check_enough_groups(videos: Sequence[Video], parts: Sequence[str]) -> None:
    """Refuse labels that have fewer groups than there are parts."""
    few = {label: count for label, count in groups_per_label(videos).items() if count < len(parts)}
    if few:
        listed = ", ".join(f"{label!r} {count}" for label, count in list(few.items())[:5])
        more = f" and {len(few) - 5} more labels" if len(few) > 5 else ""
        raise StillmotionError(
            f"too few groups to split: {listed}{more}; each label needs {len(parts)} or more "
            f"(one each for {', '.join(parts)}). Record more, or correct the groups if they are wrong: a group is "
            "one recording, person, animal, machine, camera or day, named in a table's column 'group' or by the "
            "pattern `group`"
        )
