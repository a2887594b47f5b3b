"""Data sets in the forms that people have them. A new form is a module and its row in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stillmotion.data.formats import folders, table
from stillmotion.data.videos import Videos


@dataclass(frozen=True)
class DataFormat:
    """How a data set lies on disk: `holds(path)` recognises it, `read(path, group)` reads it."""

    summary: str
    holds: Callable[[Path], bool]
    read: Callable[[Path, str | None], Videos]


FORMATS: dict[str, DataFormat] = {
    "table": DataFormat("a CSV or Parquet table: path,label[,group,split,start_seconds,end_seconds]",
                    table.holds, table.read),
    "folders": DataFormat("a folder of folders, one for each label", folders.holds, folders.read),
}  # fmt: skip
