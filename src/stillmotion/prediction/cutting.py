"""Cut the events that were found in a file out of it, into one folder per label."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from stillmotion.decoding.live import Source, read_source
from stillmotion.errors import UsageError
from stillmotion.files import make_folder
from stillmotion.prediction.annotation import AnnotatedVideo
from stillmotion.prediction.event_records import Event


class EventClips:
    """Writes each event as a video of its own. The folder is then a data set, to be looked through and trained on.

    A clip begins a window before the event's start, which is when its first window ends. It has no sound.

    Args:
        folder: where the clips go: `LABEL/SOURCE_START-END.mp4`, which `read_videos` takes for parts of one recording.
        source: the file.
        window_seconds: how long the model's windows are.
        replace: whether the folder may hold files.

    Raises:
        UsageError: the source is not a file, or the folder is not empty.
    """

    def __init__(self, folder: Path, source: Source, window_seconds: float, *, replace: bool = False) -> None:
        check_clips(folder, source, replace=replace)
        self.folder, self.source, self.window_seconds = folder, source, window_seconds
        name = urlsplit(source.name).path if "://" in source.name else source.name
        self._stem = file_name(PurePosixPath(Path(name).as_posix()).stem)

    def cut(self, event: Event) -> Path:
        """Write the clip of an event.

        Args:
            event: one that has ended.

        Returns:
            The file.

        Raises:
            UnreadableVideoError: the source cannot be read again.
            StillmotionError: the clip cannot be written.
        """
        start = max(self.source.start_seconds, event.start_seconds - self.window_seconds)
        folder = make_folder(self.folder / file_name(event.label))
        path = folder / f"{self._stem}_{start:.2f}-{event.end_seconds:.2f}.mp4"
        part = replace(self.source, start_seconds=start, end_seconds=event.end_seconds)
        with closing(AnnotatedVideo(path)) as clip, closing(read_source(part)) as frames:
            for frame in frames:
                clip.write(replace(frame, seconds=max(0.0, frame.seconds - start)), None)
        return path


def check_clips(folder: Path, source: Source, *, replace: bool) -> None:
    """Check that the events of a source can be cut out of it, into a folder.

    Args:
        folder: where the clips go.
        source: what is read.
        replace: whether the folder may hold files.

    Raises:
        UsageError: the source is not a file, or the folder is not empty.
    """
    if source.kind != "file":
        raise UsageError(f"{source}: clips are cut out of files; what another source has sent is gone")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder")
    if not replace and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder}: is not empty; choose another folder for clips, or give `replace`")


def file_name(text: str) -> str:
    """A text as a name that every file system takes."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", text).strip(" .")[:100] or "_"
