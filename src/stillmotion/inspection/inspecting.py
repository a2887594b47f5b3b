"""What a data set holds, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stillmotion.clips import Segment, SkippedVideo, open_videos
from stillmotion.data import PARTS, AlikeNames, Videos, as_videos, find_alike_names, straddling_groups
from stillmotion.inspection.duplicates import DuplicatePair, copies, near_duplicates
from stillmotion.progress import Progress, no_progress

# One each for train, validation and test.
MIN_GROUPS = 3


@dataclass(frozen=True)
class LabelCount:
    """How often a label occurs.

    Attributes:
        videos: the number of videos.
        groups: the number of groups that they come from.
    """

    videos: int
    groups: int


@dataclass(frozen=True)
class Inspection:
    """The findings of `inspect_videos`.

    Attributes:
        videos: the data set.
        segments: the readable videos.
        skipped: the others, with reasons.
        labels: the number of readable videos of each label, and of their groups.
        ends_early: readable videos whose header claims a longer duration than is there.
        few_groups: labels that have too few groups for a split, and how many they have.
        duplicates: pairs of videos that show the same, across labels or across the table's own parts.
        copies: further pairs that show the same, under another label or in another group: segments that overlap in one
            file, and files with the same bytes.
        straddling: groups that are in more than one part of the table's own split.
        alike_names: files that may be of one recording by their names, though each is a group of its own.

    Examples:
        >>> inspection = sm.inspect_videos("clips/")
        >>> inspection.labels["left"].videos, inspection.skipped
        (6, [])
    """

    videos: Videos
    segments: list[Segment]
    skipped: list[SkippedVideo]
    labels: dict[str, LabelCount]
    ends_early: list[Segment]
    few_groups: dict[str, int]
    duplicates: list[DuplicatePair]
    copies: list[tuple[Segment, Segment]]
    straddling: list[str]
    alike_names: AlikeNames | None = None

    @property
    def each_its_own_group(self) -> bool:
        """Whether no two videos are in one group, and nobody has said so."""
        return self.videos.groups_guessed and len(self.videos.groups) == len(self.videos)


def inspect_videos(videos: Videos | str | Path, *, progress: Progress = no_progress) -> Inspection:
    """Open every video of a data set, and find what is broken and what would make models look better than they are.

    Args:
        videos: the data set, or its folder or table.
        progress: receives the number of videos opened, compared, and read for copies.

    Returns:
        The findings.

    Raises:
        UsageError: there is no such data set.

    Examples:
        >>> sm.inspect_videos("clips/").few_groups
        {}
    """
    videos = as_videos(videos)
    opened = open_videos(videos, progress=progress)
    readable = opened.videos
    counts = Counter(video.label or "" for video in readable) | Counter(dict.fromkeys(videos.labels, 0))
    groups = {label: {video.group for video in readable if (video.label or "") == label} for label in counts}
    parts = [videos.only([video for video in videos if video.part == part]) for part in PARTS]
    duplicates = near_duplicates(opened.segments, progress=progress)
    known = {frozenset((pair.first.video, pair.second.video)) for pair in duplicates}
    return Inspection(
        videos,
        list(opened.segments),
        list(opened.skipped),
        labels={label: LabelCount(count, len(groups[label])) for label, count in sorted(counts.items())},
        ends_early=[segment for segment in opened.segments if segment.facts.header_seconds is not None],
        few_groups={label: len(names) for label, names in sorted(groups.items()) if len(names) < MIN_GROUPS},
        duplicates=duplicates,
        copies=[
            (first, second)
            for first, second in copies(opened.segments, progress=progress)
            if frozenset((first.video, second.video)) not in known
        ],
        straddling=straddling_groups(parts),
        alike_names=find_alike_names(videos),
    )
