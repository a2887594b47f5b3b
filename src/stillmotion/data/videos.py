"""What a data set is: videos with their labels, segments and groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Video:
    """A labeled video, or a labeled segment of one.

    Attributes:
        path: relative to the data set's root, with forward slashes.
        label: the class, if it is known.
        group: the recording that the video was cut from.
        part: the part that the data set itself assigns the video to, if it brings a split.
        start_seconds: where the labeled segment starts; None for the start of the file.
        end_seconds: where it ends; None for the end of the file.

    Examples:
        >>> video = sm.Video("monday.mp4", label="jam", group="monday", start_seconds=2, end_seconds=5)
        >>> video.name
        'monday.mp4@2-5'
    """

    path: str
    label: str | None = None
    group: str = ""
    part: Part | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None

    @property
    def name(self) -> str:
        """A name that is unique in the data set: the path, followed by the segment if there is one."""
        if self.start_seconds is None and self.end_seconds is None:
            return self.path
        # The default of six digits would not tell hundredths of a second apart after three hours.
        end = "" if self.end_seconds is None else f"{self.end_seconds:.12g}"
        return f"{self.path}@{self.start_seconds or 0:.12g}-{end}"


@dataclass(frozen=True)
class Videos(Sequence[Video]):
    """The videos of a data set, in a fixed order.

    Attributes:
        root: the folder that the paths are relative to.
        items: the videos.
        grouping: how the groups were found, in words.
        loose: paths of videos outside the label folders, which therefore have no label.
        groups_guessed: whether the groups follow from the names of files and folders only, because none were given.

    Examples:
        >>> videos = sm.read_videos("clips/")
        >>> len(videos), videos.labels
        (12, ('left', 'right'))
        >>> left = videos.only([video for video in videos if video.label == "left"])
    """

    root: Path
    items: tuple[Video, ...]
    grouping: str = ""
    loose: tuple[str, ...] = ()
    groups_guessed: bool = False

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
        """The path of a video's file.

        Args:
            video: a video of this data set.

        Returns:
            `root` and the video's path, joined.
        """
        return self.root / video.path

    def only(self, items: Sequence[Video]) -> Videos:
        """Select some of the videos.

        Args:
            items: the videos to keep, in the order that the result has.

        Returns:
            The same data set with only these videos.
        """
        return Videos(self.root, tuple(items), self.grouping, groups_guessed=self.groups_guessed)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({video.label for video in self.items if video.label is not None}))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that occur, sorted."""
        return tuple(sorted({video.group for video in self.items}))
