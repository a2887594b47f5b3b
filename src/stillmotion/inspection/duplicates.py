"""The same footage twice, where that matters: under two labels, in two groups, or in two parts of a split."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import Segment, read_frames, thread_map
from stillmotion.decoding import source_files
from stillmotion.errors import UnreadableVideoError
from stillmotion.progress import Progress, no_progress

# Videos are compared by this many small gray frames at even times.
FRAMES, SIDE = 6, 24
# Frames of two videos of one scene differ by noise and by what moves. A re-encoded copy differs from its original by
# much less than the frames of the original differ from one another. Levels are of 255.
MAX_DIFFERENCE, MAX_SHARE_OF_CHANGE = 4.0, 0.25
# A video that hardly changes is a copy only if its frames agree almost exactly.
MIN_LIMIT = 0.1
# Bytes that are read at once.
BLOCK = 4 << 20
# Copies may differ in duration by this many seconds, and by this share of it.
DURATION_TOLERANCE, DURATION_TOLERANCE_SHARE = 0.1, 0.02


@dataclass(frozen=True)
class DuplicatePair:
    """Two videos that show the same.

    Attributes:
        first: the one that comes first in the data set.
        second: the other.
        difference: the mean difference of their frames, in levels of 255.
    """

    first: Segment
    second: Segment
    difference: float


def copies(segments: Sequence[Segment], *, progress: Progress = no_progress) -> list[tuple[Segment, Segment]]:
    """Find overlapping segments of one file, and files with the same bytes, under two labels or in two groups.

    Only files of equal size are read. `near_duplicates` finds footage that was encoded again.

    Args:
        segments: of an opened data set.
        progress: receives the number of bytes read, in millions: files of equal size may be large.

    Returns:
        Pairs of segments that overlap, then pairs of the first of several equal files and a copy of it.
    """
    by_file: dict[Path, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_file[segment.file].append(segment)
    overlapping = [pair for same_file in by_file.values() for pair in _overlaps(same_file)]
    return overlapping + _equal_files([same_file[0] for same_file in by_file.values()], progress)


def _differ(first: Segment, second: Segment) -> bool:
    """Whether two segments have other labels or groups."""
    return (first.video.label, first.video.group) != (second.video.label, second.video.group)


def _overlaps(same_file: Sequence[Segment]) -> list[tuple[Segment, Segment]]:
    """Pairs of segments of one file that share footage under two labels or in two groups, by start."""
    pairs = []
    unfinished: list[Segment] = []
    for segment in sorted(same_file, key=lambda segment: segment.window):
        unfinished = [earlier for earlier in unfinished if earlier.window[1] > segment.window[0]]
        pairs += [(earlier, segment) for earlier in unfinished if _differ(earlier, segment)]
        unfinished.append(segment)
    return pairs


def _equal_files(segments: Sequence[Segment], progress: Progress) -> list[tuple[Segment, Segment]]:
    """Pairs of files with the same bytes under two labels or in two groups, from one segment per file."""
    by_size: dict[int, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_size[sum(file.stat().st_size for file in source_files(segment.file))].append(segment)
    candidates = {size: same_size for size, same_size in by_size.items() if len(same_size) > 1}
    total = sum(size * len(same_size) for size, same_size in candidates.items())
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        progress("looking for copies (MB)", done // 10**6, total // 10**6)

    originals: dict[bytes, Segment] = {}
    pairs = []
    for segment in chain.from_iterable(candidates.values()):
        original = originals.setdefault(_digest(segment.file, count), segment)
        if _differ(original, segment):
            pairs.append((original, segment))
    return pairs


def _digest(path: Path, count: Callable[[int], None]) -> bytes:
    """A hash of the bytes of a video's files, whose numbers are counted as they are read."""
    digest = hashlib.blake2b()
    for source in source_files(path):
        of_file = hashlib.blake2b()
        with source.open("rb") as file:
            while block := file.read(BLOCK):
                of_file.update(block)
                count(len(block))
        digest.update(of_file.digest())
    return digest.digest()


def near_duplicates(segments: Sequence[Segment], *, progress: Progress = no_progress) -> list[DuplicatePair]:
    """Find pairs of videos that show the same footage, across labels or across the table's own parts.

    Two videos are a pair if six small gray frames of each differ by at most 4 levels of 255 on average, and by at most
    a quarter of how much the video changes from frame to frame.

    Args:
        segments: of an opened data set.
        progress: receives the number of videos looked at.

    Returns:
        The pairs, in the order of the segments.
    """
    looked_at = thread_map(_thumbnails, segments, progress, "comparing videos")
    decoded = [
        (segment, thumbnails) for segment, thumbnails in zip(segments, looked_at, strict=True) if thumbnails is not None
    ]
    if len(decoded) < 2:
        return []
    readable = [segment for segment, _ in decoded]
    frames = np.stack([thumbnails for _, thumbnails in decoded])
    changes = np.abs(np.diff(frames, axis=1)).mean((1, 2, 3))
    limits = np.clip(MAX_SHARE_OF_CHANGE * changes, MIN_LIMIT, MAX_DIFFERENCE)
    brightness, pixels = frames.mean((2, 3)), frames.reshape(len(frames), -1)
    pairs = []
    for i, first in enumerate(readable[:-1]):
        # Comparing brightness first saves most comparisons of pixels: means never differ by more than pixels do.
        candidates = i + 1 + np.flatnonzero(np.abs(brightness[i + 1 :] - brightness[i]).mean(1) <= limits[i])
        for j in candidates:
            second = readable[int(j)]
            if first.video.label == second.video.label and first.video.part == second.video.part:
                continue
            if abs(first.seconds - second.seconds) > DURATION_TOLERANCE + DURATION_TOLERANCE_SHARE * first.seconds:
                continue
            difference = float(np.abs(pixels[i] - pixels[j]).mean())
            if difference <= min(limits[i], limits[j]):
                pairs.append(DuplicatePair(first, second, difference))
    return pairs


def _thumbnails(segment: Segment) -> NDArray[np.float32] | None:
    """Gray frames at even times, `(frames, side, side)`, 0 to 255; None if the file cannot be decoded."""
    start, end = segment.window
    times = start + (np.arange(FRAMES) + 0.5) * (end - start) / FRAMES
    try:
        images = read_frames(segment.file, times, SIDE, SIDE).shown_at(times)
    except UnreadableVideoError:
        return None
    gray: NDArray[np.float32] = images.mean(-1, dtype=np.float32)
    return gray
