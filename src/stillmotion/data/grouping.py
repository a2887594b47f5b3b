"""Which recording a video was cut from. Clips of one recording are not independent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from stillmotion.errors import UsageError

# What cutting tools append to the name of a recording: _c03, -clip2, _part1, .seg04, _12.5-14.0
CUT_MARK = re.compile(
    r"[ ._-]+(?:(?:c|clip|cut|part|pt|seg|segment|chunk|split)[ ._-]?\d+|\d+(?:\.\d+)?-\d+(?:\.\d+)?)$", re.IGNORECASE
)


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
