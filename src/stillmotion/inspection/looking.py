"""What is in a data set, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from stillmotion.clips import LeftOut, Stretch, find_stretches
from stillmotion.data import PARTS, Videos, straddling_groups
from stillmotion.inspection.duplicates import Pair, near_duplicates

FEWEST_GROUPS = 3  # one each for train, validation and test


@dataclass(frozen=True)
class LabelCount:
    """How often a label occurs."""

    videos: int
    groups: int


@dataclass(frozen=True)
class Inspection:
    """The findings of `look_over`.

    Attributes:
        stretches: the readable videos.
        left_out: the others, with reasons.
        labels: videos and groups of each label, of all videos.
        ends_early: readable videos whose header promises more than is there.
        few_groups: labels that cannot be split by group.
        duplicates: near-duplicates across labels or across the table's own parts.
        straddling: groups in more than one of the table's own parts.
    """

    videos: Videos
    stretches: list[Stretch]
    left_out: list[LeftOut]
    labels: dict[str, LabelCount]
    ends_early: list[Stretch]
    few_groups: dict[str, int]
    duplicates: list[Pair]
    straddling: list[str]


def look_over(videos: Videos, progress: Callable[[int, int], None] | None = None) -> Inspection:
    """Open every video of a data set and say what is there, what is broken and what will flatter a model.

    Args:
        progress: told how many videos are opened, of how many.
    """
    stretches, left_out = find_stretches(videos, progress=progress)
    counts = Counter(video.label or "" for video in videos)
    groups = {label: {video.group for video in videos if video.label == label} for label in counts}
    parts = [videos.only([video for video in videos if video.part == part]) for part in PARTS]
    return Inspection(
        videos,
        stretches,
        left_out,
        labels={label: LabelCount(count, len(groups[label])) for label, count in sorted(counts.items())},
        ends_early=[stretch for stretch in stretches if stretch.facts.promised_seconds is not None],
        few_groups={label: len(found) for label, found in sorted(groups.items()) if len(found) < FEWEST_GROUPS},
        duplicates=near_duplicates(stretches),
        straddling=straddling_groups(parts),
    )
