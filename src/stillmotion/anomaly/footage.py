"""Normal footage: its recordings, and their measures on disk.

Each recording is measured once, several at a time. Its measures are written as they come, some frames per array, so
that a recording of a day fits into memory; they are read in the same way. A file is complete or not there, so an
interrupted call goes on with the recordings that are missing.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.measuring import Floats, Measures, measure_file
from stillmotion.anomaly.memory import MotionStack
from stillmotion.anomaly.steadying import StillPixels
from stillmotion.clips import thread_map
from stillmotion.data import check_name
from stillmotion.data.grouping import make_grouping_rule
from stillmotion.data.media import check_exists, find_media, is_image
from stillmotion.decoding import probe
from stillmotion.decoding.live import find_source
from stillmotion.errors import StillmotionError, UnreadableVideoError
from stillmotion.files import atomic_write
from stillmotion.formatting import count
from stillmotion.progress import Progress, no_progress

# Frames per array on disk.
CHUNK = 500
# How often progress is reported, in seconds of footage.
REPORT_SECONDS = 10.0
_HASHED_BYTES = 1 << 20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """A recording of normal footage.

    Attributes:
        name: relative to the footage's folder.
        file: the video.
        group: recordings of one group are held out together.
    """

    name: str
    file: Path
    group: str


def find_recordings(normal: Path, group: str | None = None, within: str | PurePath = "") -> list[Recording]:
    """Find the recordings of normal footage.

    Args:
        normal: a folder or a video.
        group: a regular expression; what it matches in a video's path names its group.
        within: where the folder is in the one that names are relative to.

    Returns:
        The recordings, sorted by path.

    Raises:
        UsageError: there is no such file or folder, or `group` makes no sense.
        StillmotionError: there is no video in the folder, or a name is not in UTF-8.
    """
    check_exists(normal)
    root = footage_folder(normal)
    files = [file for file in find_media(normal) if not is_image(file)] if normal.is_dir() else [normal]
    if not files:
        raise StillmotionError(f"{normal}: no videos in this folder")
    for file in files:
        check_name(file.resolve())
    rule = make_grouping_rule(group)
    names = [PurePath(within, file.relative_to(root)) for file in files]
    return [Recording(name.as_posix(), file, rule.group_of(name)) for name, file in zip(names, files, strict=True)]


def footage_folder(normal: Path) -> Path:
    """The folder of normal footage, which may be given as one of its videos."""
    return normal if normal.is_dir() else normal.parent


@dataclass(frozen=True)
class MeasuredRecording:
    """The measures of a recording, on disk.

    Attributes:
        recording: which one.
        file: where they are.
        frames: how many.
    """

    recording: Recording
    file: Path
    frames: int

    def read(self, rate: float) -> Iterator[tuple[Measures, Floats | None]]:
        """Read each frame, with the movement up to it, see `MotionStack`."""
        stack = MotionStack(rate)
        with self.file.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for number in range(-(-self.frames // CHUNK)):
                for seconds, starts, *floats in archive[f"frames{number}"]:
                    patches, top, flow = (part.astype(np.float32) for part in floats)
                    measures = Measures(float(seconds), bool(starts), patches, top, flow)
                    yield measures, stack.push(measures)

    def read_looks(self) -> Iterator[tuple[bool, NDArray[np.float16]]]:
        """Read how each frame looks, `(cells, channels)`, and whether it begins a recording."""
        with self.file.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for number in range(-(-self.frames // CHUNK)):
                chunk = archive[f"frames{number}"]
                yield from zip(chunk["starts"].tolist(), chunk["patches"], strict=True)


def measure_recordings(
    recordings: Sequence[Recording],
    model: Any,
    rate: float,
    folder: Path,
    progress: Progress = no_progress,
    still: StillPixels | None = None,
) -> list[MeasuredRecording]:
    """Measure recordings on as many threads as there are cores; those that are in the folder already are read.

    Args:
        recordings: what to measure.
        model: see `FrameMeasurer`.
        rate: frames per second.
        folder: where the measures are kept.
        progress: receives the minutes of footage measured, from several threads, but never from two at a time.
        still: see `FrameMeasurer`.

    Returns:
        The recordings that can be read and show something; what is skipped is logged.

    Raises:
        StillmotionError: no recording can be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    minutes = _Minutes(recordings, progress)

    def measure(number: int) -> int | UnreadableVideoError:
        file = folder / f"{number:05d}.npz"
        frames: int | UnreadableVideoError | None = _count(file)
        if frames is None:
            try:
                coming = measure_file(model, rate, find_source(recordings[number].file), still)
                frames = store_measures(file, minutes.watch(number, coming))
            except UnreadableVideoError as error:
                frames = error
        minutes.finish(number)
        return frames

    counts = thread_map(measure, range(len(recordings)))
    problems: list[str] = []
    for recording, frames in zip(recordings, counts, strict=True):
        if not isinstance(frames, int):
            problems.append(str(frames))
        elif not frames:
            problems.append(f"{recording.name}: is shorter than a frame at {rate:g} per second")
    for problem in problems:
        log.warning("skipped: %s", problem)
    measured = [
        MeasuredRecording(recording, folder / f"{number:05d}.npz", frames)
        for number, (recording, frames) in enumerate(zip(recordings, counts, strict=True))
        if isinstance(frames, int) and frames
    ]
    if not measured:
        raise StillmotionError(f"none of {count(len(recordings), 'video')} can be read: {problems[0]}")
    return measured


def each_once(measured: Sequence[MeasuredRecording]) -> list[MeasuredRecording]:
    """Leave out copies: one of two would be held out from a memory that has the other, and both would be counted.

    Args:
        measured: recordings.

    Returns:
        The first of those with the same content; what is skipped is logged.
    """
    first: dict[str, MeasuredRecording] = {}
    for part in measured:
        same = first.setdefault(content_hash(part.recording.file), part)
        if same is not part:
            log.warning("skipped: %s: the same as %s", part.recording.name, same.recording.name)
    return list(first.values())


class _Minutes:
    """Reports how much of several recordings is measured: one may last for hours.

    Args:
        recordings: what is measured.
        progress: receives minutes of footage.
    """

    def __init__(self, recordings: Sequence[Recording], progress: Progress) -> None:
        self._seconds = np.array([_duration(recording.file) for recording in recordings])
        self._done = np.zeros(len(recordings))
        self._progress, self._lock = progress, Lock()
        self._report()

    def watch(self, number: int, frames: Iterable[Measures]) -> Iterator[Measures]:
        """Pass on the frames of a recording, and report how far they are."""
        for measures in frames:
            yield measures
            if measures.seconds >= self._done[number] + REPORT_SECONDS:
                self._done[number] = measures.seconds
                self._report()

    def finish(self, number: int) -> None:
        """All of a recording is measured, or cannot be."""
        self._done[number] = self._seconds[number]
        self._report()

    def _report(self) -> None:
        with self._lock:
            total, done = self._seconds.sum(), np.minimum(self._done, self._seconds).sum()
            minutes = max(1, round(total / 60))
            self._progress("measuring, in minutes", int(minutes * done / total) if total else 0, minutes)


def _duration(file: Path) -> float:
    """Of a recording, in seconds; 0 if it cannot be read."""
    try:
        return probe(file).seconds
    except UnreadableVideoError:
        return 0.0


def store_measures(file: Path, frames: Iterable[Measures]) -> int:
    """Write the measures of a recording.

    Args:
        file: an .npz file.
        frames: as they come; no more than 500 of them are kept in memory.

    Returns:
        How many there were.
    """
    coming, count = iter(frames), 0
    with atomic_write(file) as part, zipfile.ZipFile(part, "w") as archive:
        while chunk := list(islice(coming, CHUNK)):
            kinds = [("seconds", "f8"), ("starts", "?")]
            halves = [(name, "f2", getattr(chunk[0], name).shape) for name in ("patches", "top", "flow")]
            with archive.open(f"frames{count // CHUNK}.npy", "w", force_zip64=True) as opened:
                np.lib.format.write_array(opened, np.array(chunk, [*kinds, *halves]), allow_pickle=False)
            count += len(chunk)
        with archive.open("count.npy", "w") as opened:
            np.lib.format.write_array(opened, np.array(count), allow_pickle=False)
    return count


def _count(file: Path) -> int | None:
    """How many frames are stored in a file; None if it is not there, or damaged."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            return int(archive["count"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def unfinished_folder(folder: Path, recordings: Sequence[Recording], weights: str, rate: float) -> Path:
    """The folder in which the measures of just these recordings are kept; those of others are deleted.

    Args:
        folder: where such folders are.
        recordings: which files, in their present state.
        weights: identifies the backbone, see `weights_id`.
        rate: frames per second.

    Returns:
        The folder, which need not exist.
    """
    digest = hashlib.sha256(f"{weights} {rate}".encode())
    for recording in recordings:
        status = recording.file.stat()
        digest.update(f"{recording.file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    name = digest.hexdigest()[:16]
    for other in folder.iterdir() if folder.is_dir() else ():
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return folder / name


def content_hash(file: Path) -> str:
    """A hash by which a video is known again under another name: of its size and its first megabyte."""
    with file.open("rb") as opened:
        return hashlib.sha256(f"{file.stat().st_size} ".encode() + opened.read(_HASHED_BYTES)).hexdigest()[:32]
