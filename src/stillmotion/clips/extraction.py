"""Open data sets and read clips. Training, evaluation and prediction all get their frames here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from stillmotion.clips.cache import cached_frames
from stillmotion.clips.sampling import Window, frame_times
from stillmotion.clips.spec import ClipSpec
from stillmotion.data import Video, Videos, as_videos
from stillmotion.decoding import DecodedFrames, Framing, Images, Seconds, VideoFacts, probe, read_frames
from stillmotion.errors import UnreadableVideoError
from stillmotion.progress import Progress, no_progress

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Segment:
    """The labeled segment of a readable video.

    Attributes:
        video: the entry in the data set.
        file: the path of the video.
        facts: what the file holds.
        window: start and end of the segment, in seconds.

    Examples:
        >>> segment = sm.open_videos("clips/").segments[0]
        >>> segment.video.label, segment.facts.width
        ('left', 16)
    """

    video: Video
    file: Path
    facts: VideoFacts
    window: Window

    @property
    def seconds(self) -> float:
        """The duration of the segment; 0 for an image."""
        return self.window[1] - self.window[0]


@dataclass(frozen=True)
class SkippedVideo:
    """A video that cannot be used.

    Attributes:
        video: the entry in the data set.
        reason: why, in one line that names the file.

    Examples:
        >>> for result in sm.predict("runs/motion", ["new.mp4", "notes.txt"]):
        ...     if isinstance(result, sm.SkippedVideo):
        ...         print(result.video.path)
        notes.txt
    """

    video: Video
    reason: str


@dataclass(frozen=True)
class OpenedVideos:
    """A data set whose files have been opened, so that no later stage has to open them again.

    Functions that take `Videos` take this as well.

    Attributes:
        root: the folder that paths are relative to.
        segments: the readable videos, in the order of the data set.
        skipped: the others, with reasons.

    Examples:
        >>> opened = sm.open_videos("clips/")
        >>> len(opened.segments), len(opened.skipped)
        (12, 0)
    """

    root: Path
    segments: tuple[Segment, ...]
    skipped: tuple[SkippedVideo, ...] = ()

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    @cached_property
    def videos(self) -> Videos:
        """The readable videos."""
        return Videos(self.root, tuple(segment.video for segment in self.segments))

    def only(self, videos: Collection[Video]) -> OpenedVideos:
        """Select some of the videos.

        Args:
            videos: the videos to keep.

        Returns:
            Their segments, in the same order as before, and no skipped videos.
        """
        wanted = set(videos)
        segments = tuple(segment for segment in self.segments if segment.video in wanted)
        return replace(self, segments=segments, skipped=())


def open_videos(videos: Videos | OpenedVideos | str | Path, *, progress: Progress = no_progress) -> OpenedVideos:
    """Open every video and find its labeled segment.

    A file that ends before its header says is used as far as it goes.

    Args:
        videos: a data set, or its folder or table; one that is open already is returned as it is.
        progress: receives the number of videos opened so far.

    Returns:
        The readable segments, and the videos that were skipped: unreadable ones, segments that start after the end
        of their video, and files outside the label folders.

    Raises:
        UsageError: there is no such data set.

    Examples:
        >>> opened = sm.open_videos("clips/")
        >>> train, validation, test = (opened.only(part) for part in sm.split(opened.videos))
    """
    if isinstance(videos, OpenedVideos):
        return videos
    data = as_videos(videos)

    def open_video(video: Video) -> Segment | SkippedVideo:
        file = data.file(video)
        try:
            facts = probe(file)
        except UnreadableVideoError as error:
            return SkippedVideo(video, str(error))
        start = video.start_seconds or 0.0
        end = facts.seconds if video.end_seconds is None else min(video.end_seconds, facts.seconds)
        if start > end:
            return SkippedVideo(
                video, f"{file}: the segment starts at {start:g} s, but the video ends at {facts.seconds:.3g} s"
            )
        return Segment(video, file, facts, (start, end))

    results = thread_map(open_video, data, progress, "opening videos")
    loose = [
        SkippedVideo(Video(name), f"{data.root / name}: not in the folder of any label; move it into one")
        for name in data.loose
    ]
    unreadable = [result for result in results if isinstance(result, SkippedVideo)]
    segments = tuple(result for result in results if isinstance(result, Segment))
    return OpenedVideos(data.root, segments, (*loose, *unreadable))


def read_clips(file: Path, windows: Sequence[Window], spec: ClipSpec, *, cache: bool = False) -> Images:
    """Read the clips of a file's windows.

    Args:
        file: the video.
        windows: start and end of each clip, in seconds.
        spec: how a window becomes a clip.
        cache: whether the decoded frames are kept in the cache on disk.

    Returns:
        uint8 RGB `(windows, frames, height, width, 3)`.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
    """
    times = np.concatenate([frame_times(spec, window) for window in windows])
    read: Callable[[Path, Seconds, int, int, Framing], DecodedFrames] = cached_frames if cache else read_frames
    images = read(file, times, spec.height, spec.width, spec.framing).shown_at(times)
    return images.reshape(len(windows), spec.frames, spec.height, spec.width, 3)


def thread_map(
    work: Callable[[T], R], items: Sequence[T], progress: Progress = no_progress, stage: str = ""
) -> list[R]:
    """Apply `work` to every item on as many threads as there are cores.

    Threads are enough, since decoding releases Python's global interpreter lock.

    Args:
        work: called once for each item.
        items: its arguments.
        progress: receives the number of finished items, under `stage`.
        stage: what to call the work.

    Returns:
        The results, in the order of `items`.
    """
    results: list[R] = []
    if len(items) == 1:  # In a service, a new thread for each file makes memory grow.
        results.append(work(items[0]))
        progress(stage, 1, 1)
        return results
    with ThreadPoolExecutor() as pool:
        try:
            for result in pool.map(work, items):
                results.append(result)
                progress(stage, len(results), len(items))
        except BaseException:
            # Ctrl-C comes here too: do not work through what is left before it is raised.
            pool.shutdown(cancel_futures=True)
            raise
    return results
