"""Which videos there are: a file or a stretch of one, its label, and the recording it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Video:
    """A labelled video, or a labelled stretch of one.

    `path` is relative to the data set's root, with forward slashes. `group` names the recording that
    it was cut from. `start_seconds` and `end_seconds` bound the labelled stretch; None is the file's
    own bound. `part` is the data set's own split, where it has one.
    """

    path: str
    label: str | None = None
    group: str = ""
    part: Part | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None

    @property
    def name(self) -> str:
        """What tells this video from all others of its set: the path, and the stretch if it is one."""
        if self.start_seconds is None and self.end_seconds is None:
            return self.path
        return f"{self.path}@{self.start_seconds or 0:g}-{'' if self.end_seconds is None else f'{self.end_seconds:g}'}"


@dataclass(frozen=True)
class Videos(Sequence[Video]):
    """The videos of a data set, in a fixed order. `grouping` says in words how groups were found.

    loose: files that are videos, but have no place in the data set.
    """

    root: Path
    items: tuple[Video, ...]
    grouping: str = ""
    loose: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Video: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Video, ...]: ...
    def __getitem__(self, index: int | slice) -> Video | tuple[Video, ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Video]:
        return iter(self.items)

    def file(self, video: Video) -> Path:
        """Where the video's file lies."""
        return self.root / video.path

    def only(self, items: Sequence[Video]) -> Videos:
        """The same data set with these videos alone."""
        return Videos(self.root, tuple(items), self.grouping)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({video.label for video in self.items if video.label is not None}))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that occur, sorted."""
        return tuple(sorted({video.group for video in self.items}))
