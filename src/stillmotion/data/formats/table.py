"""A CSV or Parquet table with a row for each video.

    path,label,group,split,start_seconds,end_seconds
    day1/a.mp4,jam,day1,train,12.5,20

Paths are relative to the table's folder, or absolute. `path` is needed, `label` for all but
prediction; the other columns are optional, and so is each of their cells. `split` is train,
validation (val, valid, dev) or test.
"""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePath
from typing import Any

from stillmotion.data.grouping import group_of
from stillmotion.data.tables import columns_told, read_table
from stillmotion.data.videos import Part, Video, Videos
from stillmotion.errors import StillmotionError

COLUMNS = ("path", "label", "group", "split", "start_seconds", "end_seconds")
PART_NAMES: dict[str, Part] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def holds(path: Path) -> bool:
    """Whether `path` is a file whose ending is .csv, .tsv or .parquet."""
    return path.is_file() and path.suffix.lower() in (".csv", ".tsv", ".parquet")


def read(path: Path, group: str | None) -> Videos:
    """Read the table at `path`.

    Raises:
        StillmotionError: not a table, no `path` column, or a cell that cannot be; the row is named.
    """
    table = read_table(path, needed=COLUMNS)
    rows = table.to_pylist()
    if not rows:
        raise StillmotionError(f"{path}: the table has no rows")
    if "path" not in rows[0]:
        told = columns_told(table.column_names, COLUMNS)
        raise StillmotionError(f"{path}: no column 'path'; the columns are {told}")
    name, grouping = group_of(group)
    own_groups = "group" in rows[0] and group is None
    root, videos = path.parent, []
    for line, row in enumerate(rows, start=2):
        where = f"{path}, row {line}"
        file = _text(row["path"])
        if file is None:
            raise StillmotionError(f"{where}: no path")
        if os.path.isabs(file):
            file = os.path.relpath(file, root)
        file = Path(file).as_posix()
        split = _text(row.get("split"))
        if split is not None and split.lower() not in PART_NAMES:
            raise StillmotionError(f"{where}: split is {split!r}; expected train, validation or test")
        start, end = _seconds(row, "start_seconds", where), _seconds(row, "end_seconds", where)
        if end is not None and end <= (start or 0.0):
            raise StillmotionError(f"{where}: end_seconds {end:g} is not after start_seconds {start or 0.0:g}")
        videos.append(
            Video(
                file,
                label=_text(row.get("label")),
                # Stretches of one file are one recording, unless the table says otherwise.
                group=(own_groups and _text(row["group"])) or (name(PurePath(file)) if group else file),
                part=PART_NAMES[split.lower()] if split else None,
                start_seconds=start,
                end_seconds=end,
            )
        )
    if own_groups:
        grouping = "groups: the table's column"
    elif group is None:
        grouping = "groups: each file its own (the table has no column 'group')"
    return Videos(root, tuple(dict.fromkeys(videos)), grouping)


def _text(cell: Any) -> str | None:
    text = "" if cell is None else str(cell).strip()
    return text or None


def _seconds(row: dict[str, Any], column: str, where: str) -> float | None:
    text = _text(row.get(column))
    if text is None:
        return None
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise StillmotionError(f"{where}: {column} is {text!r}; expected seconds, 0 or more")
    return seconds
