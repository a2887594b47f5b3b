"""Which recording a video was cut from. Clips of one recording are not independent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from stillmotion.data.media import without_rate
from stillmotion.data.videos import Videos
from stillmotion.errors import UsageError

# What cutting tools append to the name of a recording: _c03, -clip2, _part1, .seg04, _12.5-14.0
CUT_MARK = re.compile(
    r"[ ._-]+(?:(?:c|clip|cut|part|pt|seg|segment|chunk|split)[ ._-]?\d+|\d+(?:\.\d+)?-\d+(?:\.\d+)?)$", re.IGNORECASE
)

# Patterns of names that hold the number of a clip, or the two numbers of a stretch of time; simple ones first.
NUMBERED = (
    r"([^/]+)_\d+\.\w+$",
    r"([^/]*[^/\d])\d+\.\w+$",
    r"([^/]*[^/\d])\d+[^/\d]*\.\w+$",
    r"([^/]+)_\d+_\d+\.\w+$",
    r"([^/]*[^/\d])\d+[ ._-]+\d+[^/\d]*\.\w+$",
    r"(?<![^/])\d+[ ._-]+([^/]+)\.\w+$",
)
# Names are told to be alike if a pattern joins this share of the files that are each their own group.
MIN_SHARE_ALIKE = 0.25
# Fewer groups cannot be split anyway. Two names are more likely those of cameras than those of recordings.
MIN_GROUPS = 3


@dataclass(frozen=True)
class GroupingRule:
    """How files are assigned to groups.

    Attributes:
        group_of: maps a path, relative to the data set, to the name of its group.
        description: the rule in words.
    """

    group_of: Callable[[PurePath], str]
    description: str


def make_grouping_rule(pattern: str | None) -> GroupingRule:
    """Make the rule that assigns files to groups.

    Without a pattern, a folder below a label's folder is one group. So are files whose names differ only in a cut
    mark (`monday_clip01` and `monday_clip02`, `v_Biking_g01_c03`), whatever their label. Every other file is its own
    group.

    Args:
        pattern: a regular expression that is searched in each path (relative, forward slashes). Its first capturing
            group that takes part in the match names the group; the whole match does if there is none.

    Returns:
        The rule. Its function raises `UsageError` for a path that the pattern does not match.

    Raises:
        UsageError: the pattern is not a regular expression.
    """
    if pattern is None:
        return GroupingRule(
            _group_by_name,
            "groups: folders below the labels, and files alike but for a mark such as _clip01; else each file",
        )
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"group {pattern!r} is not a regular expression: {error}") from None

    def group_by_pattern(file: PurePath) -> str:
        match = expression.search(file.as_posix())
        if not match:
            raise UsageError(f"group {pattern!r} does not match {file.as_posix()!r}; every path must match")
        return next((part for part in match.groups() if part is not None), match.group())

    return GroupingRule(group_by_pattern, f"groups: what {pattern!r} matches in the path")


def _group_by_name(file: PurePath) -> str:
    """The folder below the label's folder, or the file's name without its cut mark."""
    if len(file.parts) > 2:
        return "/".join(file.parts[1:-1])
    stem, marks = CUT_MARK.subn("", file.stem)
    # Unmarked files keep their label's folder: a/001.mp4 and b/001.mp4 are not one recording.
    return stem if marks and stem else file.as_posix()


@dataclass(frozen=True)
class AlikeNames:
    """Files whose names are alike but for a number, though each is a group of its own.

    Attributes:
        pattern: a regular expression that would join them.
        files: the number of files that it would join with others.
        groups: the number of groups that the data set would have.
        example: two files that it would join.
    """

    pattern: str
    files: int
    groups: int
    example: tuple[str, str]

    @property
    def question(self) -> str:
        """What a user should be asked, without a full stop at the end."""
        first, second = self.example
        return (
            f"the names of {self.files} files are alike but for a number ({first}, {second}, ...), and each file is a "
            "group of its own. Were such files cut from one recording? Then every model looks better than it is, until "
            f"they are joined into {self.groups} groups, for example by the pattern '{self.pattern}'"
        )


def find_alike_names(videos: Videos) -> AlikeNames | None:
    """Find out whether the names of files look as if several of them were cut from one recording.

    In `walk/patient00_1.mp4`, `walk/patient00_2.mp4` and `walk/patient01_1.mp4` they do. In `walk/001.mp4` and
    `walk/002.mp4`, or `walk/walk_1.mp4` and `walk/walk_2.mp4`, the number is all that tells the files of a label apart,
    and nothing follows.

    Args:
        videos: a data set.

    Returns:
        What a pattern would join; None if no names are alike, or if groups are given for all.
    """
    if not videos.groups_guessed:
        return None
    paths = {video: without_rate(PurePath(video.path)) for video in videos}
    single = [video for video, path in paths.items() if path.as_posix() == video.group]
    for pattern in NUMBERED:
        unmatched = [video for video, path in paths.items() if not re.search(pattern, path.as_posix())]
        if not set(unmatched) <= set(single):
            continue  # They have groups already, and a pattern must match all paths.
        pattern = f"^(?:.*/)?{pattern}|.+" if unmatched else pattern
        rule = make_grouping_rule(pattern)
        groups = {video: rule.group_of(path) for video, path in paths.items()}
        joined: dict[str, dict[str, str]] = defaultdict(dict)
        for video in single:
            joined[groups[video]].setdefault(paths[video].name, video.path)
        alike = {group: list(files.values()) for group, files in joined.items() if len(files) > 1}
        by_label: dict[str | None, set[str]] = defaultdict(set)
        for video in single:
            by_label[video.label].update({groups[video]} & alike.keys())
        count = sum(groups[video] in alike for video in single)
        # If only one name stands before the numbers of a label, it is that of the label, or of the camera.
        tells_apart = any(len(names) > 1 for names in by_label.values())
        if tells_apart and len(set(groups.values())) >= MIN_GROUPS and count >= MIN_SHARE_ALIKE * len(single):
            first, second, *_ = next(iter(alike.values()))
            return AlikeNames(pattern, count, len(set(groups.values())), (first, second))
    return None
