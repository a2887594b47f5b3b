"""What becomes of the files of an archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from stillmotion.data import Video

# Why a file has no predictions: it cannot be read; an error of the model or of a library; its worker died of it; or
# what may be over soon: it is not there, its store refuses it, or there was no memory.
Cause = Literal["unreadable", "error", "killed its worker", "temporary"]


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file, or a segment of one, that is to be predicted.

    Attributes:
        video: its path as given, or its address in object storage, and its segment.
        key: what it is known by: a hash of its absolute path or address and its segment, then one of its size and of
            when it was changed. A file that is changed is another one.
        bytes: its size.
        store: the object store that it is in, as `split_address` returns it; empty for a file of this machine.
    """

    video: Video
    key: str
    bytes: int
    store: str = ""


def place_of(key: str) -> str:
    """The part of a file's key that stays when the file changes."""
    return key.partition("-")[0]


@dataclass(frozen=True, slots=True)
class FileFailure:
    """Why a file has no predictions.

    Attributes:
        video: the file's name in the table.
        key: see `ArchiveFile`.
        cause: the kind of reason.
        reason: in one line.
    """

    video: str
    key: str
    cause: Cause
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What has become of some files.

    Attributes:
        keys: of all of these files.
        table: the rows of those that were predicted; None if there are none.
        failures: the others.
        notes: what the library had to say, one message of each kind.
    """

    keys: tuple[str, ...]
    table: pa.Table | None
    failures: tuple[FileFailure, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)


def rows_table(rows: list[dict[str, Any]]) -> pa.Table | None:
    """Rows as a table; None if there are none."""
    return pa.Table.from_pylist(rows) if rows else None
