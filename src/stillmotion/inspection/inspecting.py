"""What is in a data set, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from stillmotion.clips import Segment, SkippedVideo, open_videos
from stillmotion.data import PARTS, Videos, straddling_groups
from stillmotion.inspection.duplicates import DuplicatePair, near_duplicates
from stillmotion.progress import Progress, no_progress

FEWEST_GROUPS = 3  # one each for train, validation and test


@dataclass(frozen=True)
class LabelCount:
    """How often a label occurs."""

    videos: int
    groups: int


@dataclass(frozen=True)
class Inspection:
    """The findings of `inspect_videos`.

    Attributes:
        stretches: the readable videos.
        skipped: the others, with reasons.
        labels: videos and groups of each label, of all videos.
        ends_early: readable videos whose header promises more than is there.
        few_groups: labels that cannot be split by group.
        duplicates: near-duplicates across labels or across the table's own parts.
        straddling: groups in more than one of the table's own parts.
    """

    videos: Videos
    segments: list[Segment]
    skipped: list[SkippedVideo]
    labels: dict[str, LabelCount]
    ends_early: list[Segment]
    few_groups: dict[str, int]
    duplicates: list[DuplicatePair]
    straddling: list[str]


def inspect_videos(videos: Videos, *, progress: Progress = no_progress) -> Inspection:
    """Open every video of a data set and say what is there, what is broken and what will flatter a model.

    Args:
        progress: told how many videos are opened, of how many.
    """
    opened = open_videos(videos, progress=progress)
    segments, skipped = list(opened.segments), list(opened.skipped)
    counts = Counter(video.label or "" for video in videos)
    groups = {label: {video.group for video in videos if video.label == label} for label in counts}
    parts = [videos.only([video for video in videos if video.part == part]) for part in PARTS]
    return Inspection(
        videos,
        segments,
        skipped,
        labels={label: LabelCount(count, len(groups[label])) for label, count in sorted(counts.items())},
        ends_early=[segment for segment in segments if segment.facts.header_seconds is not None],
        few_groups={label: len(found) for label, found in sorted(groups.items()) if len(found) < FEWEST_GROUPS},
        duplicates=near_duplicates(segments),
        straddling=straddling_groups(parts),
    )
