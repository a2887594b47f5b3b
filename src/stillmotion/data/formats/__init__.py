"""Data sets in the formats that people have. A new format is a module and its row in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stillmotion.data.formats import folders, table
from stillmotion.data.videos import Videos


@dataclass(frozen=True)
class DataFormat:
    """A format of data sets.

    Attributes:
        summary: the format in words, for error messages.
        accepts: whether a path has this format.
        read: reads the data set at a path; the other arguments are the pattern that names groups and the rate of
            folders of frames, or None.
    """

    summary: str
    accepts: Callable[[Path], bool]
    read: Callable[[Path, str | None, float | None], Videos]


# The first format that accepts a path reads it.
FORMATS: dict[str, DataFormat] = {
    "table": DataFormat("a CSV or Parquet table: path,label[,group,split,start,end]", table.accepts, table.read),
    "folders": DataFormat("a folder of folders, one for each label", folders.accepts, folders.read),
}
