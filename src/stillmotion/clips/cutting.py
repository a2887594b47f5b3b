"""File -> clip. Training, evaluation and prediction all get their pictures here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from stillmotion.clips.cache import cached_frames
from stillmotion.clips.sampling import Window, frame_times
from stillmotion.clips.spec import ClipSpec
from stillmotion.data import Video, Videos
from stillmotion.decoding import Frames, Images, Seconds, VideoFacts, probe, read_frames
from stillmotion.errors import UnreadableVideo

Progress = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Stretch:
    """A readable video, with what its file holds and where its labelled stretch lies, in seconds."""

    video: Video
    file: Path
    facts: VideoFacts
    window: Window

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 for a picture."""
        return self.window[1] - self.window[0]


@dataclass(frozen=True)
class LeftOut:
    """A video that cannot be used, and why."""

    video: Video
    reason: str


def find_stretches(videos: Videos, *, progress: Progress | None = None) -> tuple[list[Stretch], list[LeftOut]]:
    """Open every video, and find its labelled stretch; those that cannot be read or have no place are left out.

    A file that ends before its header says is used as far as it goes.
    """

    def look(video: Video) -> Stretch | LeftOut:
        file = videos.file(video)
        try:
            facts = probe(file)
        except UnreadableVideo as error:
            return LeftOut(video, str(error))
        start = video.start_seconds or 0.0
        end = facts.seconds if video.end_seconds is None else min(video.end_seconds, facts.seconds)
        if start > end:
            return LeftOut(video, f"{file}: the stretch begins at {start:g} s, the video ends at {facts.seconds:.3g} s")
        return Stretch(video, file, facts, (start, end))

    found = in_threads(look, videos, progress)
    loose = [
        LeftOut(Video(name), f"{videos.root / name}: in no label's folder; move it into one") for name in videos.loose
    ]
    bad = [one for one in found if isinstance(one, LeftOut)]
    return [one for one in found if isinstance(one, Stretch)], loose + bad


def cut(file: Path, windows: Sequence[Window], spec: ClipSpec, *, keep: bool = False) -> Images:
    """The clips of a file's windows: uint8 RGB `(windows, frames, height, width, 3)`.

    Args:
        keep: whether the decoded frames go to the cache.

    Raises:
        UnreadableVideo: the file gives no picture.
    """
    times = np.concatenate([frame_times(spec, window) for window in windows])
    read: Callable[[Path, Seconds, int, int], Frames] = cached_frames if keep else read_frames
    shown = read(file, times, spec.height, spec.width).shown_at(times)
    return shown.reshape(len(windows), spec.frames, spec.height, spec.width, 3)


def in_threads(work: Callable[[T], R], items: Sequence[T], progress: Progress | None = None) -> list[R]:
    """`work` on each item, in order, on as many threads as there are cores: decoding leaves Python free."""
    results: list[R] = []
    with ThreadPoolExecutor() as pool:
        try:
            for result in pool.map(work, items):
                results.append(result)
                if progress:
                    progress(len(results), len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results
