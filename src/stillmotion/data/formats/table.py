"""A CSV or Parquet table with one row per video.

    path,label,group,split,start,end
    day1/a.mp4,jam,day1,train,12.5,20
    day1/b.mp4,jam,day1,train,0:02:35,0:02:41

Paths are relative to the table's folder, or absolute; a folder of numbered frames is a video. The column `path` is
required, `label` for everything but prediction. The other columns are optional, and so is each of their cells. `split`
is train, validation (val, valid, dev) or test. Start and end have the names and forms that
`stillmotion.data.segment_columns` knows. The column `what` is for people. Columns that are not
known are ignored, and named in a note.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from stillmotion.data.frame_folders import add_frame_rate
from stillmotion.data.grouping import make_grouping_rule
from stillmotion.data.segment_columns import USAGE, SegmentColumns, find_segment_columns, looks_like_time
from stillmotion.data.tables import describe_columns, read_table
from stillmotion.data.videos import Part, Video, Videos
from stillmotion.errors import StillmotionError

COLUMNS = ("path", "label", "group", "split")
# What a row shows, for people: `make-demo-data` writes it.
REMARK = "what"
PART_NAMES: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
log = logging.getLogger(__name__)


def accepts(path: Path) -> bool:
    """Whether `path` is a file whose name ends with .csv, .tsv or .parquet."""
    return path.is_file() and path.suffix.lower() in (".csv", ".tsv", ".parquet")


def read(path: Path, group: str | None, frame_rate: float | None = None) -> Videos:
    """Read a table of videos.

    Args:
        path: the table.
        group: a regular expression that names groups, or None. It takes precedence over the column `group`.
        frame_rate: frames per second of the folders of numbered frames that the table lists.

    Returns:
        The videos in the order of the rows.

    Raises:
        UsageError: `group` is not a regular expression, or does not match a path.
        StillmotionError: not a table, no column `path`, a cell that makes no sense, or two rows for one segment; the
            rows are named. Or a folder of frames without a rate.
    """
    table = read_table(path, expected=(*COLUMNS, "start", "end", "start_seconds", "end_seconds"))
    lower = {name: name.strip().lower() for name in table.column_names}
    table = table.rename_columns([lower[name] if lower[name] in COLUMNS else name for name in table.column_names])
    repeated = next((name for name in table.column_names if table.column_names.count(name) > 1), None)
    if repeated is not None:
        raise StillmotionError(f"{path}: has two columns {repeated!r}")
    rows = table.to_pylist()
    if not rows:
        raise StillmotionError(f"{path}: the table has no rows")
    if "path" not in rows[0]:
        columns = describe_columns(table.column_names, COLUMNS)
        raise StillmotionError(f"{path}: no column 'path'; the columns are {columns}")
    try:
        times = find_segment_columns(table.column_names)
    except StillmotionError as error:
        raise StillmotionError(f"{path}: {error}") from None
    ignored = [name for name in table.column_names if name not in (*COLUMNS, REMARK, *times.names)]
    like_times = [] if times.complete else [name for name in ignored if looks_like_time(name)]
    if like_times:
        log.warning(
            "%s: columns that are not used, though they look like times: %s; %s",
            path.name,
            ", ".join(like_times),
            USAGE,
        )
    ignored = [name for name in ignored if name not in like_times]
    if ignored:
        log.info("%s: columns that are not used: %s", path.name, ", ".join(ignored))
    # Segments of one file are one recording, unless the table says otherwise.
    group_of: Callable[[PurePath], str] = PurePath.as_posix
    if group is not None:
        rule = make_grouping_rule(group)
        group_of, grouping = rule.group_of, rule.description
    elif "group" in rows[0]:
        grouping = "groups: the table's column"
    else:
        grouping = "groups: each file its own (the table has no column 'group')"
    videos = [
        _read_row(row, path.parent, group_of, times, own_group=group is None, place=f"{path}, row {number}")
        for number, row in enumerate(rows, start=2)
    ]
    _check_unique(videos, path)
    videos = add_frame_rate(path, path.parent, videos, frame_rate)
    return Videos(path.parent, tuple(videos), grouping, groups_guessed=group is None and "group" not in rows[0])


def _read_row(
    row: Mapping[str, Any],
    root: Path,
    group_of: Callable[[PurePath], str],
    times: SegmentColumns,
    *,
    own_group: bool,
    place: str,
) -> Video:
    """The video of one row. Errors begin with `place`."""
    file = _text(row["path"])
    if file is None:
        raise StillmotionError(f"{place}: no path")
    if os.path.isabs(file):
        file = os.path.relpath(file, root)
    file = Path(file).as_posix()
    split = _text(row.get("split"))
    if split is not None and split.lower() not in PART_NAMES:
        raise StillmotionError(f"{place}: split is {split!r}; expected train, validation or test")
    try:
        start, end = times.read(row)
    except StillmotionError as error:
        raise StillmotionError(f"{place}: {error}") from None
    return Video(
        file,
        label=_text(row.get("label")),
        group=(_text(row.get("group")) if own_group else None) or group_of(PurePath(file)),
        part=PART_NAMES[split.lower()] if split else None,
        start_seconds=start,
        end_seconds=end,
    )


def _check_unique(videos: Sequence[Video], path: Path) -> None:
    """Refuse two rows for one segment: tables of predictions would mix them up."""
    rows: dict[str, int] = {}
    for row, video in enumerate(videos, start=2):
        first = rows.setdefault(video.name, row)
        if first != row:
            raise StillmotionError(f"{path}, rows {first} and {row}: both are {video.name}; keep one of them")


def _text(cell: Any) -> str | None:
    """A cell as text; None if it is empty."""
    text = "" if cell is None else str(cell).strip()
    return text or None
