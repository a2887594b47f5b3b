"""Which recording a video was cut from. Clips of one recording are not independent."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath

from stillmotion.errors import UsageError

# What cutting tools append to the name of a recording: _c03, -clip2, _part1, .seg04, _12.5-14.0
CUT_MARK = re.compile(
    r"[ ._-]+(?:(?:c|clip|cut|part|pt|seg|segment|chunk|split)[ ._-]?\d+|\d+(?:\.\d+)?-\d+(?:\.\d+)?)$", re.IGNORECASE
)


def group_of(pattern: str | None) -> tuple[Callable[[PurePath], str], str]:
    """How to name a file's group, and the same in words.

    A `pattern` is a regular expression searched in the path (relative, forward slashes): its first
    bracketed part names the group, or all that matches if it has none. Without one: a folder below
    the label's folder is a group; so are files alike but for a cut mark (`monday_clip01`,
    `monday_clip02`, `v_Biking_g01_c03`), under whatever label; any other file is its own.

    Raises:
        UsageError: the pattern is not a regular expression; from the function: it does not match.
    """
    if pattern is not None:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise UsageError(f"--group {pattern!r} is not a regular expression: {error}") from None

        def matched(file: PurePath) -> str:
            found = expression.search(file.as_posix())
            if not found:
                raise UsageError(f"--group {pattern!r} does not match {file.as_posix()!r}; every path must match")
            return next((part for part in found.groups() if part is not None), found.group())

        return matched, f"groups: what {pattern!r} matches in the path"

    def sensible(file: PurePath) -> str:
        if len(file.parts) > 2:
            return "/".join(file.parts[1:-1])
        stem, marks = CUT_MARK.subn("", file.stem)
        return stem if marks and stem else file.as_posix()

    return sensible, "groups: folders below the labels, and files alike but for a mark such as _clip01; else each file"
