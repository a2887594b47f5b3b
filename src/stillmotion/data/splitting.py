"""Train, validation and test parts, with every group whole in one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from stillmotion.data.reading import check_labelled
from stillmotion.data.videos import PARTS, Part, Video, Videos
from stillmotion.errors import StillmotionError, UsageError

P = TypeVar("P", bound=str)
FRACTIONS = (0.7, 0.15, 0.15)
LACKING = 1e6  # the cost of a part without a label


def split(videos: Videos, fractions: Sequence[float] = FRACTIONS, *, seed: int = 0) -> tuple[Videos, Videos, Videos]:
    """Divide videos into train, validation and test parts by group, labels in proportion.

    A split that the table brings is obeyed; where it has no validation part, one is taken by group
    from its train part. The same videos, fractions and seed give the same parts.

    Args:
        videos: labelled videos.
        fractions: the share of each part; they add up to 1.
        seed: which of the good splits.

    Raises:
        UsageError: fractions that are not three shares.
        StillmotionError: too few groups for each label to occur in each part; the numbers are given.
    """
    check_fractions(fractions)
    check_labelled(videos)
    own = {video.part for video in videos}
    if own == {None}:
        parts = _assign(videos, dict(zip(PARTS, fractions, strict=True)), seed)
    else:
        parts = _obey(videos, own, fractions, seed)
    return tuple(  # type: ignore[return-value]
        videos.only([video for video, part in zip(videos, parts, strict=True) if part == wanted]) for wanted in PARTS
    )


def check_fractions(fractions: Sequence[float]) -> None:
    """Raises UsageError for what is not three shares."""
    if not (len(fractions) == 3 and min(fractions) > 0 and abs(sum(fractions) - 1) <= 1e-6):  # nor NaN
        raise UsageError(
            f"the split {tuple(fractions)} is not three shares above 0 that add up to 1, like 0.7,0.15,0.15"
        )


def split_folds(
    videos: Videos, folds: int, fractions: Sequence[float] = FRACTIONS, *, seed: int = 0
) -> list[tuple[Videos, Videos, Videos]]:
    """For cross-validation: as many (train, validation, test), every video in the test part of exactly one.

    Groups stay whole and labels in proportion. A split that the table brings is not used. Validation takes its share
    of `fractions` from what a fold's test part leaves.

    Raises:
        UsageError: fewer than 2 folds.
        StillmotionError: too few groups for each label to occur in each fold and part.
    """
    if folds < 2:
        raise UsageError(f"{folds} folds; cross-validation takes 2 or more")
    check_fractions(fractions)
    check_labelled(videos)
    count, label = min((len({v.group for v in videos if v.label == label}), label) for label in videos.labels)
    if folds > count:
        possible = f"at most {count} folds are possible" if count > 2 else "cross-validation takes 3 or more"
        raise StillmotionError(f"{folds} folds, but the label {label!r} has {count} groups; {possible}")
    share = fractions[1] / (fractions[0] + fractions[1])
    places = _assign(videos, {f"fold {number + 1}": 1 / folds for number in range(folds)}, seed)
    parts = []
    for number in range(folds):
        test = videos.only([v for v, place in zip(videos, places, strict=True) if place == f"fold {number + 1}"])
        rest = videos.only([v for v, place in zip(videos, places, strict=True) if place != f"fold {number + 1}"])
        inner = _assign(rest, {"train": 1 - share, "validation": share}, seed + number)
        train, validation = (
            rest.only([v for v, part in zip(rest, inner, strict=True) if part == wanted])
            for wanted in ("train", "validation")
        )
        parts.append((train, validation, test))
    return parts


def straddling_groups(parts: Sequence[Videos]) -> list[str]:
    """Groups that lie in more than one part, as a table's own split may have them."""
    seen = Counter(group for part in parts for group in part.groups)
    return sorted(group for group, count in seen.items() if count > 1)


def _obey(videos: Videos, own: set[Part | None], fractions: Sequence[float], seed: int) -> list[Part]:
    if None in own:
        missing = sum(video.part is None for video in videos)
        raise StillmotionError(f"{missing} of {len(videos)} videos have no split; give one to every row or to none")
    lacking = [part for part in ("train", "test") if part not in own]
    if lacking:
        raise StillmotionError(f"the table's split has no {' and no '.join(lacking)} part; it needs train and test")
    if "validation" in own:
        return [video.part for video in videos if video.part]
    share = fractions[1] / (fractions[0] + fractions[1])
    train = videos.only([video for video in videos if video.part == "train"])
    shares: dict[Part, float] = {"train": 1 - share, "validation": share}
    inner = iter(_assign(train, shares, seed))
    return [next(inner) if video.part == "train" else "test" for video in videos]


def _assign(videos: Videos, shares: dict[P, float], seed: int) -> list[P]:
    """A part for each video: the best of many greedy tries, by how far labels are off proportion."""
    parts, labels, groups = tuple(shares), videos.labels, videos.groups
    _check_enough(videos.items, parts)
    # A column for each label, and one that counts groups: each part gets its share of these too, for
    # a test part of three large groups says little.
    counts = np.zeros((len(groups), len(labels) + 1))
    counts[:, -1] = 1
    label_index = {label: i for i, label in enumerate(labels)}
    group_index = {group: i for i, group in enumerate(groups)}
    for video in videos:
        counts[group_index[video.group], label_index[video.label or ""]] += 1

    target = np.array(list(shares.values()))[:, None] * counts.sum(0)
    weight = 1.0 / (target.sum(0) * target)
    # A large group in a small part leaves it few independent ones: large groups go to the largest part.
    videos_in = counts[:, :-1].sum(1)
    excess = np.maximum(videos_in**2 - np.median(videos_in) ** 2, 0)
    crowding = 4 * excess / target[:, :-1].sum(1)[:, None] ** 2
    everyone = np.arange(len(groups))
    best, best_cost = np.zeros(len(groups), int), np.inf
    attempts = max(1, min(200, 40_000 // len(groups)))
    for attempt in range(2 * attempts):
        if attempt >= attempts and best_cost < LACKING:
            break
        rng = np.random.default_rng((seed, attempt))
        # Large groups first, while there is room; equal ones in random order.
        order = np.lexsort((rng.random(len(groups)), -counts.sum(1) * rng.uniform(0.7, 1.3, len(groups))))
        filled, chosen = np.zeros_like(target), np.zeros(len(groups), int)
        for group in order:
            short = target - filled
            cost = (weight * (counts[group] ** 2 - 2 * counts[group] * short)).sum(1) + crowding[:, group]
            if attempt >= attempts:  # nothing good had all labels everywhere: those that a part lacks come first
                cost -= LACKING * ((filled == 0) & (counts[group] > 0)).sum(1)
            chosen[group] = part = int(np.argmin(cost))
            filled[part] += counts[group]
        cost = (weight * (filled - target) ** 2).sum() + crowding[chosen, everyone].sum()
        cost += LACKING * (filled == 0).sum()
        if cost < best_cost:
            best, best_cost = chosen, cost
    if best_cost >= LACKING:
        named = ", ".join(parts) if len(parts) <= len(PARTS) else f"{len(parts)} folds"
        raise StillmotionError(
            f"found no split of {len(groups)} groups that gives each of {len(labels)} labels a video in each of "
            f"{named}; add recordings, or give the table a column 'split'"
        )
    return [parts[best[group_index[video.group]]] for video in videos]


def _check_enough(videos: Sequence[Video], parts: Sequence[str]) -> None:
    groups: dict[str, set[str]] = {}
    for video in videos:
        groups.setdefault(video.label or "", set()).add(video.group)
    few = {label: len(found) for label, found in sorted(groups.items()) if len(found) < len(parts)}
    if few:
        listed = ", ".join(f"{label!r} {count}" for label, count in list(few.items())[:5])
        more = f" and {len(few) - 5} more labels" if len(few) > 5 else ""
        raise StillmotionError(
            f"too few groups to split: {listed}{more}; each label needs {len(parts)} or more "
            f"(one each for {', '.join(parts)}). Film more recordings, or check --group"
        )
